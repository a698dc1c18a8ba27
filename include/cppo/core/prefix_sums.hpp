/// @file
/// The prefix of a token: exact sums of drift, weight and allowance over the tokens before it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exact_sum.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The drift of a prefix of a response, and its allowance. A commutative monoid under `+` with identity `{}`.
/// [Eq. 8]
struct prefix_sums {
  exact_sum drift;      ///< S = sum of Z_j = w_j D_j
  exact_sum weight;     ///< W = sum of w_j
  exact_sum allowance;  ///< the allowance, delta_b W = sum of w_j delta_b
  index_t count = 0;    ///< valid tokens

  /// True if S_{t-1} + Z_t <= delta + delta_b W_{t-1}, exactly. These are the sums before t. [Eq. 8]
  CPPO_HOST_DEVICE constexpr bool admits(exact_sum z, exact_sum delta) const noexcept {
    return (allowance - drift + delta - z).nonnegative();
  }
  /// Sums of two consecutive pieces together.
  CPPO_HOST_DEVICE friend constexpr prefix_sums operator+(prefix_sums const& a, prefix_sums const& b) noexcept {
    return {a.drift + b.drift, a.weight + b.weight, a.allowance + b.allowance, a.count + b.count};
  }
  /// True if all sums are the same.
  CPPO_HOST_DEVICE friend constexpr bool operator==(prefix_sums const& a, prefix_sums const& b) noexcept {
    return a.drift == b.drift && a.weight == b.weight && a.allowance == b.allowance && a.count == b.count;
  }
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
