/// @file
/// The quantities that expressions begin with: what a token is given, and what follows from it.
///
/// `log_prob`, `rollout_log_prob` and `advantage` name an input: called with a buffer they lend it, standing alone they
/// are the number that was lent.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/quantity.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// rho = e^d, after the clamp of the call where a surrogate asks.
struct ratio_t {
  static constexpr clause kind = clause::ratio;  ///< comparisons of it are counted as the ratio's
  /// rho.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.ratio();
  }
  /// rho; 0 where the log ratio is clamped.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept {
    return t.unclamped(t.ratio());
  }
};
/// d = log pi - log mu, after the clamp of the call where a surrogate asks.
struct log_ratio_t {
  static constexpr clause kind = clause::ratio;  ///< comparisons of it are counted as the ratio's
  /// d, nats.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.log_ratio();
  }
  /// 1; 0 where it is clamped.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept {
    return t.unclamped(V(1));
  }
};
/// pi(y_t | s_t).
struct prob_t {
  /// pi.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.prob();
  }
  /// pi.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept {
    return t.prob();
  }
};
/// mu(y_t | s_t).
struct rollout_prob_t {
  /// mu.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.rollout_prob();
  }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(0);
  }
};
/// D_t, of the region's divergence. A constant to the gradient.
struct divergence_t {
  static constexpr clause kind = clause::divergence;  ///< comparisons of it are counted as the divergence's
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.divergence();
  }
};
/// Z_t = w_t D_t. A constant to the gradient.
struct weighted_divergence_t {
  static constexpr clause kind = clause::divergence;  ///< comparisons of it are counted as the divergence's
  /// Z_t.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.weighted_divergence();
  }
};
/// The position t as a number: it counts valid tokens, from 1.
struct position_value_t {
  /// t.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.at().value();
  }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(0);
  }
};

}  // namespace quantities

/// rho = pi / mu at the token.
inline constexpr quantities::ratio_t ratio{};
/// d = log pi - log mu, nats.
inline constexpr quantities::log_ratio_t log_ratio{};
/// pi(y_t | s_t).
inline constexpr quantities::prob_t prob{};
/// mu(y_t | s_t).
inline constexpr quantities::rollout_prob_t rollout_prob{};
/// D_t, of the region's divergence.
inline constexpr quantities::divergence_t divergence{};
/// Z_t = w_t D_t, with the region's weight: `at_most(weighted_divergence, delta)` is `divergence_within(delta)`.
inline constexpr quantities::weighted_divergence_t weighted_divergence{};
/// The position t, from 1.
inline constexpr quantities::position_value_t position_value{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
