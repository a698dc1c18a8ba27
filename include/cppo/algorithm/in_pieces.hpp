/// @file
/// One response in pieces: context parallelism, streaming, chunked processing.
///
/// A batch of pieces is a batch whose "responses" are pieces of responses. Three passes give the mask of the uncut
/// response, bit for bit, whatever the cuts:
///
///     1. summarize_piece    each piece alone: valid tokens, max and sum of D, bad input (and D itself where the
///                           region calibrates its budget); `combine` adds the pieces of a response up, in any order
///     2. sum_piece          each piece alone, given T, delta_b and how many tokens come before it: its prefix_sums;
///                           an exclusive sum over the pieces in order gives the carries
///     3. policy_loss        with `.carries` and `.totals` in its options
///
/// A response is counted once, with the piece that holds its first valid token: all pieces in one call scale like the
/// uncut batch under every aggregation. Over ranks give `normalizer`, the divisor of the whole. Positions by column
/// mean nothing to a piece: passes 1 and 2 then return nothing, and `policy_loss` refuses. It refuses, as
/// `carry_mismatch`, what they found where arithmetic does not keep the contract (`arithmetic_relaxed`), whenever and
/// wherever it is called.
///
/// The library owns no communicator: between the passes the caller moves a few numbers per piece between ranks. In one
/// process `plan_pieces` does all of it.
#pragma once

#include <cppo/algorithm/policy_loss.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace cppo::inline CPPO_ABI {

namespace detail {

/// Tokens of a piece that could not be summed: with those of any others they stay fewer than none, which `policy_loss`
/// refuses.
inline constexpr index_t refused_count = -2 * longest_response;

/// A task that only reads, on the host: parameters and inputs are checked, outputs are none. Columns of pieces are no
/// positions.
template <class Real, class Region>
status reading_task(rollout_batch_view<Real> const& batch, Region const& policy, loss_options const& options,
                    task<Real, Region>& t) noexcept {
  status s = check_inputs(batch, policy);
  if (!s.ok()) return s;
  s = check_memory(seq, batch);
  if (!s.ok()) return s;
  if (options.positions == position_convention::padded_column) return {status_code::bad_parameter, argument::options};
  s = take_options(t, options);
  if (!s.ok()) return s;
  return arithmetic_holds(seq, t) ? status{} : status{status_code::arithmetic_relaxed};
}

}  // namespace detail

/// Pass 1. Totals of piece `b` alone; delta_b stays 0. Where the region calibrates its budget, D of the piece's valid
/// tokens is appended to `divergences`. Bad input is counted in `bad_tokens`, never read further. O(slots).
template <class Real, trust_region_policy Region>
response_summary summarize_piece(rollout_batch_view<Real> const& batch, Region const& policy, index_t b,
                                 std::vector<Real>& divergences, loss_options const& options = {}) {
  detail::task<Real, Region> t{.batch = batch, .policy = policy, .objective = surrogate<Real>({})};
  response_summary s;
  status const can = detail::reading_task(batch, policy, options, t);
  if (can.code == status_code::arithmetic_relaxed) s.length = detail::refused_count;
  if (!can.ok()) return s;
  for (index_t i = 0; i < batch.shape().slots(b); ++i) {
    status why;
    detail::slot const what = detail::inspect_slot(t, b, i, why);
    s.bad_tokens += what == detail::slot::bad ? 1 : 0;
    bool const counts = what == detail::slot::token ||
                        (what == detail::slot::bad && options.bad_input == on_bad_input::propagate);
    if (!counts) continue;
    if constexpr (detail::needs_divergences<Region>) {
      top_k_row<Real> lists;
      Real const d = what == detail::slot::bad ? static_cast<Real>(max_score)
                                               : detail::load_token(t, b, i, lists).divergence().raw();
      if constexpr (any(Region::needed, needs::response)) detail::observe(s, d);
      else ++s.length;
      if constexpr (any(Region::needed, needs::quantile)) divergences.push_back(d);
    } else {
      ++s.length;
    }
  }
  return s;
}

/// Totals of a whole response from those of its pieces (`combine`d) and, where the region calibrates its budget, the
/// divergences of all its valid tokens in any order; they are reordered.
template <class Real, trust_region_policy Region>
response_summary resolve_totals(Region const& policy, response_summary combined, std::span<Real> divergences) {
  combined.delta_b = policy.resolve_budget(detail::response_statistics<Real>(combined, divergences));
  if (!detail::scalars_keep_arithmetic()) combined.length = detail::refused_count;
  return combined;
}

/// Pass 2. What piece `b` adds to the prefix of its response, given the totals of the response and the number of its
/// valid tokens before the piece. O(slots).
template <class Real, trust_region_policy Region>
prefix_sums sum_piece(rollout_batch_view<Real> const& batch, Region const& policy, index_t b,
                      response_summary const& total, index_t tokens_before, loss_options const& options = {}) {
  detail::task<Real, Region> t{.batch = batch, .policy = policy, .objective = surrogate<Real>({})};
  prefix_sums sums;
  status const can = detail::reading_task(batch, policy, options, t);
  if (can.code == status_code::arithmetic_relaxed) sums.count = detail::refused_count;
  if (!can.ok()) return sums;
  if (total.bad_tokens > 0 && options.bad_input == on_bad_input::reject) return sums;
  using V = lane<Real>;
  for (index_t i = 0; i < batch.shape().slots(b); ++i) {
    status why;
    detail::slot const what = detail::inspect_slot(t, b, i, why);
    if (what == detail::slot::excluded) continue;
    if (what == detail::slot::bad && options.bad_input != on_bad_input::propagate) continue;
    top_k_row<Real> lists;
    token<V> tok = what == detail::slot::bad ? detail::bad_token<Real>() : detail::load_token(t, b, i, lists);
    position<V> const at(tokens_before + sums.count + 1);
    tok.set_weight(at, total, policy.weight().at(at, t.schedule_length(total.length)));
    sums = sums + detail::prefix_step<Real>(tok);
  }
  return sums;
}

/// Carries and totals, one per piece, ready for `loss_options`.
struct piece_plan {
  std::vector<prefix_sums> carries;       ///< sums of everything before each piece
  std::vector<response_summary> totals;   ///< totals of the response each piece belongs to
};

/// All passes before the last, in one process: piece `b` belongs to response `response_of[b]` (0 ... responses - 1) and
/// is its `order_of[b]`-th piece. Pieces may lie in any order.
/// Pre: both spans hold one entry per piece; the orders within a response are distinct. A batch that fails its check
/// gives an empty plan, and one whose offsets a device has a plan that `policy_loss` refuses.
template <class Real, trust_region_policy Region>
piece_plan plan_pieces(rollout_batch_view<Real> const& batch, Region const& policy, std::span<index_t const> response_of,
                       std::span<index_t const> order_of, index_t responses, loss_options const& options = {}) {
  if (!batch.check().ok()) return {};
  auto const pieces = static_cast<std::size_t>(batch.shape().responses());
  piece_plan plan{std::vector<prefix_sums>(pieces), std::vector<response_summary>(pieces)};
  if (batch.shape().on_device()) {
    for (response_summary& s : plan.totals) s.length = detail::refused_count;
    return plan;
  }
  std::vector<std::vector<std::size_t>> ordered(static_cast<std::size_t>(responses));
  for (std::size_t b = 0; b < pieces; ++b) ordered[static_cast<std::size_t>(response_of[b])].push_back(b);
  for (std::vector<std::size_t>& mine : ordered) {
    std::sort(mine.begin(), mine.end(), [&](std::size_t x, std::size_t y) { return order_of[x] < order_of[y]; });
    std::vector<Real> divergences;
    response_summary combined;
    for (std::size_t b : mine) {
      response_summary const s = summarize_piece(batch, policy, static_cast<index_t>(b), divergences, options);
      combined = combine(combined, s);
    }
    response_summary const total = resolve_totals<Real>(policy, combined, divergences);
    prefix_sums before;
    for (std::size_t k = 0; k < mine.size(); ++k) {
      plan.totals[mine[k]] = total;
      plan.carries[mine[k]] = before;
      before = before + sum_piece(batch, policy, static_cast<index_t>(mine[k]), total, before.count, options);
    }
  }
  return plan;
}

}  // namespace cppo::inline CPPO_ABI
