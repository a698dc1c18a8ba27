/// @file
/// The single-sample estimators k1, k2 and k3 of KL(mu || pi), from the log ratio at the sampled token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// e^d - 1 - d in double, never negative. A series is used for |d| <= 0.5, so nothing cancels.
CPPO_HOST_DEVICE constexpr double k3_of(double d) noexcept {
  if (d <= 0.5 && d >= -0.5) {
    double q = 1.0 / 1307674368000.0;  // 1 / 15!
    double inverse_factorial[] = {0.5,           1.0 / 6,         1.0 / 24,        1.0 / 120,       1.0 / 720,
                                  1.0 / 5040,    1.0 / 40320,     1.0 / 362880,    1.0 / 3628800,   1.0 / 39916800,
                                  // equivalent: moves k3 by 1e-20 of itself at most
                                  1.0 / 479001600, 1.0 / 6227020800.0, 1.0 / 87178291200.0};
    for (int n = 12; n >= 0; --n) q = rounded_product(q, d) + inverse_factorial[n];
    return rounded_product(rounded_product(d, d), q);
  }
  // equivalent x2: at 700 both are -700; reached beyond 0.5 alone
  double const up = d > 0.0 ? 1.0 / exp_nonpositive(d > 700.0 ? -700.0 : -d) : exp_nonpositive(d);
  return (up - 1.0) - d;
}

}  // namespace detail

/// k1 = -log rho = log mu - log pi. Signed; its mean under mu is KL(mu || pi).
struct k1_t {
  /// k1.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V between(V log_p, V log_q) const noexcept {
    return log_q - log_p;
  }
};
/// k1 = -log rho.
inline constexpr k1_t k1{};

/// k2 = (log rho)^2 / 2.
struct k2_t {
  /// k2.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V between(V log_p, V log_q) const noexcept {
    V const d = log_p - log_q;
    return V(0.5) * (d * d);
  }
};
/// k2 = (log rho)^2 / 2.
inline constexpr k2_t k2{};

/// k3 = rho - 1 - log rho >= 0. Its mean under mu is KL(mu || pi) too, with less variance than k1. Computed in double.
struct k3_t {
  /// k3.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V between(V log_p, V log_q) const noexcept {
    using T = typename V::value_type;
    return detail::map_lanes(log_p, log_q, [](T p, T q) {
      return static_cast<T>(detail::k3_of(static_cast<double>(p) - static_cast<double>(q)));
    });
  }
};
/// k3 = rho - 1 - log rho.
inline constexpr k3_t k3{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
