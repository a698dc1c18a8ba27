/// @file
/// Exact sums of per-token values. They are integers, so any order of adding, and any cut, gives the same bits.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>
#include <cppo/core/parameter_check.hpp>
#include <cppo/core/types.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The limit of divergences, thresholds and budgets: |D_t|, delta and delta_b never exceed it. An infinite divergence
/// counts as 1000.
inline constexpr double divergence_limit = 1000.0;

namespace detail {
/// Checks that a threshold on divergences is in [2^-126, 1000], which makes it a normal number as a float too.
CPPO_HOST_DEVICE constexpr parameter_check threshold_check(double delta, char const* name) noexcept {
  return {delta >= 0x1p-126 && delta <= divergence_limit, name, delta,
          "in [2^-126, 1000]: to keep no token write keep_none in its place, to keep all keep_all"};
}
}  // namespace detail

/// A sum on the grid 2^-40 in two limbs: value = high * 2^-15 + low * 2^-40. Exact up to 2^31 terms of magnitude 1000.
struct exact_sum {
  index_t high = 0;  ///< units of 2^-15
  index_t low = 0;   ///< units of 2^-40

  /// The sum as a number, rounded once.
  CPPO_HOST_DEVICE constexpr double value() const noexcept {
    return static_cast<double>(high) * 0x1p-15 + static_cast<double>(low) * 0x1p-40;
  }
  /// True if the sum is >= 0, exactly.
  CPPO_HOST_DEVICE constexpr bool nonnegative() const noexcept { return high + (low >> 25) >= 0; }
  /// Exact sum.
  CPPO_HOST_DEVICE friend constexpr exact_sum operator+(exact_sum a, exact_sum b) noexcept {
    return {a.high + b.high, a.low + b.low};
  }
  /// Exact difference.
  CPPO_HOST_DEVICE friend constexpr exact_sum operator-(exact_sum a, exact_sum b) noexcept {
    return {a.high - b.high, a.low - b.low};
  }
  /// True if both are the same number.
  CPPO_HOST_DEVICE friend constexpr bool operator==(exact_sum a, exact_sum b) noexcept {
    exact_sum const d = a - b;
    return d.nonnegative() && (b - a).nonnegative();
  }
};

namespace detail {

/// Nearest integer, ties to even, for |x| < 2^31.
CPPO_HOST_DEVICE constexpr index_t nearest(double x) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) return __double2int_rn(x);
#endif
  return static_cast<index_t>((x + 6755399441055744.0) - 6755399441055744.0);
}

CPPO_HOST_DEVICE constexpr index_t nearest(float x) noexcept {
#if defined(__CUDA_ARCH__)
  if (!__builtin_is_constant_evaluated()) return __float2int_rn(x);
#endif
  return nearest(static_cast<double>(x));
}

/// x on the grid, for |x| <= 1000: high = nearest(2^15 x), low = the rest in units of 2^-40, rounded.
template <class Real>
CPPO_HOST_DEVICE constexpr exact_sum to_grid(Real x) noexcept {
  Real const scaled = x * Real(32768);
  index_t const high = nearest(scaled);
  Real const rest = (scaled - static_cast<Real>(high)) * Real(33554432);
  return {high, nearest(rest)};
}

/// `bound` as a Real, rounded to the grid: what a mean of tokens whose value is `bound` comes to. A mean is compared
/// with it.
template <class Real>
CPPO_HOST_DEVICE constexpr double on_grid(double bound) noexcept {
  return to_grid(static_cast<Real>(bound)).value();
}

/// sum / count for count > 0. The mean of equal values on the grid is that value, to the bit. Each limb is divided as
/// an integer, then the remainders. The limbs are taken as they are, so that one sum that is split into limbs in two
/// ways may give means that differ in the last bit.
CPPO_HOST_DEVICE constexpr double mean_of(exact_sum sum, index_t count) noexcept {
  auto const [high, low] = sum;
  double const whole = static_cast<double>(high / count) * 0x1p-15 + static_cast<double>(low / count) * 0x1p-40;
  double const rest = static_cast<double>(high % count) * 0x1p-15 + static_cast<double>(low % count) * 0x1p-40;
  return whole + rest / static_cast<double>(count);
}

/// x brought into [-1000, 1000]. NaN counts as 1000.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V saturate(V x) noexcept {
  return max(min(x, V(divergence_limit)), V(-divergence_limit));
}

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
