/// @file
/// Operators that surrogates do not have: they do not compile, and say what to write.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/refused_operators.hpp>
#include <cppo/quantity/refusals.hpp>
#include <cppo/surrogate/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace surrogates {

/// A surrogate beside anything but a region, a mask, and what is no number yet.
template <class L, class R>
concept beside_a_surrogate = quantities::numbers_at_most<L, R> && !quantities::unfinished<L> &&
                             !quantities::unfinished<R> && (token_surrogate<L> || token_surrogate<R>);
/// The same, and no quantity, which says by itself that it is not compared.
template <class L, class R>
concept compared_surrogate = beside_a_surrogate<L, R> && !quantities::beside_a_quantity<L, R>;
/// Chosen for what surrogates do not have: it does not compile, and says what to write.
/// @{
template <class... Operands>
constexpr nothing_t refuse_operator() noexcept {
  static_assert(detail::never<Operands...>,
                "surrogates are added, s + p, and weighted from the left, q * s: s - p is s + -1 * p, s / 2 is 0.5 * "
                "s, and a quantity or number becomes a surrogate by score_form(q), ratio_form(q) or value_form(q)");
  return {};
}
template <class L, class R>
  requires(beside_a_surrogate<L, R> && token_surrogate<L> != token_surrogate<R>)
constexpr nothing_t operator+(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires(beside_a_surrogate<L, R> && (token_surrogate<L> || !detail::quantity_operand<L>))
constexpr nothing_t operator*(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires beside_a_surrogate<L, R>
constexpr nothing_t operator-(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires beside_a_surrogate<L, R>
constexpr nothing_t operator/(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator%(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator^(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator<(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator<=(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator>(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator>=(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator==(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator!=(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator&(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator|(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator&&(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires compared_surrogate<L, R>
constexpr nothing_t operator||(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <token_surrogate S>
constexpr nothing_t operator-(S const&) noexcept { return refuse_operator<S>(); }
template <token_surrogate S>
constexpr nothing_t operator+(S const&) noexcept { return refuse_operator<S>(); }
template <token_surrogate S>
constexpr nothing_t operator~(S const&) noexcept { return refuse_operator<S>(); }
template <token_surrogate S>
constexpr nothing_t operator!(S const&) noexcept { return refuse_operator<S>(); }
template <class L, class R>
  requires beside_a_surrogate<L, R>
constexpr nothing_t min(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <class L, class R>
  requires beside_a_surrogate<L, R>
constexpr nothing_t max(L const&, R const&) noexcept { return refuse_operator<L, R>(); }
template <token_surrogate S>
constexpr nothing_t exp(S const&) noexcept { return refuse_operator<S>(); }
template <token_surrogate S>
constexpr nothing_t log(S const&) noexcept { return refuse_operator<S>(); }
template <token_surrogate S>
constexpr nothing_t abs(S const&) noexcept { return refuse_operator<S>(); }
template <token_surrogate S>
constexpr nothing_t sqrt(S const&) noexcept { return refuse_operator<S>(); }
/// @}

// So that surrogates beside parts of a user's own find them.
using operators::operator+;
using operators::operator-;
using operators::operator*;
using operators::operator/;
using operators::min;
using operators::max;
using quantities::operator%;
using quantities::operator^;
using quantities::operator<;
using quantities::operator<=;
using quantities::operator>;
using quantities::operator>=;
using quantities::operator==;
using quantities::operator!=;
using quantities::operator&;
using quantities::operator|;
using quantities::operator&&;
using quantities::operator||;

}  // namespace surrogates

namespace quantities {

/// A quantity beside what is neither a quantity nor anything else that has a sentence.
template <class L, class R>
concept beside_no_quantity =
    beside_a_quantity<L, R> && !operands<L, R> && !token_surrogate<L> && !token_surrogate<R>;
/// Chosen where a quantity is computed with what is none.
/// @{
template <class L, class R>
constexpr constant refuse_operand(detail::quantity_argument, detail::quantity_argument) noexcept {
  return {0.0};
}
template <class L, class R>
  requires beside_no_quantity<L, R>
constexpr constant operator+(L const& l, R const& r) noexcept { return refuse_operand<L, R>(l, r); }
template <class L, class R>
  requires beside_no_quantity<L, R>
constexpr constant operator-(L const& l, R const& r) noexcept { return refuse_operand<L, R>(l, r); }
template <class L, class R>
  requires beside_no_quantity<L, R>
constexpr constant operator*(L const& l, R const& r) noexcept { return refuse_operand<L, R>(l, r); }
template <class L, class R>
  requires beside_no_quantity<L, R>
constexpr constant operator/(L const& l, R const& r) noexcept { return refuse_operand<L, R>(l, r); }
template <class L, class R>
  requires beside_no_quantity<L, R>
constexpr constant min(L const& l, R const& r) noexcept { return refuse_operand<L, R>(l, r); }
template <class L, class R>
  requires beside_no_quantity<L, R>
constexpr constant max(L const& l, R const& r) noexcept { return refuse_operand<L, R>(l, r); }
/// @}

}  // namespace quantities

}}  // namespace cppo

#include <cppo/macros_on.inc>
