/// @file
/// Algorithm 1 for one token whose prefix is known. `seq` calls it in a loop, and each thread of a device calls it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/inspection.hpp>
#include <cppo/execution/call/report_sums.hpp>
#include <cppo/mask/leaves.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A token after its decision.
template <class Real>
struct decided_token {
  token_record<Real> record;
  Real terms[report_terms];  ///< what a report sums
  Real ratio;                ///< rho after the clamp
  bool clamped, capped;
  bool teaches;               ///< the weighted advantage is not 0
  bool held;                  ///< kept, and the slope of the region's own surrogate is 0
  bool high, low;             ///< the update moves away from mu, with A > 0 (high) or A < 0 (low)
  bool not_finite;            ///< loss or gradient is not finite although the input is good

  CPPO_HOST_DEVICE constexpr Real& operator[](report_term t) noexcept { return terms[static_cast<int>(t)]; }
  CPPO_HOST_DEVICE constexpr Real at(sink s) const noexcept { return record.values[static_cast<int>(s)]; }
  CPPO_HOST_DEVICE constexpr bool kept() const noexcept { return at(sink::mask) != Real(0); }
  CPPO_HOST_DEVICE constexpr decision code() const noexcept {
    return static_cast<decision>(static_cast<int>(at(sink::decision)));
  }
};

/// Whether c_t and x_t are computed for the record of a token, or left out.
enum class trace_values : std::uint8_t { left_out, computed };
/// What a call wants of the two.
template <class Real>
CPPO_HOST_DEVICE constexpr trace_values wanted_trace(checked_call<Real> const& call) noexcept {
  return call.wants_trace() ? trace_values::computed : trace_values::left_out;
}

/// The sums before a token, as numbers.
template <class V>
struct prefix_numbers {
  V drift, weight, allowance;

  CPPO_HOST_DEVICE explicit constexpr prefix_numbers(prefix_sums const& before) noexcept
      : drift(before.drift.value()), weight(before.weight.value()), allowance(before.allowance.value()) {}
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void lend_to(token<V>& t) const noexcept {
    t.set_prefix(drift, weight, allowance);
  }
};

/// Writes the record of a token, except loss, gradient, c_t and x_t.
template <class Real, class Region, class V = lane<Real>>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void record_decision(token_record<Real>& r, Region const& region,
                                                                   token<V> const& t, typename V::mask kept, V gate,
                                                                   prefix_numbers<V> const& before) noexcept {
  r[sink::mask] = kept.raw() ? Real(1) : Real(0);
  r[sink::gate] = gate.raw();
  r[sink::divergence] = t.divergence().raw();
  r[sink::weight] = t.weight().raw();
  r[sink::weighted_divergence] = t.weighted_divergence().raw();
  r[sink::prefix_drift] = before.drift.raw();
  r[sink::prefix_weight] = before.weight.raw();
  r[sink::decision] = region.decided_by(t, kept).raw();
}
/// Writes c_t and x_t.
template <class Real, class Region, class V = lane<Real>>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void record_trace(token_record<Real>& r, Region const& region,
                                                                token<V>& t, prefix_sums const& before,
                                                                exact_sum slack) noexcept {
  r[sink::threshold] = region.threshold(t, V((before.allowance - before.drift + slack).value())).raw();
  prefix_numbers<V>(before).lend_to(t);
  r[sink::excess] = region.excess(t).raw();
}
/// Writes the terms that a report sums. `unscaled` is l_t.
template <class Real, class V = lane<Real>>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void fill_terms(decided_token<Real>& d, Real unscaled,
                                                              surrogate_product<V> const& product,
                                                              ratio_estimates<V> const& estimates) noexcept {
  token_record<Real>& r = d.record;
  d[report_term::loss] = unscaled;
  d[report_term::divergence] = r[sink::divergence];
  d[report_term::weighted_divergence] = r[sink::weighted_divergence];
  d[report_term::gate] = r[sink::gate];
  d[report_term::ratio] = product.ratio.raw();
  d[report_term::log_ratio] = estimates.log_ratio.raw();
  d[report_term::k3] = estimates.k3.raw();
  d.ratio = product.ratio.raw();
  d.clamped = product.clamped.raw();
  d.capped = product.capped.raw();
}

/// Loss and gradient of a token that keeps the share `gate`.
template <class Real, class Region, class V = lane<Real>>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto terms_of(task<Real, Region> const& call, token<V> const& t,
                                                            surrogate_product<V> const& product, V gate,
                                                            V token_weight, V scale) noexcept {
  if constexpr (!has_own_surrogate<Region>) return call.objective.terms(t, product, gate, scale);
  else if (owns_surrogate(call.region))
    return call.objective.terms(call.region, t, gate > V(0), gate, token_weight, scale);
  else return own_terms<V>{call.objective.terms(t, product, gate, scale), V(0) < V(0)};
}

/// Decides a token whose weight is set. `before` are the sums before it. `what` is what its slot holds: a bad token is
/// propagated. A mask sees only what its region declares: what else is known here, another executor may not know.
template <class Real, class Region>
CPPO_HOST_DEVICE constexpr decided_token<Real> decide_token(task<Real, Region> const& call, token<lane<Real>>& t,
                                                            slot what, Real token_weight, Real scale,
                                                            prefix_sums const& before, trace_values traces) noexcept {
  using V = lane<Real>;
  Region const& region = call.region;
  bool const bad = what == slot::bad;
  exact_sum const slack = to_grid(static_cast<Real>(region.budget_slack()));
  prefix_numbers<V> const prefix(before);
  if constexpr (scans_prefix<Region>)
    t.set_within_prefix_budget(typename V::mask(before.admits(to_grid(t.weighted_divergence().raw()), slack)));
  if constexpr (reads_prefix<Region>) prefix.lend_to(t);

  auto const inside = region.keeps(t);
  auto const kept = bad ? V(0) < V(0) : inside;
  V const gate = bad ? V(0) : region.gate_value(t, kept);
  V const weighted_advantage = t.advantage() * V(token_weight);
  auto const product = call.objective.product(t, weighted_advantage);
  auto const terms = terms_of(call, t, product, gate, V(token_weight), V(scale));

  decided_token<Real> d{};
  constexpr Real nan = special<Real>::nan;
  d.record[sink::loss] = bad ? nan : terms.loss.raw();
  d.record[sink::gradient] = bad ? nan : terms.gradient.raw();
  record_decision(d.record, region, t, kept, gate, prefix);
  fill_terms(d, bad ? nan : terms.unscaled.raw(), product, call.objective.estimates(t, product));
  if (traces == trace_values::computed) record_trace(d.record, region, t, before, slack);
  if constexpr (has_own_surrogate<Region>) d.held = terms.held.raw();
  bool const away = !t.moves_toward_rollout().raw();
  d.teaches = !bad && weighted_advantage.raw() != Real(0);
  d.high = away && t.advantage().raw() > Real(0);
  d.low = away && !d.high;
  d.not_finite = !bad && !(is_finite(terms.loss.raw()) && is_finite(terms.gradient.raw()));
  return d;
}

/// Counts a token that was decided under a region of type `Region`.
template <class Region, class Count, class Real>
CPPO_HOST_DEVICE constexpr void count_token(token_counts<Count>& n, decided_token<Real> const& d) noexcept {
  using Mask = typename Region::mask_type;
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
  if constexpr (has_own_surrogate<Region>) n.held += static_cast<Count>(kept && d.teaches && d.held);
  n.masked_high += static_cast<Count>(masked && d.high);
  n.masked_low += static_cast<Count>(masked && d.low);
}

/// Calls f(count) for each of those counts that few tokens enter and that this token does.
CPPO_CALLS_WHAT_IT_IS_GIVEN
template <class Count, class Real, class F>
CPPO_HOST_DEVICE constexpr void each_rarity(token_counts<Count>& n, decided_token<Real> const& d, F const& f) noexcept {
  if (d.clamped) f(n.clamped);
  if (d.capped) f(n.capped);
  if (d.not_finite) f(n.not_finite);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
