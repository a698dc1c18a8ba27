/// @file
/// The call that a trainer makes: mask, loss, gradient, report and trace at once.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/checks.hpp>
#include <cppo/execution/seq.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Checks all of a call that can be checked before a token is read, and prepares it.
template <class Executor, class Real, class Region>
status prepare_loss(Executor const& executor, task<Real, Region>& t, loss_outputs const& outputs,
                    loss_options const& options) {
  status s = executor.check_memory(t.batch, outputs, options);
  if (s.ok()) s = check_inputs(t.batch, t.region);
  if (s.ok()) s = take_options(t, options);
  if (s.ok()) s = check_surrogate(t.region, options.surrogate);
  if (!s.ok()) return s;
  if (!executor.arithmetic_holds(t)) return {status_code::arithmetic_relaxed};
  return place_outputs(t, outputs);
}

}  // namespace detail

/// Masks, weighs and differentiates a batch under a trust region. [Eq. 8-11, Algorithm 1]
///
///     M_t = region(token),  l_t = -M_t rho_t A_t * scale,  gradient_t = d l_t / d log pi_t
///
/// If the region has a surrogate of its own, that takes the place of -rho_t A_t.
/// Shapes: every buffer is in the batch's layout, [B, T] or packed [N]. Units: nats. Positions: t and T count the valid
/// tokens of the response, unless `options.positions` says otherwise.
/// Pre: only what cannot be checked: buffers are alive, and bare pointers point to as many elements as the layout has.
/// Post: every lent output is written at every slot, or nowhere if `nothing_written()`. Excluded slots get +0, and so
/// do slots of no response under `with_capacity`; under `part_of` those are left alone.
/// NaN, infinities: never read at excluded slots; at active ones `options.bad_input` decides. Empty batch: loss 0,
/// gradient 0, status `no_active_tokens`.
/// Cost: O(slots). Each response is read once for its length and to check its input, and once to decide; once more for
/// its divergences if the region asks for their quantile, maximum or mean. The batch is read once more before that if
/// the aggregation counts it or it holds pieces.
/// Memory, on the host: if a region asks for divergences of the whole response, a number per slot of the longest one
/// (`simd`: two, on each thread); on several threads, a report per response. All of it is allocated before the first
/// output is written: where there is none left, std::bad_alloc is thrown on the calling thread and nothing is written.
/// Determinism: the same bits on every executor, thread count, vector width, padding, packing order and cut.
template <executor Executor, class Real, trust_region_like Region>
status policy_loss(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& region,
                   loss_outputs const& outputs, loss_options const& options = {}) {
  detail::task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  status const s = detail::prepare_loss(executor, t, outputs, options);
  return s.ok() ? executor.run_call(t, outputs.report) : s;
}

/// The mask alone: `mask` receives M_t, 0 or 1, at every slot; 0 at excluded ones. Otherwise as `policy_loss`.
template <executor Executor, class Real, trust_region_like Region>
status compute_mask(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& region,
                    output const& mask, loss_options const& options = {}) {
  return policy_loss(executor, batch, region, loss_outputs{.mask = mask}, options);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
