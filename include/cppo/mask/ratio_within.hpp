/// @file
/// PPO's interval on the importance ratio.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps tokens with low <= rho_t <= high, both inclusive. [Eq. 2]
class ratio_within_t {
 public:
  static constexpr clause kind = clause::ratio;  ///< the clause it is counted under
  /// Use `ratio_within`.
  CPPO_HOST_DEVICE constexpr ratio_within_t(double low, double high) noexcept : low_(low), high_(high) {}
  /// The smallest ratio that is kept.
  CPPO_HOST_DEVICE constexpr double low() const noexcept { return low_; }
  /// The largest ratio that is kept.
  CPPO_HOST_DEVICE constexpr double high() const noexcept { return high_; }
  /// Checks that 0 < low <= high, and both are finite.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({
        {low_ > 0.0 && low_ <= 1e30, "ratio_within(low, ...)", low_, "in (0, 1e30]: ppo has low = 1 - epsilon_low"},
        {high_ >= low_ && high_ <= 1e30, "ratio_within(..., high)", high_,
         "in [low, 1e30]: ppo has high = 1 + epsilon_high"}});
  }
  /// True if low <= rho <= high.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return holds(t.ratio());
  }
  /// max(rho / high, low / rho).
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return excess_of(t.ratio());
  }
  /// The same of a ratio that is known.
  /// @{
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto holds(V rho) const noexcept {
    return (rho >= V(low_)) & (rho <= V(high_));
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_of(V rho) const noexcept {
    return max(rho / V(high_), V(low_) / rho);
  }
  /// @}

 private:
  double low_, high_;
};

/// Keeps tokens with low <= rho <= high. `ratio_within(0.8, 1.28)` is Clip-Higher's interval. [Eq. 2]
constexpr ratio_within_t ratio_within(double low, double high) noexcept { return {low, high}; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
