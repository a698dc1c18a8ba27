/// @file
/// Operators that masks do not have: they do not compile, and say what to write.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/refusals.hpp>
#include <cppo/mask/combinators.hpp>

#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

namespace operators {

/// What returns what it is given, as a gate does: called with a token, its body would not compile.
template <class P>
concept returns_its_argument = requires(P const& p, token<detail::mask_probe<P>> const& t) {
  { p(t) } -> std::same_as<token<detail::mask_probe<P>>>;
};
/// What is made of the library's parts: what it is can be asked without a call.
template <class X>
concept composed = detail::made_of_masks<X> || requires { requires X::made_of_quantities; } ||
                   requires { requires X::made_of_surrogates; } || requires { requires X::is_unfinished; };
/// A number, or what may be a part. Others, as the expressions of test frameworks, have operators of their own.
template <class X>
concept number_or_part = std::is_arithmetic_v<X> || detail::shaped_like_region<X> || composed<X> ||
                         detail::const_call_operator<X> || detail::part_with_names<X>;
/// A mask, without a look into what is made of quantities, or into gates.
template <class M>
concept mask_alone = !requires { requires M::made_of_quantities; } &&
                     (detail::made_of_masks<M> || !returns_its_argument<M>) && token_mask<M>;
/// A mask beside a number or part but a region, which has a sentence of its own.
template <class A, class B>
concept beside_a_mask = !detail::shaped_like_region<A> && !detail::shaped_like_region<B> && number_or_part<A> &&
                        number_or_part<B> && (mask_alone<A> || mask_alone<B>);
/// Chosen for arithmetic on masks, and where one is compared.
/// @{
template <class... Masks>
constexpr keep_all_t refuse_arithmetic() noexcept {
  static_assert(detail::never<Masks...>, "a mask is no number: where(mask, 1, 0) is one, and masks are joined by &, | "
                                         "and !");
  return {};
}
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator+(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator-(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator*(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator/(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator%(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator^(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator<(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator<=(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator>(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator>=(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator==(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t operator!=(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <mask_alone A>
constexpr keep_all_t operator-(A const&) noexcept { return refuse_arithmetic<A>(); }
template <mask_alone A>
constexpr keep_all_t operator+(A const&) noexcept { return refuse_arithmetic<A>(); }
template <mask_alone A>
constexpr keep_all_t operator~(A const&) noexcept { return refuse_arithmetic<A>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t min(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <class A, class B>
  requires beside_a_mask<A, B>
constexpr keep_all_t max(A const&, B const&) noexcept { return refuse_arithmetic<A, B>(); }
template <mask_alone A>
constexpr keep_all_t exp(A const&) noexcept { return refuse_arithmetic<A>(); }
template <mask_alone A>
constexpr keep_all_t log(A const&) noexcept { return refuse_arithmetic<A>(); }
template <mask_alone A>
constexpr keep_all_t abs(A const&) noexcept { return refuse_arithmetic<A>(); }
template <mask_alone A>
constexpr keep_all_t sqrt(A const&) noexcept { return refuse_arithmetic<A>(); }
/// @}

}  // namespace operators
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

}}  // namespace cppo

#include <cppo/macros_on.inc>
