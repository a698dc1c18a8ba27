/// @file
/// The cumulative prefix budget: every token is charged for the drift its prefix has already spent.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/budget/fixed.hpp>
#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps tokens with S_{t-1} + Z_t <= delta + delta_b W_{t-1}, inclusive, where S and W run over every earlier valid
/// token, kept or not. [Eq. 8, Algorithm 1 line 9]
///
/// Decided on exact integer sums, so the outcome does not depend on order, width, threads or cuts. A region holds at
/// most one.
template <budget B>
class prefix_budget_t {
 public:
  static constexpr clause kind = clause::budget;                               ///< for diagnostics
  static constexpr needs needed = needs::prefix_budget | detail::needs_of<B>;  ///< the scan, and the budget's own
  /// See `prefix_budget`.
  constexpr prefix_budget_t(double delta, B budget) noexcept : delta_(delta), budget_(budget) {}
  /// The initial slack.
  CPPO_HOST_DEVICE constexpr double delta() const noexcept { return delta_; }
  /// Where delta_b comes from.
  CPPO_HOST_DEVICE constexpr B const& source() const noexcept { return budget_; }
  /// delta in [2^-126, 1000], and the budget in its range?
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::threshold_check(delta_, "prefix_budget(delta, ...)"),
                                detail::parameters_of(budget_)});
  }
  /// Is delta_b one that no mean of D up to `largest` exceeds, so that the budget never runs out?
  constexpr bool out_of_reach(double largest) const noexcept {
    if constexpr (requires { budget_.out_of_reach(largest); }) return budget_.out_of_reach(largest);
    else return false;
  }
  /// S_{t-1} + Z_t <= delta + delta_b W_{t-1}
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return t.within_prefix_budget();
  }
  /// S_t / (delta + delta_b W_{t-1}) [Eq. 19]; read only under a soft gate, where executors fill in S and W.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return (t.prefix_drift() + t.weighted_divergence()) / (V(delta_) + t.prefix_allowance());
  }

 private:
  double delta_;
  B budget_;
};

/// Prefix budget with initial slack delta in [2^-126, 1000] and a budget for the prefix average.
template <budget B>
constexpr auto prefix_budget(double delta, B source) noexcept {
  return prefix_budget_t<B>(delta, source);
}
/// Prefix budget with a fixed delta_b.
constexpr prefix_budget_t<fixed_budget_t> prefix_budget(double delta, double delta_b) noexcept {
  return {delta, fixed_budget(delta_b)};
}

/// Never: it says what is wrong.
constexpr prefix_budget_t<fixed_budget_t> prefix_budget(double delta, detail::budget_argument) noexcept {
  return {delta, fixed_budget(0.0)};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
