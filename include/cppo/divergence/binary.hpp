/// @file
/// Divergences of the two-cell partition {y_t, everything else}.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>
#include <cppo/divergence/cell.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// KL(e^log_q || e^log_p) of two Bernoulli laws, for lanes of doubles, to be rounded to Real; never negative. It is
/// +inf where p = 1 and q < 1. A log-prob above 0, which `log_prob_tolerance` may let through, counts as 0.
template <class Real, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V bernoulli_kl(V log_p, V log_q) noexcept {
  V const b = min(log_p, V(0)), a = min(log_q, V(0));
  cell<Real, V> const hit(b, a, a <= V(0));
  // The other cell: the smaller mass there is 1 - max(p, q), and it loses what this one gains.
  V const kl = hit.kl + kl_of_masses<Real>(hit.larger.complement(), select(hit.grew, -hit.gap, hit.gap));
  return select((b == V(0)) & (a < V(0)), V(special<double>::infinity), kl);
}

/// d KL(e^log_q || e^log_p) / d log_p of two Bernoulli laws, (p - q) / (1 - p), for lanes of doubles; 0 where p is 1.
template <class Real, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V bernoulli_kl_slope(V log_p, V log_q) noexcept {
  V const floor(exp_floor<double>), b = min(log_p, V(0)), a = min(log_q, V(0)), d = b - a;
  V const larger = exp_core_for<Real>(max(max(a, b), floor)).value();
  V const gap = larger * exp_core_for<Real>(max(-abs(d), floor)).complement();
  V const rest = exp_core_for<Real>(max(b, floor)).complement();
  return only(rest > V(0), select(d > V(0), gap, -gap) / rest);
}

}  // namespace detail

/// Binary total variation, D = |pi(y_t) - mu(y_t)|.
///
/// Computed as max(pi, mu) (1 - e^{-|log pi - log mu|}): two exponentials, no cancellation, symmetric. In [0, 1] where
/// no log-prob is above 0; absolute error below 1.1e-7 in float. A lower bound of the full total variation.
struct binary_tv_t {
  /// The largest D there is.
  constexpr double largest() const noexcept { return 1.0; }
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V at(token<V> const& t) const noexcept {
    V const larger = max(max(t.log_prob(), t.rollout_log_prob()), V(detail::exp_floor<typename V::value_type>));
    return detail::exp_core(larger).value() * t.ratio_gap();
  }
};
/// Binary total variation.
inline constexpr binary_tv_t binary_tv{};

/// Binary KL(mu || pi) = mu log(mu / pi) + (1 - mu) log((1 - mu) / (1 - pi)), nats.
///
/// Computed in double from the log-probs, without cancellation anywhere, and rounded once: in float the relative error
/// is below 6e-8. +inf saturates at 1000.
struct binary_kl_t {
  static constexpr bool is_costly = true;  ///< two exponentials in double
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V between(V log_p, V log_q) const noexcept {
    using T = typename V::value_type;
    auto const kl = [](auto p, auto q) CPPO_INLINE_LAMBDA { return detail::bernoulli_kl<T>(p, q); };
    return detail::in_double(kl, log_p, log_q);
  }
  /// Its derivative by log pi, (pi - mu) / (1 - pi), for a penalty; 0 where pi is 1.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept {
    using T = typename V::value_type;
    auto const slope = [](auto p, auto q) CPPO_INLINE_LAMBDA { return detail::bernoulli_kl_slope<T>(p, q); };
    return detail::in_double(slope, t.log_prob(), t.rollout_log_prob());
  }
};
/// Binary KL(mu || pi).
inline constexpr binary_kl_t binary_kl{};

/// Binary KL in the other direction, KL(pi || mu).
struct binary_kl_reverse_t {
  static constexpr bool is_costly = true;  ///< two exponentials in double
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V between(V log_p, V log_q) const noexcept {
    return binary_kl_t{}.between(log_q, log_p);
  }
};
/// Binary KL(pi || mu).
inline constexpr binary_kl_reverse_t binary_kl_reverse{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
