/// @file
/// What is needed to decide the tokens of a response on registers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/fold_values.hpp>
#include <cppo/execution/simd/prefix.hpp>
#include <cppo/execution/simd/tokens.hpp>
#include <cppo/objective/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

using lane_folds = fold_values<float>;  // named: nvcc 13.0 hands `fold_values<float> x = {}` to g++ garbled

/// What is needed to decide the tokens of a response. It is a copy that nothing points to, so that it stays in
/// registers while outputs are written.
template <class Region, class Weigh>
struct deciding {
  using region_type = Region;
  Region region;
  surrogate<float> objective;
  Weigh weigh;
  simd_prefix prefix;
  simd_lane scale;
  response_summary const* whole;
  lane_folds folds = {};
  input_extremes input = {};
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
