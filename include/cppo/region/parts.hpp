/// @file
/// Which parts may stand in one region, and where a region keeps its surrogates.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/reported.hpp>
#include <cppo/mask/leaves.hpp>
#include <cppo/surrogate/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// The needs that only a region with a divergence can meet.
inline constexpr needs needs_of_drift = needs::prefix_budget | needs::prefix_values | needs::response | needs::quantile;
/// The number of prefix budgets of a mask, negated ones too.
template <class M>
inline constexpr int prefix_budgets = leaves<M, is_prefix_budget>();

/// True if a divergence, a mask and a surrogate, each in order by itself, may stand in one region.
template <class D, class M, class S = surrogates::nothing_t>
struct together {
  static constexpr bool one_budget_at_most = prefix_budgets<M> <= 1;
  static constexpr bool has_budget_it_asks_for =
      prefix_budgets<M> > 0 || !any(needs_of<M> | needs_of<S>, needs::prefix_budget);
  static constexpr bool has_drift_it_asks_for = !reports_only<D> || !any(needs_of<M> | needs_of<S>, needs_of_drift);
  static constexpr bool fit = one_budget_at_most && has_budget_it_asks_for && has_drift_it_asks_for;
};

/// The surrogates of a region: S is masked and gated, P is not. Those of a plain region take no room.
template <class S, class P>
struct region_surrogates {
  S masked;
  P everywhere;
};
template <>
struct region_surrogates<surrogates::ratio_form_t, surrogates::nothing_t> {
  constexpr region_surrogates() noexcept = default;
  constexpr region_surrogates(surrogates::ratio_form_t, surrogates::nothing_t) noexcept {}
};
/// Two surrogates, for what is asked of both.
template <class S, class P>
struct pair_of {
  static constexpr needs needed = needs_of<S> | needs_of<P>;
};

/// True if the loss of a region is another than -A rho M.
template <class R>
inline constexpr bool has_own_surrogate = false;
template <class R>
  requires requires { requires R::has_own_surrogate; }
inline constexpr bool has_own_surrogate<R> = true;

/// True if the loss of this region is another. Of one whose surrogates are data this is known at run time.
template <class R>
CPPO_HOST_DEVICE constexpr bool owns_surrogate([[maybe_unused]] R const& region) noexcept {
  if constexpr (requires { region.owns_surrogate(); }) return region.owns_surrogate();
  else return has_own_surrogate<R>;
}
/// True if a part, or one of a region, may ask for the entropy or the reference policy's log-prob.
template <class P>
inline constexpr bool reads_more =
    requires { requires P::reads_any_input; } || holds(lent_to<P>(), lent_inputs::entropy) ||
    holds(lent_to<P>(), lent_inputs::reference);
template <class R>
  requires requires { typename R::surrogate_type; }
inline constexpr bool reads_more<R> = reads_more<typename R::divergence_type> || reads_more<typename R::mask_type> ||
                                      reads_more<typename R::surrogate_type> || reads_more<typename R::penalty_type>;
}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
