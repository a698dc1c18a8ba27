/// @file
/// Forward declarations.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/config.hpp>

namespace cppo { inline namespace CPPO_ABI {

template <class Register>
class lane;
template <class Register>
class lane_mask;
template <class V>
class token;
template <class V>
class position;
template <class Real>
class rollout_batch_view;
struct status;
struct report;
struct response_summary;
struct prefix_sums;

}}  // namespace cppo

#include <cppo/macros_on.inc>
