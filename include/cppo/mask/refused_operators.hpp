/// @file
/// Operators that masks do not have: they do not compile, and say what to write.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace operators {

/// A mask, without a look into what is made of quantities.
template <class M>
concept mask_alone = !requires { requires M::made_of_quantities; } && token_mask<M>;
/// A mask beside a number.
template <class A, class B>
concept mask_beside_a_number = (detail::plain_number<B> && mask_alone<A>) || (detail::plain_number<A> && mask_alone<B>);
/// A mask beside a number or another mask.
template <class A, class B>
concept arithmetic_on_a_mask = mask_beside_a_number<A, B> || (mask_alone<A> && mask_alone<B>);
/// Chosen for arithmetic on masks: it does not compile, and says what to write.
/// @{
template <class... Masks>
constexpr keep_all_t refuse_arithmetic() noexcept {
  static_assert(detail::never<Masks...>, "a mask is no number: where(mask, 1, 0) is one, and masks are joined by &, | "
                                         "and !");
  return {};
}
template <class A, class B>
  requires arithmetic_on_a_mask<A, B>
constexpr keep_all_t operator+(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires arithmetic_on_a_mask<A, B>
constexpr keep_all_t operator-(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires arithmetic_on_a_mask<A, B>
constexpr keep_all_t operator*(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires arithmetic_on_a_mask<A, B>
constexpr keep_all_t operator/(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <mask_alone A>
constexpr keep_all_t operator-(A const&) noexcept { return refuse_arithmetic<A>(); }
/// @}
/// Chosen where a mask is compared with a number.
/// @{
template <class A, class B>
  requires mask_beside_a_number<A, B>
constexpr keep_all_t operator<(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires mask_beside_a_number<A, B>
constexpr keep_all_t operator<=(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires mask_beside_a_number<A, B>
constexpr keep_all_t operator>(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires mask_beside_a_number<A, B>
constexpr keep_all_t operator>=(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires mask_beside_a_number<A, B>
constexpr keep_all_t operator==(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires mask_beside_a_number<A, B>
constexpr keep_all_t operator!=(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
/// @}
}  // namespace operators
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

}}  // namespace cppo

#include <cppo/macros_on.inc>
