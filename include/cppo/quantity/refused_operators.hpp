/// @file
/// Operators that quantities, statistics and bounds do not have: they do not compile, and say what to write.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/refused_operators.hpp>
#include <cppo/quantity/arithmetic.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace quantities {

/// What is no number before something takes it: a statistic without a range, a bound, a rank.
template <class X>
concept unfinished = requires { requires X::is_unfinished; };
/// A quantity, or a divergence that stands for its value.
template <class Q>
concept quantity_and_no_number = !detail::plain_number<Q> && detail::quantity_operand<Q>;
/// Neither is a region or a mask, which have sentences of their own.
template <class L, class R>
concept numbers_at_most = !detail::shaped_like_region<L> && !detail::shaped_like_region<R> &&
                          operators::number_or_part<L> && operators::number_or_part<R> &&
                          !operators::beside_a_mask<L, R>;
/// What is unfinished beside anything.
template <class L, class R>
concept beside_unfinished = numbers_at_most<L, R> && (unfinished<L> || unfinished<R>);
/// A quantity beside anything that is finished.
template <class L, class R>
concept beside_a_quantity = numbers_at_most<L, R> && !unfinished<L> && !unfinished<R> &&
                            (quantity_and_no_number<L> || quantity_and_no_number<R>);

/// Chosen where quantities are compared by operators.
/// @{
template <class... Operands>
constexpr keep_all_t refuse_comparison() noexcept {
  static_assert(detail::never<Operands...>,
                "quantities are compared by name: at_most(q, x), at_least(q, x) and between(q, low, high) are masks; "
                "q < x is at_most(q, below(x)), and q > x is at_least(q, above(x))");
  return {};
}
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator<(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator<=(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator>(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator>=(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator==(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator!=(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator&(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator|(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator&&(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr keep_all_t operator||(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class Q>
  requires beside_a_quantity<Q, Q>
constexpr keep_all_t operator!(Q const&) noexcept { return refuse_comparison<Q>(); }
/// @}
/// Chosen for arithmetic that quantities do not have.
/// @{
template <class... Operands>
constexpr constant refuse_power() noexcept {
  static_assert(detail::never<Operands...>,
                "quantities have +, -, *, /, min, max, abs, exp, log and sqrt: q to the power of p is exp(p * log(q)), "
                "or q * q");
  return {0.0};
}
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr constant operator%(L const&, R const&) noexcept { return refuse_power<L, R>(); }
template <class L, class R>
  requires beside_a_quantity<L, R>
constexpr constant operator^(L const&, R const&) noexcept { return refuse_power<L, R>(); }
template <class Q>
  requires beside_a_quantity<Q, Q>
constexpr constant operator+(Q const&) noexcept { return refuse_power<Q>(); }
template <class Q>
  requires beside_a_quantity<Q, Q>
constexpr constant operator~(Q const&) noexcept { return refuse_power<Q>(); }
/// @}
/// Chosen for what is no number yet.
/// @{
template <class... Operands>
constexpr constant refuse_unfinished() noexcept {
  static_assert(detail::never<Operands...>,
                "this is no number yet: a range makes one of a statistic, as response(mean(q)) + 1; a bound stands in "
                "at_most, at_least or between, and a rank in kth_smallest or kth_largest");
  return {0.0};
}
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator+(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator-(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator*(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator/(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator%(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator^(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator<(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator<=(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator>(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator>=(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator==(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator!=(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator&(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator|(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator&&(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant operator||(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <unfinished X>
constexpr constant operator-(X const&) noexcept { return refuse_unfinished<X>(); }
template <unfinished X>
constexpr constant operator+(X const&) noexcept { return refuse_unfinished<X>(); }
template <unfinished X>
constexpr constant operator~(X const&) noexcept { return refuse_unfinished<X>(); }
template <unfinished X>
constexpr constant operator!(X const&) noexcept { return refuse_unfinished<X>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant min(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <class L, class R>
  requires beside_unfinished<L, R>
constexpr constant max(L const&, R const&) noexcept { return refuse_unfinished<L, R>(); }
template <unfinished X>
constexpr constant exp(X const&) noexcept { return refuse_unfinished<X>(); }
template <unfinished X>
constexpr constant log(X const&) noexcept { return refuse_unfinished<X>(); }
template <unfinished X>
constexpr constant abs(X const&) noexcept { return refuse_unfinished<X>(); }
template <unfinished X>
constexpr constant sqrt(X const&) noexcept { return refuse_unfinished<X>(); }
/// @}

// Comparisons are masks of this namespace: their operators are those of masks, too.
using operators::operator+;
using operators::operator-;
using operators::operator*;
using operators::operator/;
using operators::operator%;
using operators::operator^;
using operators::operator<;
using operators::operator<=;
using operators::operator>;
using operators::operator>=;
using operators::operator==;
using operators::operator!=;
using operators::operator~;
using operators::min;
using operators::max;
using operators::exp;
using operators::log;
using operators::abs;
using operators::sqrt;

}}}  // namespace cppo::quantities

#include <cppo/macros_on.inc>
