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
/// mean nothing to a piece.
///
/// Passes 1 and 2 return a status. Where one fails, what it was to fill in becomes a value that no call accepts, and so
/// does all that is made of it: a rank that has not heard of the failure gets `carry_mismatch` from `policy_loss`.
///
/// The library owns no communicator: between the passes the caller moves a few numbers per piece between ranks. In one
/// process `plan_pieces` does all of it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Tokens of a piece that failed: with those of any others they stay fewer than none, which `policy_loss` refuses.
inline constexpr index_t refused_count = -2 * longest_response;
/// Totals and sums of `count` tokens and no more.
inline response_summary only_length(index_t count) noexcept {
  response_summary s;
  s.length = count;
  return s;
}
inline prefix_sums only_count(index_t count) noexcept {
  prefix_sums s;
  s.count = count;
  return s;
}

/// A task that only reads, on the host: parameters and inputs are checked, outputs are none. Columns of pieces are no
/// positions.
template <class Real, class Region>
status reading_task(rollout_batch_view<Real> const& batch, Region const& region, loss_options const& options,
                    task<Real, Region>& t) noexcept {
  status s = check_inputs(batch, region);
  if (!s.ok()) return s;
  s = seq.check_memory(batch, {}, options);
  if (!s.ok()) return s;
  if (parameter_check const p = check_positions(options, columns_are::no_positions); !p) {
    return out_of_range(argument::options, p);
  }
  s = take_options(t, options);
  if (!s.ok()) return s;
  return seq.arithmetic_holds(t) ? status{} : status{status_code::arithmetic_relaxed};
}
template <class Real, class Region>
status can_read(rollout_batch_view<Real> const& batch, Region const& region, loss_options const& options) noexcept {
  task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  return reading_task(batch, region, options, t);
}
/// A task that reads piece b.
template <class Real, class Region>
status piece_task(rollout_batch_view<Real> const& batch, Region const& region, index_t b, loss_options const& options,
                  task<Real, Region>& t) noexcept {
  status const s = reading_task(batch, region, options, t);
  if (!s.ok()) return s;
  parameter_check const exists{b >= 0 && b < batch.shape().responses(), "b", static_cast<double>(b),
                               "the number of a piece: 0 or more, and below the responses of the batch"};
  return exists ? status{} : out_of_range(argument::carry, exists);
}

}  // namespace detail

/// Pass 1. `piece` becomes the totals of piece `b` alone; its delta_b stays 0. Where the region calibrates its budget,
/// D of the piece's valid tokens is appended to `divergences`. Bad input is counted in `bad_tokens`, never read
/// further. Fails where there is no such piece, or a call on it would: then nothing is read. O(slots).
template <class Real, trust_region_like Region>
status summarize_piece(rollout_batch_view<Real> const& batch, Region const& region, index_t b, response_summary& piece,
                       std::vector<Real>& divergences, loss_options const& options = {}) {
  piece = detail::only_length(detail::refused_count);
  detail::task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  status const can_read = detail::piece_task(batch, region, b, options, t);
  if (!can_read.ok()) return can_read;
  response_summary s;
  for (index_t i = 0; i < batch.shape().slots(b); ++i) {
    status why;
    detail::slot const what = detail::inspect_slot(t, b, i, why);
    s.bad_tokens += what == detail::slot::bad ? 1 : 0;
    bool const counts = what == detail::slot::token ||
                        (what == detail::slot::bad && options.bad_input == on_bad_input::propagate);
    if (!counts) continue;
    if (detail::asks_for_divergences(region)) {
      top_k_row<Real> lists;
      Real const d = what == detail::slot::bad ? static_cast<Real>(divergence_limit)
                                               : detail::load_token(t, b, i, lists).divergence().raw();
      if (detail::asks_for(region, needs::response)) detail::observe(s, d);
      else ++s.length;
      if (detail::asks_for(region, needs::quantile)) divergences.push_back(d);
    } else {
      ++s.length;
    }
  }
  piece = s;
  return {};
}

/// `total` becomes the totals of a whole response, from those of its pieces (`combine`d) and, where the region
/// calibrates its budget, the divergences of all its valid tokens in any order; they are reordered. Fails where they
/// are not as many, and where a piece has failed.
template <class Real, trust_region_like Region>
status resolve_totals(Region const& region, response_summary const& combined, std::span<Real> divergences,
                      response_summary& total) {
  response_summary const pieces = combined;  // may be `total`
  total = detail::only_length(detail::refused_count);
  if (pieces.length < 0) return {status_code::carry_mismatch, argument::carry};
  if (!detail::scalars_keep_arithmetic()) return {status_code::arithmetic_relaxed};
  if (detail::asks_for(region, needs::quantile) && static_cast<index_t>(divergences.size()) != pieces.length) {
    return {.code = status_code::carry_mismatch, .where = argument::carry, .has_value = true,
            .value = static_cast<double>(divergences.size()), .wanted = pieces.length, .name = "divergences",
            .range = "entries"};
  }
  total = pieces;
  total.delta_b = region.resolve_budget(detail::response_statistics<Real>(pieces, divergences));
  return {};
}

/// Pass 2. `piece` becomes what piece `b` adds to the prefix of its response, given the totals of the response and the
/// number of its valid tokens before the piece. Fails where there is no such piece, a call on it would fail, or the
/// totals cannot be those of its response. O(slots).
template <class Real, trust_region_like Region>
status sum_piece(rollout_batch_view<Real> const& batch, Region const& region, index_t b, response_summary const& total,
                 index_t tokens_before, prefix_sums& piece, loss_options const& options = {}) {
  piece = detail::only_count(detail::refused_count);
  detail::task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  status const can_read = detail::piece_task(batch, region, b, options, t);
  if (!can_read.ok()) return can_read;
  if (!detail::can_be(total, detail::only_count(tokens_before))) {
    return {status_code::carry_mismatch, argument::carry, b, -1, 1};
  }
  prefix_sums sums;
  bool const rejected = total.bad_tokens > 0 && options.bad_input == on_bad_input::reject;
  using V = lane<Real>;
  for (index_t i = 0; i < batch.shape().slots(b) && !rejected; ++i) {
    status why;
    detail::slot const what = detail::inspect_slot(t, b, i, why);
    if (what == detail::slot::excluded) continue;
    if (what == detail::slot::bad && options.bad_input != on_bad_input::propagate) continue;
    top_k_row<Real> lists;
    token<V> tok = what == detail::slot::bad ? detail::bad_token<Real>() : detail::load_token(t, b, i, lists);
    position<V> const at(tokens_before + sums.count + 1);
    tok.set_weight(at, total, region.weight().at(at, t.schedule_length(total.length)));
    sums = sums + detail::prefix_step<Real>(tok);
  }
  index_t const room = total.length - tokens_before;
  if (sums.count > room) {
    return {.code = status_code::carry_mismatch, .where = argument::carry, .response = b, .count = 1, .has_value = true,
            .value = static_cast<double>(sums.count), .wanted = room};
  }
  piece = sums;
  return {};
}

/// Carries and totals, one per piece, ready for `loss_options`.
struct piece_plan {
  std::vector<prefix_sums> carries;       ///< sums of everything before each piece
  std::vector<response_summary> totals;   ///< totals of the response each piece belongs to
  std::vector<fold_totals> folds;         ///< of a region with folds: what each piece must know of them
  status outcome;                         ///< why there is no plan, if there is none: `policy_loss` refuses such a one

  /// Is there one?
  explicit operator bool() const noexcept { return outcome.ok(); }
};

namespace detail {

/// Every piece in the order of its response, one response after the other; or the first piece that is numbered wrongly.
/// `Number` is always `std::size_t`. It is a template so that only files that use it compile the sort.
template <class Number>
status order_pieces(std::span<index_t const> response_of, std::span<index_t const> order_of, index_t pieces,
                    index_t responses, std::vector<Number>& ordered) {
  constexpr auto wrong = status_code::bad_pieces;
  auto const fits = [pieces](std::span<index_t const> s) { return static_cast<index_t>(s.size()) == pieces; };
  auto const size = [pieces](argument where, std::span<index_t const> s) {
    return status{.code = wrong, .where = where, .count = pieces, .has_value = true,
                  .value = static_cast<double>(s.size()), .wanted = pieces, .range = "entries"};
  };
  auto const at = [](argument where, std::size_t b, index_t found) {
    return status{.code = wrong, .where = where, .response = static_cast<index_t>(b), .count = 1, .has_value = true,
                  .value = static_cast<double>(found)};
  };
  if (!fits(response_of)) return size(argument::response_of, response_of);
  if (!fits(order_of)) return size(argument::order_of, order_of);
  for (std::size_t b = 0; b < response_of.size(); ++b) {
    bool const exists = response_of[b] >= 0 && response_of[b] < responses;
    if (!exists) return at(argument::response_of, b, response_of[b]);
    ordered.push_back(b);
  }
  std::sort(ordered.begin(), ordered.end(), [&](Number x, Number y) {
    if (response_of[x] != response_of[y]) return response_of[x] < response_of[y];
    return order_of[x] != order_of[y] ? order_of[x] < order_of[y] : x < y;
  });
  auto const twice = std::adjacent_find(ordered.begin(), ordered.end(), [&](std::size_t x, std::size_t y) {
    return response_of[x] == response_of[y] && order_of[x] == order_of[y];
  });
  if (twice == ordered.end()) return {};
  return at(argument::order_of, twice[1], order_of[twice[1]]);
}

/// Totals and carries of the pieces of one response, given in order.
template <class Real, class Region>
status plan_response(rollout_batch_view<Real> const& batch, Region const& region, std::span<std::size_t const> mine,
                     loss_options const& options, piece_plan& plan) {
  std::vector<Real> divergences;
  response_summary total;
  for (std::size_t const b : mine) {
    response_summary piece;
    status const s = summarize_piece(batch, region, static_cast<index_t>(b), piece, divergences, options);
    if (!s.ok()) return s;
    total = combine(total, piece);
  }
  status const resolved = resolve_totals<Real>(region, total, divergences, total);
  if (!resolved.ok()) return resolved;
  prefix_sums before;
  for (std::size_t const b : mine) {
    plan.totals[b] = total;
    plan.carries[b] = before;
    prefix_sums piece;
    status const s = sum_piece(batch, region, static_cast<index_t>(b), total, before.count, piece, options);
    if (!s.ok()) return s;
    before = before + piece;
  }
  return {};
}

/// Folds over pieces: algorithm/fold_pieces.hpp.
template <class Real, class Region>
class fold_plan;
/// What each piece must know of the folds of a region, given carries and totals.
template <class Real, class Region>
status plan_folds(rollout_batch_view<Real> const& batch, Region const& region, std::span<index_t const> response_of,
                  std::span<std::size_t const> ordered, loss_options const& options, piece_plan& plan) {
  task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  status const s = reading_task(batch, region, options, t);
  if (!s.ok()) return s;
  t.carries = plan.carries.data();
  t.totals = plan.totals.data();
  plan.folds = fold_plan<Real, Region>(t, response_of, ordered).make();
  return {};
}

}  // namespace detail

/// Makes all passes over a batch of pieces but the last, where one process has all pieces. Piece `b` belongs to
/// response `response_of[b]` (0 ... responses - 1). The pieces of a response follow each other by rising `order_of[b]`:
/// any numbers, but none twice in a response. In the batch, pieces may lie in any order. Both spans are checked before
/// a token is read; the plan's `outcome` says what is wrong. Cost of the check: a sort of the pieces. Memory:
/// O(pieces), whatever `responses` is, and the divergences of one response at a time where a budget needs them.
template <class Real, trust_region_like Region>
piece_plan plan_pieces(rollout_batch_view<Real> const& batch, Region const& region,
                       std::span<index_t const> response_of, std::span<index_t const> order_of, index_t responses,
                       loss_options const& options = {}) {
  piece_plan plan;
  std::vector<std::size_t> ordered;
  plan.outcome = detail::can_read(batch, region, options);
  index_t const pieces = batch.shape().responses();
  if (plan) plan.outcome = detail::order_pieces(response_of, order_of, pieces, responses, ordered);
  if (plan) {
    plan.carries.resize(ordered.size());
    plan.totals.resize(ordered.size());
  }
  for (auto first = ordered.begin(); plan && first != ordered.end();) {
    auto const other = [&](std::size_t b) { return response_of[b] != response_of[*first]; };
    auto const last = std::find_if(first, ordered.end(), other);
    plan.outcome = detail::plan_response(batch, region, {first, last}, options, plan);
    first = last;
  }
  if constexpr (detail::has_folds<Region>) {
    if (plan && !ordered.empty()) plan.outcome = detail::plan_folds(batch, region, response_of, ordered, options, plan);
  }
  if (!plan) {  // what no call accepts
    plan.carries.clear();
    plan.totals.assign(1, detail::only_length(detail::refused_count));
  }
  return plan;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
