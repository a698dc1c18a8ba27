/// @file
/// A rule that weighs a token by the root of its ratio.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/root.hpp>
#include <cppo/rules/objective.hpp>
#include <cppo/surrogate/forms.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// -sg(sqrt(min(rho, high))) A log pi.
constexpr auto gentle(double high = 4.0) noexcept { return objective(score_form(sqrt(min(ratio, high)))); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
