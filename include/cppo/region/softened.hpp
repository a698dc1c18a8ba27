/// @file
/// Gives a region a soft gate.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/region/trust_region.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The same region with a soft gate: a token beyond the boundary keeps the share g(x_t) of its update. [Eq. 19-20]
///
/// x_t is the mask's excess: the larger over `&`, the smaller over `|`, and 0 for a token that is kept because it moves
/// toward mu. Tokens that the hard mask keeps have gate 1 exactly.
template <divergence_score D, weight_schedule W, token_mask M, class H, class S, class P, gate G>
constexpr auto softened(region<D, W, M, H, S, P> const& hard, G g) noexcept {
  return region<D, W, M, G, S, P>(hard.divergence(), hard.weight(), hard.mask(), g, hard.surrogate(), hard.penalty());
}
/// Chosen where an argument is no region or no gate: it does not compile, and says what is wrong.
/// @{
template <class D, class W, class M, class H, class S, class P>
constexpr auto softened(region<D, W, M, H, S, P> const& hard, detail::gate_argument) noexcept {
  return hard;
}
template <class R, class G>
  requires(!detail::shaped_like_region<R>)
constexpr auto softened(R const&, G const&) noexcept {
  static_assert(detail::never<R>, "softened takes a region, as trust_region makes it, and a gate, in this order");
  return detail::no_region;
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
