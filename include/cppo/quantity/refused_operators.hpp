/// @file
/// Operators that quantities do not have: they do not compile, and say what to write.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/refused_operators.hpp>
#include <cppo/quantity/arithmetic.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace quantities {

/// Two operands, without a look into what is made of masks: of a mask nobody asks here whether it is a quantity.
template <class L, class R>
concept compared_operands = !requires { requires L::made_of_masks; } && !requires { requires R::made_of_masks; } &&
                            operands<L, R>;
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
  requires compared_operands<L, R>
constexpr keep_all_t operator<(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator<=(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator>(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator>=(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator==(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator!=(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator&(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator|(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator&&(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class L, class R>
  requires compared_operands<L, R>
constexpr keep_all_t operator||(L const&, R const&) noexcept { return refuse_comparison<L, R>(); }
template <class Q>
  requires compared_operands<Q, Q>
constexpr keep_all_t operator!(Q const&) noexcept { return refuse_comparison<Q>(); }
/// @}

/// A quantity, or a divergence that stands for its value.
template <class Q>
concept quantity_and_no_number = !detail::plain_number<Q> && detail::quantity_operand<Q>;
/// A mask beside a quantity.
template <class L, class R>
concept mask_beside_a_quantity = !operands<L, R> && ((quantity_and_no_number<R> && operators::mask_alone<L>) ||
                                                     (quantity_and_no_number<L> && operators::mask_alone<R>));
/// Chosen for arithmetic on a mask and a quantity.
/// @{
template <class L, class R>
  requires mask_beside_a_quantity<L, R>
constexpr keep_all_t operator+(L const&, R const&) noexcept { return operators::refuse_arithmetic<L, R>(); }
template <class L, class R>
  requires mask_beside_a_quantity<L, R>
constexpr keep_all_t operator-(L const&, R const&) noexcept { return operators::refuse_arithmetic<L, R>(); }
template <class L, class R>
  requires mask_beside_a_quantity<L, R>
constexpr keep_all_t operator*(L const&, R const&) noexcept { return operators::refuse_arithmetic<L, R>(); }
template <class L, class R>
  requires mask_beside_a_quantity<L, R>
constexpr keep_all_t operator/(L const&, R const&) noexcept { return operators::refuse_arithmetic<L, R>(); }
template <class L, class R>
  requires(mask_beside_a_quantity<L, R> || operators::arithmetic_on_a_mask<L, R>)
constexpr keep_all_t min(L const&, R const&) noexcept { return operators::refuse_arithmetic<L, R>(); }
template <class L, class R>
  requires(mask_beside_a_quantity<L, R> || operators::arithmetic_on_a_mask<L, R>)
constexpr keep_all_t max(L const&, R const&) noexcept { return operators::refuse_arithmetic<L, R>(); }
template <operators::mask_alone M>
constexpr keep_all_t exp(M const&) noexcept { return operators::refuse_arithmetic<M>(); }
template <operators::mask_alone M>
constexpr keep_all_t log(M const&) noexcept { return operators::refuse_arithmetic<M>(); }
template <operators::mask_alone M>
constexpr keep_all_t abs(M const&) noexcept { return operators::refuse_arithmetic<M>(); }
template <operators::mask_alone M>
constexpr keep_all_t sqrt(M const&) noexcept { return operators::refuse_arithmetic<M>(); }
/// @}

// Comparisons are masks of this namespace: their operators are those of masks, too.
using operators::operator+;
using operators::operator-;
using operators::operator*;
using operators::operator/;
using operators::operator<;
using operators::operator<=;
using operators::operator>;
using operators::operator>=;
using operators::operator==;
using operators::operator!=;

}}}  // namespace cppo::quantities

#include <cppo/macros_on.inc>
