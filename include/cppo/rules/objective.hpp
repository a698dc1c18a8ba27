/// @file
/// Gives a region a loss of its own in place of -A rho M.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/region/refused_operators.hpp>
#include <cppo/fold/deviation.hpp>
#include <cppo/quantity/refusals.hpp>
#include <cppo/rules/folding.hpp>
#include <cppo/surrogate/combinators.hpp>
#include <cppo/surrogate/forms.hpp>
#include <cppo/surrogate/kl.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The region with other surrogates.
template <class D, class W, class M, class G, class S0, class P0, class S, class P>
constexpr auto with_surrogates(region<D, W, M, G, S0, P0> const& r, S surrogate, P penalty) noexcept {
  using parts = together<D, M, pair_of<S, P>>;
  static_assert(parts::has_budget_it_asks_for,
                "this surrogate asks for the prefix budget, and the region has none: put cppo::prefix_budget(delta, "
                "delta_b) into its mask, or ask for something else");
  static_assert(parts::has_drift_it_asks_for,
                "this surrogate asks for sums, means or maxima of a divergence, but the region has one for its report "
                "alone: write trust_region(divergence, weight, mask), not reporting(region, divergence)");
  if constexpr (!parts::fit) return r;
  else return region<D, W, M, G, S, P>(r.divergence(), r.weight(), r.mask(), r.gate(), surrogate, penalty);
}

}  // namespace detail

/// The region with the loss gate * token weight * s in place of -A rho M. `ratio_form` is the loss it had.
template <divergence_score D, weight_schedule W, token_mask M, gate G, class S0, class P, token_surrogate S>
constexpr auto objective(region<D, W, M, G, S0, P> const& r, S s) noexcept {
  return detail::with_surrogates(r, s, r.penalty());
}
/// The loss token weight * s at every token: no trust region.
template <token_surrogate S>
constexpr auto objective(S s) noexcept {
  return objective(detail::no_region, s);
}
/// The region with a further loss that neither mask nor gate touch: it is added at every token, times its token weight.
template <divergence_score D, weight_schedule W, token_mask M, gate G, class S, class P0, token_surrogate P>
constexpr auto operator+(region<D, W, M, G, S, P0> const& r, P p) noexcept {
  if constexpr (std::is_same_v<P0, surrogates::nothing_t>) return detail::with_surrogates(r, r.surrogate(), p);
  else return detail::with_surrogates(r, r.surrogate(), surrogates::sum_of<P0, P>{r.penalty(), p});
}

/// Chosen where an argument is no region or no surrogate: it does not compile, and says what is wrong.
/// @{
template <class D, class W, class M, class G, class S, class P>
constexpr auto objective(region<D, W, M, G, S, P> const& r, detail::surrogate_argument) noexcept {
  return r;
}
constexpr auto objective(detail::surrogate_argument) noexcept { return detail::no_region; }
template <class R, class S>
  requires(!detail::shaped_like_region<R>)
constexpr auto objective(R const&, S const&) noexcept {
  static_assert(detail::never<R>, "objective takes a region, as trust_region makes it, and a surrogate, in this order");
  return detail::no_region;
}
template <class D, class W, class M, class G, class S, class P>
constexpr auto operator+(region<D, W, M, G, S, P> const& r, detail::surrogate_argument) noexcept {
  return r;
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
