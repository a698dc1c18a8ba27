/// @file
/// The single-sample estimators k1, k2 and k3 of KL(mu || pi), from the log ratio at the sampled token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// e^d - 1 - d for lanes of doubles, never negative. A series is used for |d| <= 0.5, so nothing cancels.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V k3_of(V d) noexcept {
  V q(1.0 / 1307674368000.0);  // 1 / 15!; equivalent: each of the first two moves k3 by 1e-20 of itself at most
  q = q * d + V(1.0 / 87178291200.0);
  q = q * d + V(1.0 / 6227020800.0);
  q = q * d + V(1.0 / 479001600.0);
  q = q * d + V(1.0 / 39916800.0);
  q = q * d + V(1.0 / 3628800.0);
  q = q * d + V(1.0 / 362880.0);
  q = q * d + V(1.0 / 40320.0);
  q = q * d + V(1.0 / 5040.0);
  q = q * d + V(1.0 / 720.0);
  q = q * d + V(1.0 / 120.0);
  q = q * d + V(1.0 / 24.0);
  q = q * d + V(1.0 / 6.0);
  q = q * d + V(0.5);
  V const near = (d * d) * q, size = abs(d);
  // equivalent x2: at 700 both are -700; reached beyond 0.5 alone
  V const small = exp_core(max(-size, V(-700))).value();
  V const up = select(d > V(0), V(1) / small, only(d >= V(-700), small));
  return select(size <= V(0.5), near, (up - V(1)) - d);
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
  static constexpr bool is_costly = true;  ///< two exponentials in double
  /// k3.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V between(V log_p, V log_q) const noexcept {
    return detail::in_double([](auto p, auto q) CPPO_INLINE_LAMBDA { return detail::k3_of(p - q); }, log_p, log_q);
  }
};
/// k3 = rho - 1 - log rho.
inline constexpr k3_t k3{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
