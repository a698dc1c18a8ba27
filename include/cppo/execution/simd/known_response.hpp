/// @file
/// What is known of a response before its tokens are decided on registers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/fold_values.hpp>
#include <cppo/execution/simd/prefix.hpp>
#include <cppo/execution/simd/tokens.hpp>
#include <cppo/objective/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

using lane_folds = fold_values<float>;  // named: nvcc 13.0 hands `fold_values<float> x = {}` to g++ garbled

/// Whether a report is asked for: it takes sums, counts and marks of every token.
enum class with_report : bool { no, yes };
/// True if one is.
constexpr bool reports(with_report asked) noexcept { return asked == with_report::yes; }
/// Whether every lane of a group holds a token.
enum class lanes_hold : bool { some, all };

/// A region whose mask is walked through step by step, for all registers of a group at once.
template <class Region>
concept walks_steps = requires { requires Region::walks_steps; };

/// What is known of a response before its tokens are decided. It is a copy that nothing points to, so that it stays in
/// registers while outputs are written.
template <class Region, class Weigh>
struct known_response {
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
