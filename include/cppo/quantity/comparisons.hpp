/// @file
/// Comparisons of quantities, which are masks.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>
#include <cppo/quantity/arithmetic.hpp>
#include <cppo/quantity/called.hpp>
#include <cppo/quantity/inputs.hpp>
#include <cppo/quantity/refused_operators.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// A bound that is outside: `at_most(q, below(x))` is q < x.
template <class Q>
struct open_bound {
  static constexpr bool is_unfinished = true;  ///< no number before a comparison takes it
  Q bound;  ///< the bound
};

/// Whether a bound is inside.
enum class bound : bool { outside, inside };

/// q <= x, or q < x.
template <class Q, class X, bound Kind>
struct at_most_t {
  using left_type = Q;                                  ///< what is compared
  using right_type = X;                                 ///< the bound
  static constexpr bool made_of_masks = true;           ///< each has been checked on its own
  static constexpr clause kind = detail::clause_of<Q>;  ///< the clause it is counted under
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<X>;  ///< union
  Q left;                                               ///< what is compared
  X right;                                              ///< the bound
  /// True if q <= x (q < x where the bound is outside). False for NaN.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    if constexpr (Kind == bound::inside) return left(t) <= right(t);
    else return left(t) < right(t);
  }
  /// True if q is D or Z and the bound a number that none reaches, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept
    requires std::is_same_v<X, constant> &&
             (std::is_same_v<Q, divergence_t> || std::is_same_v<Q, weighted_divergence_t>)
  {
    return Kind == bound::inside ? right.number >= largest : right.number > largest;
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// q >= x, or q > x.
template <class Q, class X, bound Kind>
struct at_least_t {
  using left_type = Q;                                  ///< what is compared
  using right_type = X;                                 ///< the bound
  static constexpr bool made_of_masks = true;           ///< each has been checked on its own
  static constexpr clause kind = detail::clause_of<Q>;  ///< the clause it is counted under
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<X>;  ///< union
  Q left;                                               ///< what is compared
  X right;                                              ///< the bound
  /// True if q >= x (q > x where the bound is outside). False for NaN.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    if constexpr (Kind == bound::inside) return left(t) >= right(t);
    else return left(t) > right(t);
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// Two bounds of one quantity: the clauses `Low` and `High`, whose order is checked where both bounds are numbers.
template <class Low, class High>
struct interval : both_masks<Low, High> {
  /// Checks the parameters of both clauses, and of two numbers their order.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({both_masks<Low, High>::check(),
                                detail::interval_check(this->first.right, this->second.right,
                                                       "between(q, low, high)")});
  }
};

// So that comparisons find the operators of masks.
using operators::operator&;
using operators::operator|;
using operators::operator!;
using operators::operator&&;
using operators::operator||;

}  // namespace quantities

/// A bound that is outside itself: `at_most(q, below(x))` keeps q < x.
template <detail::quantity_operand X>
constexpr auto below(X x) noexcept {
  return quantities::open_bound<detail::quantity_of<X>>{detail::as_quantity(x)};
}
/// A bound that is outside itself: `at_least(q, above(x))` keeps q > x.
template <detail::quantity_operand X>
constexpr auto above(X x) noexcept {
  return quantities::open_bound<detail::quantity_of<X>>{detail::as_quantity(x)};
}

/// Keeps tokens with q <= x. A token whose q is NaN is masked.
template <detail::quantity_operand Q, detail::quantity_operand X>
constexpr auto at_most(Q q, X x) noexcept {
  return quantities::at_most_t<detail::quantity_of<Q>, detail::quantity_of<X>, quantities::bound::inside>{
      detail::as_quantity(q), detail::as_quantity(x)};
}
/// Keeps tokens with q < x.
template <detail::quantity_operand Q, class X>
constexpr auto at_most(Q q, quantities::open_bound<X> x) noexcept {
  return quantities::at_most_t<detail::quantity_of<Q>, X, quantities::bound::outside>{detail::as_quantity(q), x.bound};
}
/// Keeps tokens with q >= x. A token whose q is NaN is masked.
template <detail::quantity_operand Q, detail::quantity_operand X>
constexpr auto at_least(Q q, X x) noexcept {
  return quantities::at_least_t<detail::quantity_of<Q>, detail::quantity_of<X>, quantities::bound::inside>{
      detail::as_quantity(q), detail::as_quantity(x)};
}
/// Keeps tokens with q > x.
template <detail::quantity_operand Q, class X>
constexpr auto at_least(Q q, quantities::open_bound<X> x) noexcept {
  return quantities::at_least_t<detail::quantity_of<Q>, X, quantities::bound::outside>{detail::as_quantity(q), x.bound};
}
namespace detail {
template <class X>
inline constexpr bool is_open_bound = false;
template <class Q>
inline constexpr bool is_open_bound<quantities::open_bound<Q>> = true;
/// A bound of a comparison.
template <class X>
concept bound_operand = is_open_bound<X> || quantity_operand<X>;
/// A bound, or a value given in place of one.
struct bound_argument {
  template <class X>
  constexpr bound_argument(X const& x) noexcept {
    if constexpr (!is_open_bound<X>) static_cast<void>(quantity_argument(x));
  }
};
}  // namespace detail

/// Keeps tokens with low <= q <= high. A call refuses two numbers in the wrong order. The order of bounds that are
/// quantities is not checked: where low is above high, the token is masked.
template <detail::quantity_operand Q, detail::bound_operand L, detail::bound_operand H>
constexpr auto between(Q q, L low, H high) noexcept {
  using low_clause = decltype(at_least(q, low));
  using high_clause = decltype(at_most(q, high));
  return quantities::interval<low_clause, high_clause>{{at_least(q, low), at_most(q, high)}};
}

/// Chosen where an argument is no quantity: it does not compile, and says what is wrong.
/// @{
constexpr keep_all_t at_most(detail::quantity_argument, detail::bound_argument) noexcept { return {}; }
constexpr keep_all_t at_least(detail::quantity_argument, detail::bound_argument) noexcept { return {}; }
constexpr keep_all_t between(detail::quantity_argument, detail::bound_argument, detail::bound_argument) noexcept {
  return {};
}
constexpr quantities::open_bound<quantities::constant> below(detail::quantity_argument) noexcept { return {{0.0}}; }
constexpr quantities::open_bound<quantities::constant> above(detail::quantity_argument) noexcept { return {{0.0}}; }
/// @}

/// Keeps tokens with A > 0.
inline constexpr auto positive_advantage = at_least(advantage, above(0));
/// Keeps tokens with A < 0.
inline constexpr auto negative_advantage = at_most(advantage, below(0));

}}  // namespace cppo

#include <cppo/macros_on.inc>
