/// @file
/// Combines surrogates: sums, weights, a choice by a mask, held losses and the dual clip.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/arithmetic.hpp>
#include <cppo/surrogate/refusals.hpp>
#include <cppo/surrogate/refused_operators.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace surrogates {

/// s + p.
template <class S, class P>
struct sum_of {
  using left_type = S;                              ///< left
  using right_type = P;                             ///< right
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<S> | detail::needs_of<P>;  ///< union
  S left;                                           ///< left
  P right;                                          ///< right
  /// The sums of losses and slopes.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    auto const s = left(t), p = right(t);
    return {s.loss + p.loss, s.slope + p.slope};
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// q s, with q constant to the gradient.
template <class Q, class S>
struct weighted_by {
  using left_type = Q;                              ///< the factor
  using right_type = S;                             ///< the surrogate
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<S>;  ///< union
  Q left;                                           ///< the factor
  S right;                                          ///< the surrogate
  /// Loss and slope, each times q.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    V const q = left(t);
    auto const s = right(t);
    return {q * s.loss, q * s.slope};
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// One surrogate where a mask keeps the token, another where it does not.
template <class M, class S, class P>
struct chosen_by {
  using left_type = M;                                  ///< the mask
  using right_type = quantities::both<S, P>;            ///< the surrogates
  static constexpr bool made_of_surrogates = true;      ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<M> | detail::needs_of<right_type>;  ///< union
  M left;                                               ///< the mask
  right_type right;                                     ///< the surrogates
  /// The chosen one's value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    auto const first = left(t);
    auto const s = right.left(t), p = right.right(t);
    return {select(first, s.loss, p.loss), select(first, s.slope, p.slope)};
  }
  /// Checks the parameters of all three.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// The loss of one surrogate with the slope of another.
template <class S, class P>
struct sloped_as {
  using left_type = S;                              ///< whose loss it is
  using right_type = P;                             ///< whose slope it has
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<S> | detail::needs_of<P>;  ///< union
  S left;                                           ///< whose loss it is
  P right;                                          ///< whose slope it has
  /// Loss of the one, slope of the other.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    return {left(t).loss, right(t).slope};
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// Checks the c of a dual clip, if it is a number.
template <class C>
CPPO_HOST_DEVICE constexpr parameter_check ceiling_check(C const& c) noexcept {
  if constexpr (std::is_same_v<C, quantities::constant>)
    return {c.number > 1.0, "dual_clipped(s, c)", c.number, "above 1: infinity is no dual clip"};
  else return true;
}
/// s, but where A < 0 no loss above -A c: there the slope is 0.
template <class S, class C>
struct dual_clipped_of {
  using left_type = S;                              ///< the surrogate
  using right_type = C;                             ///< c
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<S> | detail::needs_of<C>;  ///< union
  S left;                                           ///< the surrogate
  C right;                                          ///< c
  /// min(s, -A c) where A < 0, else s.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    auto const s = left(t);
    V const most = -(t.advantage() * right(t));
    auto const held = (t.advantage() < V(0)) & (s.loss > most);
    return {select(held, most, s.loss), only(!held, s.slope)};
  }
  /// Checks the parameters of both, and a c that is a number.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault(
        {detail::parameters_of(left), detail::parameters_of(right), surrogates::ceiling_check(right)});
  }
};

/// Sums and weights, where one side is the library's own. For two of your own write `using namespace cppo::surrogates`.
/// @{
template <token_surrogate S, token_surrogate P>
constexpr auto operator+(S s, P p) noexcept {
  return sum_of<S, P>{s, p};
}
template <detail::quantity_operand Q, token_surrogate S>
constexpr auto operator*(Q q, S s) noexcept {
  return weighted_by<detail::quantity_of<Q>, S>{detail::as_quantity(q), s};
}
/// @}

/// One surrogate, and something else that is no region.
template <class L, class R>
concept surrogate_beside = token_surrogate<L> != token_surrogate<R> && !detail::shaped_like_region<L> &&
                           !detail::shaped_like_region<R>;

}  // namespace surrogates

namespace quantities {
// So that a quantity finds them beside a surrogate of a user's own.
using surrogates::operator+;
using surrogates::operator-;
using surrogates::operator*;
using surrogates::operator/;
using surrogates::max;
using surrogates::min;
}  // namespace quantities

/// s where the mask keeps the token, else p. Both are evaluated.
template <token_mask M, token_surrogate S, token_surrogate P>
constexpr auto where(M mask, S s, P p) noexcept {
  return surrogates::chosen_by<M, S, P>{mask, {s, p}};
}
/// The loss of s with the slope of p.
template <token_surrogate S, token_surrogate P>
constexpr auto with_slope_of(S s, P p) noexcept {
  return surrogates::sloped_as<S, P>{s, p};
}
/// The loss of s, held: its slope is 0.
template <token_surrogate S>
constexpr auto held(S s) noexcept {
  return surrogates::sloped_as<S, surrogates::nothing_t>{s, nothing};
}
/// s, but where A < 0 no loss above -A c, at which it is held. c is a number above 1, or a quantity.
template <token_surrogate S, detail::quantity_operand C>
constexpr auto dual_clipped(S s, C c) noexcept {
  return surrogates::dual_clipped_of<S, detail::quantity_of<C>>{s, detail::as_quantity(c)};
}

/// Chosen where an argument is no surrogate: it does not compile, and says what is wrong.
/// @{
constexpr surrogates::nothing_t held(detail::surrogate_argument) noexcept { return {}; }
constexpr surrogates::nothing_t dual_clipped(detail::surrogate_argument, detail::quantity_argument) noexcept {
  return {};
}
template <class M, class S, class P>
  requires surrogates::surrogate_beside<S, P>
constexpr surrogates::nothing_t where(M const&, S const&, P const&) noexcept {
  return surrogates::refuse_operator<S, P>();
}
template <class S, class P>
  requires surrogates::surrogate_beside<S, P>
constexpr surrogates::nothing_t with_slope_of(S const&, P const&) noexcept {
  return surrogates::refuse_operator<S, P>();
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
