/// @file
/// Operators that regions do not have: they do not compile, and say what to write.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/refused_operators.hpp>
#include <cppo/region/trust_region.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// True of a type to whose values a penalty may be added.
template <class R>
inline constexpr bool takes_penalties = false;
template <class D, class W, class M, class G, class S, class P>
inline constexpr bool takes_penalties<region<D, W, M, G, S, P>> = true;
}  // namespace detail

namespace operators {

/// A region beside a number or part.
template <class L, class R>
concept beside_a_region =
    number_or_part<L> && number_or_part<R> && (detail::shaped_like_region<L> || detail::shaped_like_region<R>);
/// The same, but not what masks say by themselves where one is joined with a region.
template <class L, class R>
concept region_and_no_mask = beside_a_region<L, R> && !mask_alone<L> && !mask_alone<R>;
/// A region from the right, or one to which no loss is added.
template <class L, class R>
concept region_without_sum = beside_a_region<L, R> && !detail::takes_penalties<L>;
/// Chosen for arithmetic on regions, and where they are compared or joined.
/// @{
template <class... Operands>
constexpr detail::open_region refuse_region() noexcept {
  static_assert(detail::never<Operands...>,
                "a region is no number and no mask: weigh its loss, objective(region, 2 * loss), add a loss with its "
                "weight, region + penalty(s, beta), and join masks inside it");
  return detail::no_region;
}
template <class L, class R>
  requires region_without_sum<L, R>
constexpr detail::open_region operator+(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator-(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator*(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator/(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator%(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator^(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator<(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator<=(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator>(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator>=(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator==(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region operator!=(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires region_and_no_mask<L, R>
constexpr detail::open_region operator&(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires region_and_no_mask<L, R>
constexpr detail::open_region operator|(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires region_and_no_mask<L, R>
constexpr detail::open_region operator&&(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires region_and_no_mask<L, R>
constexpr detail::open_region operator||(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region operator-(A const&) noexcept { return refuse_region<A>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region operator+(A const&) noexcept { return refuse_region<A>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region operator~(A const&) noexcept { return refuse_region<A>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region operator!(A const&) noexcept { return refuse_region<A>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region min(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <class L, class R>
  requires beside_a_region<L, R>
constexpr detail::open_region max(L const&, R const&) noexcept { return refuse_region<L, R>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region exp(A const&) noexcept { return refuse_region<A>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region log(A const&) noexcept { return refuse_region<A>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region abs(A const&) noexcept { return refuse_region<A>(); }
template <detail::shaped_like_region A>
constexpr detail::open_region sqrt(A const&) noexcept { return refuse_region<A>(); }
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
using operators::operator&;
using operators::operator|;
using operators::operator&&;
using operators::operator||;
using operators::operator~;
using operators::operator!;
using operators::min;
using operators::max;
using operators::exp;
using operators::log;
using operators::abs;
using operators::sqrt;

}}  // namespace cppo

#include <cppo/macros_on.inc>
