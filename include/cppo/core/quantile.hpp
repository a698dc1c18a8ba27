/// @file
/// The exact quantile of a set of values, with linear interpolation.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <algorithm>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// Where the q-quantile of n > 0 values lies: between order statistics `rank` and `next`, at the fraction `share` of
/// the way.
struct quantile_place {
  index_t rank, next;
  double share;
  /// Rounds the product q (n - 1) before it is split into rank and share.
  CPPO_HOST_DEVICE constexpr quantile_place(double q, index_t n) noexcept {
    double const place = rounded_product(q > 0.0 ? (q < 1.0 ? q : 1.0) : 0.0, static_cast<double>(n - 1));
    rank = static_cast<index_t>(place) < n - 1 ? static_cast<index_t>(place) : n - 1;
    next = rank + 1 < n ? rank + 1 : rank;
    share = place - static_cast<double>(rank);
  }
  /// a + (b - a) * share; the product is rounded first.
  CPPO_HOST_DEVICE constexpr double between(double a, double b) const noexcept {
    return a + rounded_product(b - a, share);
  }
};
}  // namespace detail

/// The linearly interpolated q-quantile of values[0 .. n): at position q (n - 1) between order statistics, a + (b - a)
/// * frac in double, as numpy and torch define it. q below 0 or NaN counts as 0, above 1 as 1. Returns 0 for n = 0.
/// Reorders `values`. O(n) expected.
template <class Real>
constexpr double quantile(Real* values, index_t n, double q) noexcept {
  if (n <= 0) return 0.0;
  detail::quantile_place const place(q, n);
  std::nth_element(values, values + place.rank, values + n);
  double const a = static_cast<double>(values[place.rank]);
  if (place.next == place.rank) return a + 0.0;  // never -0
  return place.between(a, static_cast<double>(*std::min_element(values + place.next, values + n)));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
