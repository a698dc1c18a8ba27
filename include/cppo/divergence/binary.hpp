/// @file
/// Divergences of the two-cell partition {y_t, everything else}.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// KL(e^a || e^b) of two Bernoulli laws with success log-probabilities a and b, in double, never negative. log(1 - p)
/// comes from log p, so nothing cancels near p = 1. +inf where b = 0 and a < 0. A log-prob above 0, which
/// `log_prob_tolerance` may let through, counts as 0.
CPPO_HOST_DEVICE constexpr double bernoulli_kl(double a, double b) noexcept {
  a = a > 0.0 ? 0.0 : a;  // equivalent: only the sign of a zero differs, and nothing below reads it
  b = b > 0.0 ? 0.0 : b;  // equivalent: the sign of a log-prob of 0 reaches nothing
  // equivalent: both terms are 0 then, or NaN where both are -inf, and NaN becomes 0 in the last line: it saves time
  if (a == b) return 0.0;
  double const p = exp_nonpositive(a);
  // equivalent: at -700 both are 1
  double const rest = a < -700.0 ? 1.0 : exp_core(lane<double>(a)).complement().raw();
  double const hit = rounded_product(p, a - b);
  double const miss = rest > 0.0 ? rounded_product(rest, log1mexp(a) - log1mexp(b)) : 0.0;
  double const kl = hit + miss;
  return kl > 0.0 ? kl : 0.0;  // equivalent: differs for -0 alone, and the second term is +0 wherever the first is -0
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
/// Computed in double from the log-probs, accurate near p = 0 and p = 1, and rounded once. +inf saturates at 1000.
struct binary_kl_t {
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V between(V log_p, V log_q) const noexcept {
    using T = typename V::value_type;
    return detail::map_lanes(log_p, log_q, [](T p, T q) {
      return static_cast<T>(detail::bernoulli_kl(static_cast<double>(q), static_cast<double>(p)));
    });
  }
};
/// Binary KL(mu || pi).
inline constexpr binary_kl_t binary_kl{};

/// Binary KL in the other direction, KL(pi || mu).
struct binary_kl_reverse_t {
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
