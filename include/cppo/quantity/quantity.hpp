/// @file
/// A quantity: a number of a token that a rule computes with.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

#include <type_traits>
#include <utility>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class Q>
concept returns_lanes = requires(Q const& q, token<mask_probe<Q>> const& t) {
  q(t);
  { detail::ask_call(q, t) } -> std::same_as<mask_probe<Q>>;
};

/// A quantity that the library made of quantities which have been checked.
template <class Q>
concept made_of_quantities = requires { requires Q::made_of_quantities; };

}  // namespace detail

/// A quantity: `q(token)` is a number of each token, as a lane. It is a template over the lane type. What it asks of
/// the token it must have declared, as a mask does; see `token`.
///
/// It is a constant to the gradient, unless it also has `slope(token)`, its derivative by the token's own log pi: a
/// surrogate that is differentiated through a quantity asks for that.
template <class Q>
concept quantity = detail::trivially_copyable_value<Q> &&
                   (detail::made_of_quantities<Q> || (detail::returns_lanes<Q> && detail::members_fit<Q>));

namespace detail {

template <class Q>
concept has_slope = requires(Q const& q, token<mask_probe<Q>> const& t) {
  { q.slope(t) } -> std::same_as<mask_probe<Q>>;
  requires made_of_quantities<Q> || requires { detail::ask_slope(q, t); };
};

}  // namespace detail

/// A quantity that knows its derivative by the token's own log pi, `slope(token)`.
template <class Q>
concept differentiable = quantity<Q> && detail::has_slope<Q>;

namespace detail {

/// A number of a token, and its derivative by the token's own log pi.
template <class V>
struct sloped_number {
  V x, slope;
};
/// A quantity and its slope. What the library makes of others finds both together, so that what they share, such as an
/// exponential, is computed once: compilers do not see that rounded products are the same.
template <class Q, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr sloped_number<V> with_slope(Q const& q, token<V> const& t) noexcept {
  if constexpr (requires { q.with_slope(t); }) return q.with_slope(t);
  else return {q(t), q.slope(t)};
}

}  // namespace detail

/// What the library makes of quantities. A namespace of its own, so that operators on lanes do not see those on
/// quantities.
namespace quantities {

/// A number. Its slope is 0.
struct constant {
  static constexpr bool made_of_quantities = true;  ///< nothing to check
  double number;                                    ///< the number
  /// The number in every lane.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const&) const noexcept {
    return V(number);
  }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(0);
  }
  /// Checks that it is no NaN.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return {number == number, "a number in a quantity", number, "no NaN"};
  }
};

/// The value of a divergence at a token, whether or not the region uses it. It has a slope if the divergence has one.
template <divergence_score D>
struct measured {
  using left_type = D;                                  ///< the divergence
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_quantities = true;      ///< the divergence has been checked on its own
  static constexpr needs needed = detail::needs_of<D>;  ///< the divergence's
  D left;                                               ///< the divergence
  constant right{0.0};                                  ///< nothing
  /// D of the token, saturated at 1000.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return detail::saturate(detail::divergence_of(left, t));
  }
  /// The divergence's own `slope`, if it has one; 0 where D is saturated.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept
    requires requires(D const& d) { d.slope(t); }
  {
    return only(detail::divergence_of(left, t) < V(divergence_limit), left.slope(t));
  }
  /// Checks the divergence.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

/// Two operands that stand together in another one's place.
template <class L, class R>
struct both {
  using left_type = L;   ///< first
  using right_type = R;  ///< second
  static constexpr needs needed = detail::needs_of<L> | detail::needs_of<R>;  ///< union
  L left;    ///< first
  R right;   ///< second
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

}  // namespace quantities

namespace detail {

/// True if x may stand where a quantity is wanted: a quantity, a number, or a divergence that reads no lists, which are
/// not at hand where tokens are decided.
template <class X>
concept quantity_operand = plain_number<X> || quantity<X> || (divergence_score<X> && !reads_lists<X>);

/// The quantity that an operand stands for.
template <quantity_operand X>
constexpr auto as_quantity(X x) noexcept {
  if constexpr (plain_number<X>) return quantities::constant{static_cast<double>(x)};
  else if constexpr (quantity<X>) return x;
  else return quantities::measured<X>{x};
}
template <class X>
using quantity_of = decltype(detail::as_quantity(std::declval<X>()));
/// True if what an operand stands for has a slope.
template <class X>
concept differentiable_operand = quantity_operand<X> && differentiable<quantity_of<X>>;

/// Checks the order of two bounds that are numbers: the one place where it is checked. A bound that is another quantity
/// is known at each token alone, and is not checked.
template <class L, class H>
CPPO_HOST_DEVICE constexpr parameter_check interval_check(L const& low, H const& high, char const* name) noexcept {
  if constexpr (std::is_same_v<L, quantities::constant> && std::is_same_v<H, quantities::constant>) {
    return {low.number <= high.number, name, low.number,
            "a low that is not above high: write the smaller bound first, and no epsilon below 0"};
  } else {
    return true;
  }
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
