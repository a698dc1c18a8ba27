/// @file
/// Arithmetic on quantities. Each operation is rounded on its own, as lanes are.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/operations.hpp>
#include <cppo/quantity/refusals.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace quantities {

/// Checks that what is divided by, if it is a number, is not 0.
template <class Operation, class R>
CPPO_HOST_DEVICE constexpr parameter_check divisor_check(R const& r) noexcept {
  if constexpr (std::is_same_v<Operation, divide> && std::is_same_v<R, constant>) {
    return {r.number != 0.0, "a divisor in a quantity", r.number,
            "not 0: write another number, or a quantity that is never 0, as max(q, 1e-6)"};
  } else return true;
}

/// An operation on two quantities.
template <class Operation, class L, class R>
struct binary {
  using left_type = L;                              ///< left operand
  using right_type = R;                             ///< right operand
  static constexpr bool made_of_quantities = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<L> | detail::needs_of<R>;  ///< union
  L left;                                           ///< left operand
  R right;                                          ///< right operand
  /// The operation on the values.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return Operation::value(left(t), right(t));
  }
  /// Its derivative.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept
    requires detail::has_slope<L> && detail::has_slope<R>
  {
    return with_slope(t).slope;
  }
  /// Both.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr detail::sloped_number<V> with_slope(token<V> const& t) const noexcept
    requires detail::has_slope<L> && detail::has_slope<R>
  {
    auto const x = detail::with_slope(left, t), y = detail::with_slope(right, t);
    return {Operation::value(x.x, y.x), Operation::slope(x.x, y.x, x.slope, y.slope)};
  }
  /// Checks the parameters of both, and that no number 0 divides.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right),
                                quantities::divisor_check<Operation>(right)});
  }
};

/// A function of one quantity.
template <class Operation, class Q>
struct unary {
  using left_type = Q;                                  ///< the operand
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_quantities = true;      ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<Q>;  ///< the operand's
  Q left;                                               ///< the operand
  constant right{0.0};                                  ///< nothing
  /// The function of the value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return Operation::value(left(t));
  }
  /// Its derivative.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept
    requires detail::has_slope<Q>
  {
    return with_slope(t).slope;
  }
  /// Both.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr detail::sloped_number<V> with_slope(token<V> const& t) const noexcept
    requires detail::has_slope<Q>
  {
    auto const q = detail::with_slope(left, t);
    V const y = Operation::value(q.x);
    return {y, Operation::slope(q.x, y, q.slope)};
  }
  /// Checks the parameters of the operand.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

/// q, brought into [low, high]. Where a bound holds, the slope is 0.
template <class Q, class L, class H>
struct bounded {
  using left_type = Q;            ///< what is bounded
  using right_type = both<L, H>;  ///< the bounds
  static constexpr bool made_of_quantities = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<right_type>;  ///< union
  Q left;            ///< what is bounded
  right_type right;  ///< the bounds
  /// max(low, min(high, q)): a lower bound that is a quantity and above the upper one goes first.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return max(min(left(t), right.right(t)), right.left(t));
  }
  /// That of q where low <= q <= high, else 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept
    requires detail::has_slope<Q>
  {
    return with_slope(t).slope;
  }
  /// Both.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr detail::sloped_number<V> with_slope(token<V> const& t) const noexcept
    requires detail::has_slope<Q>
  {
    auto const q = detail::with_slope(left, t);
    V const low = right.left(t), high = right.right(t);
    return {max(min(q.x, high), low), only((q.x >= low) & (q.x <= high), q.slope)};
  }
  /// Checks the parameters of all three, and of two numbers their order.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right),
                                detail::interval_check(right.left, right.right, "clamped(q, low, high)")});
  }
};

/// One quantity where a mask keeps the token, another where it does not.
template <class M, class Q, class R>
struct chosen {
  using left_type = M;            ///< the mask
  using right_type = both<Q, R>;  ///< the quantities
  static constexpr bool made_of_quantities = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<M> | detail::needs_of<right_type>;  ///< union
  M left;            ///< the mask
  right_type right;  ///< the quantities
  /// The chosen one's value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return select(left(t), right.left(t), right.right(t));
  }
  /// The chosen one's slope.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept
    requires detail::has_slope<Q> && detail::has_slope<R>
  {
    return with_slope(t).slope;
  }
  /// Both.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr detail::sloped_number<V> with_slope(token<V> const& t) const noexcept
    requires detail::has_slope<Q> && detail::has_slope<R>
  {
    auto const first = left(t);
    auto const q = detail::with_slope(right.left, t), r = detail::with_slope(right.right, t);
    return {select(first, q.x, r.x), select(first, q.slope, r.slope)};
  }
  /// Checks the parameters of all three.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// Two operands. Argument-dependent lookup finds the operators below where one of them is a quantity of the library.
template <class L, class R>
concept operands = detail::quantity_operand<L> && detail::quantity_operand<R>;

/// An operation on two operands.
template <class Operation, class L, class R>
constexpr auto combine(L l, R r) noexcept {
  return binary<Operation, detail::quantity_of<L>, detail::quantity_of<R>>{detail::as_quantity(l),
                                                                          detail::as_quantity(r)};
}

/// Arithmetic where one side is a quantity of the library; the other is a quantity, a divergence or a number. For two
/// of your own write `using namespace cppo::quantities`.
/// @{
template <class L, class R>
  requires operands<L, R>
constexpr auto operator+(L l, R r) noexcept {
  return combine<plus>(l, r);
}
template <class L, class R>
  requires operands<L, R>
constexpr auto operator-(L l, R r) noexcept {
  return combine<minus>(l, r);
}
template <class L, class R>
  requires operands<L, R>
constexpr auto operator*(L l, R r) noexcept {
  return combine<times>(l, r);
}
template <class L, class R>
  requires operands<L, R>
constexpr auto operator/(L l, R r) noexcept {
  return combine<divide>(l, r);
}
template <quantity Q>
constexpr auto operator-(Q q) noexcept {
  return combine<minus>(0, q);
}
template <class L, class R>
  requires operands<L, R>
constexpr auto min(L l, R r) noexcept {
  return combine<smaller>(l, r);
}
template <class L, class R>
  requires operands<L, R>
constexpr auto max(L l, R r) noexcept {
  return combine<larger>(l, r);
}
template <quantity Q>
constexpr auto exp(Q q) noexcept {
  return unary<exponential, Q>{q};
}
template <quantity Q>
constexpr auto log(Q q) noexcept {
  return unary<logarithm, Q>{q};
}
template <quantity Q>
constexpr auto abs(Q q) noexcept {
  return unary<magnitude, Q>{q};
}
/// @}

}  // namespace quantities

/// q brought into [low, high]; each may be a quantity or a number. Where a bound holds, the slope is 0. A call refuses
/// two numbers in the wrong order; of bounds that are quantities, low holds where it is above high.
template <detail::quantity_operand Q, detail::quantity_operand L, detail::quantity_operand H>
constexpr auto clamped(Q q, L low, H high) noexcept {
  using node = quantities::bounded<detail::quantity_of<Q>, detail::quantity_of<L>, detail::quantity_of<H>>;
  return node{detail::as_quantity(q), {detail::as_quantity(low), detail::as_quantity(high)}};
}

/// q where the mask keeps the token, else r.
template <token_mask M, detail::quantity_operand Q, detail::quantity_operand R>
constexpr auto where(M mask, Q q, R r) noexcept {
  using node = quantities::chosen<M, detail::quantity_of<Q>, detail::quantity_of<R>>;
  return node{mask, {detail::as_quantity(q), detail::as_quantity(r)}};
}

/// Chosen where an argument is no quantity, or no mask: it does not compile, and says what is wrong.
/// @{
constexpr quantities::constant clamped(detail::quantity_argument, detail::quantity_argument,
                                       detail::quantity_argument) noexcept {
  return {0.0};
}
constexpr quantities::constant where(detail::mask_argument, detail::quantity_argument,
                                     detail::quantity_argument) noexcept {
  return {0.0};
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
