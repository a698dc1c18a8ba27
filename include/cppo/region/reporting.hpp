/// @file
/// A divergence for the report of a region that has none.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/none.hpp>
#include <cppo/region/trust_region.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The same region with a divergence for its report and its trace. The drift of `reporting(ppo(), binary_tv)` can be
/// compared with that of `fixed_cppo()`.
///
/// Mask, gate, loss and gradient keep their bits: the mask sees no D. The D_t, Z_t and S_{t-1} of the trace are the
/// divergence's. Cost: one evaluation of the divergence per token.
template <weight_schedule W, token_mask M, gate G, class S, class P, divergence_score D>
constexpr auto reporting(region<no_divergence_t, W, M, G, S, P> const& r, D measure) noexcept {
  constexpr bool decides_without_it = detail::together<reported<D>, M, detail::pair_of<S, P>>::has_drift_it_asks_for;
  static_assert(decides_without_it,
                "this mask decides by sums, means or maxima of a divergence, but the region has one for its report "
                "alone: write trust_region(divergence, weight, mask), not reporting(region, divergence)");
  if constexpr (!decides_without_it) return r;
  else return region<reported<D>, W, M, G, S, P>(reported<D>{measure}, r.weight(), r.mask(), r.gate(),
                                                 r.surrogate(), r.penalty());
}
/// Chosen for a region that has a divergence, or for arguments of other kinds: it does not compile, and says what to
/// do.
/// @{
template <class Own, class W, class M, class G, class S, class P>
constexpr auto reporting(region<Own, W, M, G, S, P> const& r, detail::divergence_argument) noexcept {
  return r;
}
template <divergence_score Own, weight_schedule W, token_mask M, gate G, class S, class P, divergence_score D>
  requires(!std::is_same_v<Own, no_divergence_t>)
constexpr auto reporting(region<Own, W, M, G, S, P> const& r, D) noexcept {
  static_assert(std::is_same_v<Own, no_divergence_t>,
                "this region has a divergence, which it reports: reporting(region, divergence) is for one without, so "
                "pass the region as it is");
  return r;
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
