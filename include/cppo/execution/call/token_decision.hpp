/// @file
/// Algorithm 1 for one token whose prefix is known: what `seq` loops over, and what a thread of a device runs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/inspection.hpp>
#include <cppo/execution/call/report_sums.hpp>
#include <cppo/mask/leaves.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A token decided.
template <class Real>
struct decided_token {
  token_record<Real> record;
  Real terms[report_terms];  ///< what a report sums
  Real ratio;                ///< rho after the clamp
  bool clamped, capped;
  bool teaches;               ///< advantage times token weight is not 0
  bool high, low;             ///< moves away from mu with A > 0, with A < 0
  bool not_finite;            ///< loss or gradient, of input that is not bad

  CPPO_HOST_DEVICE constexpr Real& operator[](report_term t) noexcept { return terms[static_cast<int>(t)]; }
  CPPO_HOST_DEVICE constexpr Real at(sink s) const noexcept { return record.values[static_cast<int>(s)]; }
  CPPO_HOST_DEVICE constexpr bool kept() const noexcept { return at(sink::mask) != Real(0); }
  CPPO_HOST_DEVICE constexpr decision code() const noexcept {
    return static_cast<decision>(static_cast<int>(at(sink::decision)));
  }
};

/// Decides a token whose weight is set, `before` the sums before it. `bad`: its input is bad and propagated. Without
/// `traces`, c_t and x_t are left out of the record.
template <class Real, class Region>
CPPO_HOST_DEVICE constexpr decided_token<Real> decide_token(task<Real, Region> const& call, token<lane<Real>>& t,
                                                            bool bad, Real extra_weight, Real scale,
                                                            prefix_sums const& before, bool traces) noexcept {
  using V = lane<Real>;
  Region const& region = call.region;
  Real const z_value = t.weighted_divergence().raw();
  exact_sum const slack = to_grid(static_cast<Real>(region.budget_slack()));
  // A mask sees what its region declares, no more: what else is known here, another executor may not know.
  V const drift(before.drift.value()), prefix_weight(before.weight.value()), allowance(before.allowance.value());
  if constexpr (scans_prefix<Region>)
    t.set_within_prefix_budget(typename V::mask(before.admits(to_grid(z_value), slack)));
  if constexpr (reads_prefix<Region>) t.set_prefix(drift, prefix_weight, allowance);

  auto const inside = region.keeps(t);
  auto const kept = bad ? V(0) < V(0) : inside;
  V const gate = bad ? V(0) : region.gate_value(t, kept);
  V const weighted = t.advantage() * V(extra_weight);
  auto const product = call.objective.product(t, weighted);
  auto const terms = call.objective.terms(t, product, gate, V(scale));
  ratio_estimates<V> const estimates = call.objective.estimates(t, product);

  decided_token<Real> d{};
  token_record<Real>& r = d.record;
  Real const nan = special<Real>::nan;
  r[sink::loss] = bad ? nan : terms.loss.raw();
  r[sink::gradient] = bad ? nan : terms.gradient.raw();
  r[sink::mask] = kept.raw() ? Real(1) : Real(0);
  r[sink::gate] = gate.raw();
  r[sink::divergence] = t.divergence().raw();
  r[sink::weight] = t.weight().raw();
  r[sink::weighted_divergence] = z_value;
  r[sink::prefix_drift] = drift.raw();
  r[sink::prefix_weight] = prefix_weight.raw();
  r[sink::decision] = region.decided_by(t, kept).raw();
  if (traces) {
    r[sink::threshold] = region.threshold(t, V((before.allowance - before.drift + slack).value())).raw();
    t.set_prefix(drift, prefix_weight, allowance);
    r[sink::excess] = region.excess(t).raw();
  }
  d[report_term::loss] = bad ? nan : terms.unscaled.raw();
  d[report_term::divergence] = r[sink::divergence];
  d[report_term::weighted_divergence] = z_value;
  d[report_term::gate] = r[sink::gate];
  d[report_term::ratio] = product.ratio.raw();
  d[report_term::log_ratio] = estimates.log_ratio.raw();
  d[report_term::k3] = estimates.k3.raw();
  d.ratio = product.ratio.raw();
  d.clamped = product.clamped.raw();
  d.capped = product.capped.raw();
  bool const away = !t.moves_toward_rollout().raw();
  d.teaches = !bad && weighted.raw() != Real(0);
  d.high = away && t.advantage().raw() > Real(0);
  d.low = away && !d.high;
  d.not_finite = !bad && !(is_finite(terms.loss.raw()) && is_finite(terms.gradient.raw()));
  return d;
}

/// Counts what a token decided under `Mask` came to.
template <class Mask, class Count, class Real>
CPPO_HOST_DEVICE constexpr void count_token(token_counts<Count>& n, decided_token<Real> const& d) noexcept {
  decision const c = d.code();
  bool const kept = d.kept(), masked = !kept && d.teaches;
  n.kept += static_cast<Count>(kept);
  if constexpr (leaves<Mask, clause::toward>() > 0) {
    n.kept_toward += static_cast<Count>(c == decision::kept_toward);
    n.teaching_toward += static_cast<Count>(c == decision::kept_toward && d.teaches);
  }
  if constexpr (leaves<Mask, clause::ratio>() > 0) n.masked_ratio += static_cast<Count>(c == decision::masked_ratio);
  if constexpr (leaves<Mask, clause::divergence>() > 0)
    n.masked_divergence += static_cast<Count>(c == decision::masked_divergence);
  if constexpr (leaves<Mask, clause::budget>() > 0) n.masked_budget += static_cast<Count>(c == decision::masked_budget);
  if constexpr (leaves<Mask, clause::response>() > 0)
    n.masked_response += static_cast<Count>(c == decision::masked_response);
  n.masked_other += static_cast<Count>(c == decision::masked_other);
  n.teaching_tokens += static_cast<Count>(d.teaches);
  n.teaching_kept += static_cast<Count>(kept && d.teaches);
  n.masked_high += static_cast<Count>(masked && d.high);
  n.masked_low += static_cast<Count>(masked && d.low);
}

/// f(count) for each of the counts that few tokens take part in, and this one does.
CPPO_CALLS_WHAT_IT_IS_GIVEN
template <class Count, class Real, class F>
CPPO_HOST_DEVICE constexpr void each_rarity(token_counts<Count>& n, decided_token<Real> const& d, F const& f) noexcept {
  if (d.clamped) f(n.clamped);
  if (d.capped) f(n.capped);
  if (d.not_finite) f(n.not_finite);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
