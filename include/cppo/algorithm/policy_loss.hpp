/// @file
/// The call a trainer makes: mask, loss, gradient, diagnostics and trace in one.
#pragma once

#include <cppo/core/overlap.hpp>
#include <cppo/execution/seq.hpp>

#include <algorithm>
#include <limits>

namespace cppo::inline CPPO_ABI {

namespace detail {

/// Can a buffer of this type take what the sink writes? Integers would truncate all but masks and decisions.
constexpr bool holds(sink s, element_type type) noexcept {
  bool const is_float = type == element_type::f32 || type == element_type::f64 || type == element_type::f16 ||
                        type == element_type::bf16;
  return is_float || s == sink::mask || (s == sink::decision && type != element_type::boolean);
}

/// Places the outputs and looks for shared memory.
template <class Real, class Region>
status place_outputs(task<Real, Region>& t, policy_outputs const& o) noexcept {
  layout const& l = t.batch.shape();
  output const* const lent[sinks] = {&o.loss, &o.gradient, &o.mask, &o.gate, &o.trace.divergence, &o.trace.weight,
                                     &o.trace.weighted_divergence, &o.trace.prefix_drift, &o.trace.prefix_weight,
                                     &o.trace.threshold, &o.trace.excess, &o.trace.decision};
  constexpr argument names[sinks] = {argument::loss, argument::gradient, argument::mask, argument::gate,
                                     argument::trace, argument::trace, argument::trace, argument::trace,
                                     argument::trace, argument::trace, argument::trace, argument::trace};
  footprint memory[sinks];
  footprint const report_memory = footprint_of(o.report, 1);
  footprint const pieces[] = {footprint_of(t.carries, l.responses()), footprint_of(t.totals, l.responses())};
  auto const lent_memory = [&](footprint const& f) {
    return may_overlap(f, t.batch) || may_overlap(f, pieces[0]) || may_overlap(f, pieces[1]);
  };
  if (lent_memory(report_memory)) return {status_code::output_overlap, argument::report};
  for (int s = 0; s < sinks; ++s) {
    status const placed = place(lent[s]->source(), l, names[s], t.out[s]);
    if (!placed.ok()) return placed;
    if (!t.out[s].lent()) continue;
    if (!holds(static_cast<sink>(s), t.out[s].type)) return {status_code::element_type_mismatch, names[s]};
    if (repeats(t.out[s], l)) return {status_code::extent_mismatch, names[s]};
    memory[s] = footprint_of(t.out[s], l);
    bool shared = lent_memory(memory[s]) || may_overlap(memory[s], report_memory);
    for (int r = 0; r < s; ++r) shared = shared || may_overlap(memory[s], memory[r]);
    if (shared) return {status_code::output_overlap, names[s]};
  }
  return {};
}

/// Is everything there that the region reads?
template <class Real, class Region>
status check_inputs(rollout_batch_view<Real> const& batch, Region const& policy) noexcept {
  if (!batch.check().ok()) return batch.check();
  status missing;
  each_input_of(policy, [&](argument reads) {
    bool const there = reads == argument::none || (reads < argument::offsets && batch.has(reads));
    bool const lists = reads != argument::token_id || batch.has(argument::top_k);
    if (missing.ok() && !there) missing = {status_code::missing_input, reads};
    if (missing.ok() && !lists) missing = {status_code::missing_input, argument::top_k};
  });
  if (!missing.ok()) return missing;
  if (!policy.check()) return {status_code::bad_parameter, argument::region};
  return {};
}

/// No response and no horizon is longer; keeps the arithmetic on lent counts far from overflow.
inline constexpr index_t longest_response = index_t{1} << 48;

/// Lent sums so far from overflow that those of a piece, and of its tokens, can be added.
constexpr bool can_add_to(exact_sum const& s) noexcept {
  constexpr index_t most = index_t{1} << 60;  // 2^35 tokens of the largest score
  return s.high >= -most && s.high <= most && s.low >= -most && s.low <= most;
}
constexpr bool can_add_to(prefix_sums const& s) noexcept {
  return can_add_to(s.drift) && can_add_to(s.weight) && can_add_to(s.budget);
}

/// Totals of a response, and what comes before a piece of it, that can be true.
constexpr bool can_be(response_summary const& whole, prefix_sums const& before) noexcept {
  bool const counts = before.count >= 0 && before.count <= whole.length && whole.length <= longest_response;
  bool const scores = whole.max_divergence >= -max_score && whole.max_divergence <= max_score;
  bool const sums = can_add_to(whole.divergence_sum) && can_add_to(before);
  return counts && scores && sums && whole.delta_b >= 0.0 && whole.delta_b <= max_score && whole.bad_tokens >= 0;
}

/// Carries and totals, one each per piece, that can belong together. Whether they cover the tokens, `prepare` counts.
template <class Real, class Region>
status take_pieces(task<Real, Region>& t, loss_options const& o) noexcept {
  index_t const pieces = t.batch.shape().responses();
  auto const fits = [pieces](auto const& s) { return s.empty() || static_cast<index_t>(s.size()) == pieces; };
  if (!fits(o.carries) || !fits(o.totals) || (!o.carries.empty() && o.totals.empty())) {
    return {status_code::carry_mismatch, argument::carry};
  }
  for (std::size_t b = 0; b < o.totals.size(); ++b) {
    if (!can_be(o.totals[b], o.carries.empty() ? prefix_sums{} : o.carries[b])) {
      return {status_code::carry_mismatch, argument::carry, static_cast<index_t>(b), -1, 1};
    }
  }
  t.carries = o.carries.empty() ? nullptr : o.carries.data();
  t.totals = o.totals.empty() ? nullptr : o.totals.data();
  return {};
}

/// Is 1/divisor a normal number of type Real, so that scaling neither overflows nor loses bits?
template <class Real>
constexpr bool can_divide_by(double divisor) noexcept {
  double const scale = 1.0 / divisor;
  return scale >= static_cast<double>(std::numeric_limits<Real>::min()) &&
         scale <= static_cast<double>(std::numeric_limits<Real>::max());
}

/// Can a lent normalizer be divided by, also times the length or the horizon where the aggregation takes one?
template <class Real>
constexpr bool normalizer_ok(loss_options const& o, double horizon, layout const& l) noexcept {
  if (o.normalizer == 0.0) return true;
  double longest = 1.0;
  if (o.aggregate == aggregation::seq_mean_token_sum_norm) longest = horizon;
  if (o.aggregate == aggregation::seq_mean_token_mean) {
    longest = static_cast<double>(l.elements());
    for (response_summary const& whole : o.totals) longest = std::max(longest, static_cast<double>(whole.length));
  }
  double const largest = o.normalizer * std::max(longest, 1.0);
  return o.normalizer > 0.0 && can_divide_by<Real>(o.normalizer) && can_divide_by<Real>(largest);
}

/// Options in range, pieces consistent.
template <class Real, class Region>
status take_options(task<Real, Region>& t, loss_options const& o) noexcept {
  layout const& l = t.batch.shape();
  status const bad{status_code::bad_parameter, argument::options};
  if (o.horizon < 0) return bad;
  if (o.positions == position_convention::fixed_horizon && o.horizon > longest_response) return bad;
  if (!(o.log_prob_tolerance >= 0.0 && o.log_prob_tolerance <= 1.0)) return bad;
  bool const reads_horizon =
      o.positions == position_convention::fixed_horizon || o.aggregate == aggregation::seq_mean_token_sum_norm;
  t.horizon = o.horizon > 0 ? o.horizon : l.width();
  if (reads_horizon && t.horizon == 0 && l.elements() > 0) return bad;
  if (!normalizer_ok<Real>(o, static_cast<double>(t.horizon), l)) return bad;
  bool const in_pieces = !o.carries.empty() || !o.totals.empty();
  if (o.positions == position_convention::padded_column && (l.is_packed() || in_pieces)) return bad;
  t.aggregate = o.aggregate;
  t.positions = o.positions;
  t.bad_input = o.bad_input;
  t.normalizer = o.normalizer;
  t.tolerance = o.log_prob_tolerance > 0.0 ? static_cast<Real>(o.log_prob_tolerance) : Real(0);  // never -0
  return take_pieces(t, o);
}

/// Does the executor run calls?
template <class Executor, class Real, class Region>
concept can_run = requires(Executor const& e, task<Real, Region>& t, report* r) { run_call(e, t, r); };

}  // namespace detail

/// Masks, weighs and differentiates a batch under a trust region. [Eq. 8-11, Algorithm 1]
///
///     M_t = region(token),  l_t = -M_t rho_t A_t * scale,  gradient_t = d l_t / d log pi_t
///
/// Shapes: every buffer in the batch's layout, [B, T] or packed [N]. Units: nats. Position: t and T count valid tokens
/// of the response unless `options.positions` says otherwise.
/// Pre: none that is not checked; buffers must be alive and as large as their shape says.
/// Post: every output that was lent is written at every slot, or, if `nothing_written()`, nowhere. Excluded slots get +0.
/// NaN, infinities: never read at excluded slots; at active ones `options.bad_input` decides. Empty batch: loss 0,
/// gradient 0, status `no_active_tokens`.
/// Cost: O(slots); one look at each response for its length and soundness, one pass to decide; one more over its
/// divergences if the region asks for their quantile, maximum or mean; one more look at the batch first if the
/// aggregation counts it or it holds pieces.
/// Memory, on the host: where a region asks for divergences of the whole response, a number per slot of the longest one
/// (`simd`: two, on each thread); on several threads, a report per response. All of it is allocated before the first
/// output is written: where there is none left, std::bad_alloc is thrown on the calling thread and nothing is written.
/// Determinism: the same bits on every executor, thread count, vector width, padding, packing order and cut.
template <class Executor, class Real, trust_region_policy Region>
  requires detail::can_run<Executor, Real, Region>
status policy_loss(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& policy,
                   policy_outputs const& outputs, loss_options const& options = {}) {
  using detail::check_memory;  // and, by argument-dependent lookup, the executor's own, whenever it is declared
  status s = check_memory(executor, batch, outputs, options);
  if (!s.ok()) return s;
  s = detail::check_inputs(batch, policy);
  if (!s.ok()) return s;
  if (!options.surrogate.check()) return {status_code::bad_parameter, argument::options};
  detail::task<Real, Region> t{.batch = batch, .policy = policy, .objective = surrogate<Real>(options.surrogate)};
  s = detail::take_options(t, options);
  if (!s.ok()) return s;
  using detail::arithmetic_holds;
  if (!arithmetic_holds(executor, t)) return {status_code::arithmetic_relaxed};
  s = detail::place_outputs(t, outputs);
  if (!s.ok()) return s;
  using detail::run_call;
  return run_call(executor, t, outputs.report);
}

/// The mask alone: `mask` receives M_t, 0 or 1, at every slot; 0 at excluded ones. Otherwise as `policy_loss`.
template <class Executor, class Real, trust_region_policy Region>
  requires detail::can_run<Executor, Real, Region>
status compute_mask(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& policy,
                    output const& mask, loss_options const& options = {}) {
  return policy_loss(executor, batch, policy, policy_outputs{.mask = mask}, options);
}

}  // namespace cppo::inline CPPO_ABI
