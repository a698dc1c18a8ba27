/// @file
/// A threshold on the weighted divergence of each token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps tokens with Z_t = w_t D_t <= delta, inclusive; that is D_t <= delta / w_t. [Eq. 3, Eq. 8] With two thresholds,
/// `high` holds where A > 0 and `low` elsewhere.
class divergence_within_t {
 public:
  static constexpr clause kind = clause::divergence;  ///< the clause it is counted under
  /// Use `divergence_within`. `low` holds where A <= 0, `high` where A > 0.
  CPPO_HOST_DEVICE constexpr divergence_within_t(double low, double high) noexcept : low_(low), high_(high) {}
  /// The threshold where A <= 0.
  CPPO_HOST_DEVICE constexpr double low() const noexcept { return low_; }
  /// The threshold where A > 0.
  CPPO_HOST_DEVICE constexpr double high() const noexcept { return high_; }
  /// Checks that the thresholds are in [2^-126, 1000].
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    bool const two = !(low_ == high_ || (low_ != low_ && high_ != high_));
    char const* const low = two ? "divergence_within(delta_low, ...)" : "divergence_within(delta)";
    return detail::first_fault({detail::threshold_check(low_, low),
                                detail::threshold_check(high_, "divergence_within(..., delta_high)")});
  }
  /// True if one of the thresholds masks nothing, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept { return low_ >= largest || high_ >= largest; }
  /// True if Z_t <= delta.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return holds(t.weighted_divergence(), t.advantage());
  }
  /// Z_t / delta.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return excess_of(t.weighted_divergence(), t.advantage());
  }
  /// The delta for the sign of the advantage.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V threshold(token<V> const& t) const noexcept {
    return threshold_for(t.advantage());
  }
  /// The same of numbers that are known.
  /// @{
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto holds(V z, V a) const noexcept {
    return z <= threshold_for(a);
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_of(V z, V a) const noexcept {
    return z / threshold_for(a);
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V threshold_for(V a) const noexcept {
    return select(a > V(0), V(high_), V(low_));
  }
  /// @}

 private:
  double low_, high_;
};

/// Keeps tokens with w_t D_t <= delta, for delta in [2^-126, 1000].
constexpr divergence_within_t divergence_within(double delta) noexcept { return {delta, delta}; }
/// Keeps tokens with w_t D_t <= `delta_high` where A > 0 and <= `delta_low` elsewhere.
constexpr divergence_within_t divergence_within(double delta_low, double delta_high) noexcept {
  return {delta_low, delta_high};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
