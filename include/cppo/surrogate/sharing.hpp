/// @file
/// A quantity that a loss reads at several places, computed once for each token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/inputs.hpp>
#include <cppo/surrogate/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace surrogates {
template <class Q, class S>
struct sharing_of;
}  // namespace surrogates

namespace detail {

/// True if a loss shares something, here or inside.
template <class S>
inline constexpr bool shares = false;
template <made_of_operands S>
inline constexpr bool shares<S> = shares<typename S::left_type> || shares<typename S::right_type>;
template <class Q, class S>
inline constexpr bool shares<surrogates::sharing_of<Q, S>> = true;
/// A token and a number that has been computed for it.
template <class V>
struct token_with_number : token<V> {
  V number;
};
/// True if a quantity depends on the position alone.
template <class Q>
inline constexpr bool is_of_position = false;
template <>
inline constexpr bool is_of_position<quantities::constant> = true;
template <>
inline constexpr bool is_of_position<quantities::position_value_t> = true;
template <made_of_operands Q>
inline constexpr bool is_of_position<Q> =
    is_of_position<typename Q::left_type> && is_of_position<typename Q::right_type>;

}  // namespace detail

namespace quantities {

/// The shared number, inside the loss that `detail::sharing` makes. A constant to the gradient.
struct shared_t {
  static constexpr bool made_of_quantities = true;  ///< nothing to check
  /// The number. Pre: the token is the one that `sharing_of` hands on.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return static_cast<detail::token_with_number<V> const&>(t).number;
  }
};

}  // namespace quantities

namespace surrogates {

/// A loss in which `shared_t` is a quantity.
template <class Q, class S>
struct sharing_of {
  static_assert(!detail::shares<Q> && !detail::shares<S>,
                "a loss that shares a number holds none that shares another: shared_t would be the inner one");
  using left_type = Q;                              ///< what is shared
  using right_type = S;                             ///< the loss
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<S>;  ///< union
  Q left;                                           ///< what is shared
  S right;                                          ///< the loss
  /// The loss, after the quantity.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    V number;
    auto const* const known = detail::is_of_position<Q> ? t.number_of_position() : nullptr;
    if (known != nullptr) number = V::from_raw(V::ops::load(known));
    else number = left(t);
    return right(detail::token_with_number<V>{t, number});
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

}  // namespace surrogates

namespace detail {

/// True if the loss of a region is one that shares a number of the position, and no other loss of it shares anything:
/// then the number may be found for all positions before.
template <class S, class P>
inline constexpr bool shares_one_of_position = false;
template <class Q, class S, class P>
inline constexpr bool shares_one_of_position<surrogates::sharing_of<Q, S>, P> =
    is_of_position<Q> && !shares<S> && !shares<P>;
template <class Region>
inline constexpr bool shares_of_position =
    shares_one_of_position<typename Region::surrogate_type, typename Region::penalty_type>;

/// loss(q), with q computed once for each token. For losses in which no fold reads q: the terms of a fold are computed
/// apart from the loss. As data it is the loss with q at each place.
template <quantity Q, class F>
constexpr auto sharing(Q q, F const& loss) noexcept {
  auto const of_number = loss(quantities::shared_t{});
  return surrogates::sharing_of<Q, std::remove_const_t<decltype(of_number)>>{q, of_number};
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
