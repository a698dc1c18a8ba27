/// @file
/// The prefix budget: a token is masked if the drift of its prefix exceeds what the prefix is allowed.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/budget/fixed.hpp>
#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps tokens with S_{t-1} + Z_t <= delta + delta_b W_{t-1}, inclusive. S and W run over every earlier valid token,
/// kept or masked. [Eq. 8, Algorithm 1 line 9]
///
/// Decided on exact integer sums, so the outcome depends on no order, register width, number of threads or cut into
/// pieces. Cost: a scan over the response. A region holds at most one.
template <budget B>
class prefix_budget_t {
 public:
  static constexpr clause kind = clause::budget;                               ///< the clause it is counted under
  static constexpr needs needed = needs::prefix_budget | detail::needs_of<B>;  ///< the scan, and the budget's own
  /// Use `prefix_budget`.
  CPPO_HOST_DEVICE constexpr prefix_budget_t(double delta, B budget) noexcept : delta_(delta), budget_(budget) {}
  /// The initial slack delta.
  CPPO_HOST_DEVICE constexpr double delta() const noexcept { return delta_; }
  /// The budget, which gives delta_b.
  CPPO_HOST_DEVICE constexpr B const& source() const noexcept { return budget_; }
  /// Checks that delta is in [2^-126, 1000], and the budget's parameters.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::threshold_check(delta_, "prefix_budget(delta, ...)"),
                                detail::parameters_of(budget_)});
  }
  /// True if the budget never runs out, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept {
    if constexpr (requires { budget_.out_of_reach(largest); }) return budget_.out_of_reach(largest);
    else return false;
  }
  /// True if S_{t-1} + Z_t <= delta + delta_b W_{t-1}.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return t.within_prefix_budget();
  }
  /// S_t / (delta + delta_b W_{t-1}) [Eq. 19]. Asked for under a soft gate only, where executors set S and W as
  /// numbers.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return excess_of(t.prefix_drift(), t.weighted_divergence(), t.prefix_allowance());
  }
  /// The same of numbers that are known.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_of(V drift, V z, V allowance) const noexcept {
    return (drift + z) / (V(delta_) + allowance);
  }

 private:
  double delta_;
  B budget_;
};

/// The prefix budget with initial slack delta, in [2^-126, 1000], and a budget that gives delta_b.
template <budget B>
constexpr auto prefix_budget(double delta, B source) noexcept {
  return prefix_budget_t<B>(delta, source);
}
/// The prefix budget with the same delta_b for every response.
constexpr prefix_budget_t<fixed_budget_t> prefix_budget(double delta, double delta_b) noexcept {
  return {delta, fixed_budget(delta_b)};
}

/// Chosen for an argument that is no budget: it does not compile, and says what is wrong.
constexpr prefix_budget_t<fixed_budget_t> prefix_budget(double delta, detail::budget_argument) noexcept {
  return {delta, fixed_budget(0.0)};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
