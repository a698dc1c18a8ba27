/// @file
/// An exact order statistic with linear interpolation.
#pragma once

#include <cppo/core/types.hpp>

#include <algorithm>

namespace cppo::inline CPPO_ABI {

namespace detail {
/// a + (b - a) * share, the product rounded first.
constexpr double quantile_between(double a, double b, double share) noexcept { return a + rounded_product(b - a, share); }
}  // namespace detail

/// The linearly interpolated q-quantile of values[0 .. n): position q (n - 1) between order statistics,
/// a + (b - a) * frac in double, as numpy and torch define it. Reorders `values`. 0 for n = 0. O(n) expected.
template <class Real>
constexpr double quantile(Real* values, index_t n, double q) noexcept {
  if (n <= 0) return 0.0;
  double const place = q * static_cast<double>(n - 1);
  index_t const k = std::min(static_cast<index_t>(place), n - 1);
  std::nth_element(values, values + k, values + n);
  double const a = static_cast<double>(values[k]);
  if (k + 1 == n) return a;
  double const b = static_cast<double>(*std::min_element(values + k + 1, values + n));
  return detail::quantile_between(a, b, place - static_cast<double>(k));
}

}  // namespace cppo::inline CPPO_ABI
