/// @file
/// One response in pieces: for context parallelism, streaming and processing in parts. The sums of a prefix are a
/// monoid.
///
/// A batch of pieces is a batch whose "responses" are pieces of responses. Three passes give the mask of the uncut
/// response, bit for bit, whatever the cuts:
///
///     1. summarize_piece    each piece alone: valid tokens, max and sum of D, bad input, and D itself if the region
///                           calibrates its budget; `combine` adds up the pieces of a response, in any order
///     2. sum_piece          each piece alone, given T, delta_b and how many tokens come before it: its prefix_sums;
///                           an exclusive sum over the pieces in order gives the carries
///     3. policy_loss        with `.carries` and `.totals` in its options
///
/// A response is counted once, with the piece that holds its first valid token, so that all pieces in one call scale
/// like the uncut batch under every aggregation. Over ranks give `normalizer`, the divisor of the whole batch.
/// Positions by column have no meaning for a piece. Where passes 1 and 2 refuse something, they return a length or a
/// count below 0, which stays below 0 in all sums made of it: `policy_loss` then returns `carry_mismatch`.
///
/// The library has no communicator: between the passes the caller moves a few numbers per piece between ranks. In one
/// process `plan_pieces` makes passes 1 and 2.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>

#include <algorithm>
#include <span>
#include <tuple>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The count of a piece that could not be summed. Added to any counts it stays below 0, which `policy_loss` refuses.
inline constexpr index_t refused_count = -2 * longest_response;
inline response_summary refused_summary() noexcept {
  response_summary s;
  s.length = refused_count;
  return s;
}
/// Sums that hold only a count: for `count` tokens before a piece, or for a piece that was refused.
inline prefix_sums only_count(index_t count) noexcept {
  prefix_sums s;
  s.count = count;
  return s;
}

/// A task that only reads, on the host, once parameters and inputs have been checked. It has no outputs. Positions by
/// column are left out, because the columns of pieces are no positions.
template <class Real, class Region>
status reading_task(rollout_batch_view<Real> const& batch, Region const& region, loss_options const& options,
                    task<Real, Region>& t) noexcept {
  status s = check_inputs(batch, region);
  if (!s.ok()) return s;
  s = seq.check_memory(batch, {}, options);
  if (!s.ok()) return s;
  parameter_check const p = check_positions(options, columns_are::no_positions);
  if (!p) return out_of_range(argument::options, p);
  s = take_options(t, options);
  if (!s.ok()) return s;
  return seq.arithmetic_holds(t) ? status{} : status{status_code::arithmetic_relaxed};
}
template <class Real, class Region>
status can_read(rollout_batch_view<Real> const& batch, Region const& region, loss_options const& options) noexcept {
  task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  return reading_task(batch, region, options, t);
}
/// True if there is a piece b and `can` says that pieces may be read.
template <class Real>
bool has_piece(status const& can, rollout_batch_view<Real> const& batch, index_t b) noexcept {
  return can.ok() && b >= 0 && b < batch.shape().responses();
}

}  // namespace detail

/// Pass 1. Totals of piece `b` alone, with delta_b 0. If the region calibrates its budget, D of the piece's valid
/// tokens is appended to `divergences`. Bad input is counted in `bad_tokens` and not used. If there is no such piece,
/// or a call on it would be refused, nothing is read and the length is below 0. O(slots).
template <class Real, trust_region_like Region>
response_summary summarize_piece(rollout_batch_view<Real> const& batch, Region const& region, index_t b,
                                 std::vector<Real>& divergences, loss_options const& options = {}) {
  detail::task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  if (!detail::has_piece(detail::reading_task(batch, region, options, t), batch, b)) return detail::refused_summary();
  response_summary s;
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

/// Totals of a whole response, from the `combine`d totals of its pieces and, if the region calibrates its budget, the
/// divergences of all its valid tokens in any order, which are reordered. The length is below 0 if these are not as
/// many as the tokens.
template <class Real, trust_region_like Region>
response_summary resolve_totals(Region const& region, response_summary combined, std::span<Real> divergences) {
  combined.delta_b = region.resolve_budget(detail::response_statistics<Real>(combined, divergences));
  bool const all = !any(Region::needed, needs::quantile) || static_cast<index_t>(divergences.size()) == combined.length;
  if (!all || !detail::scalars_keep_arithmetic()) combined.length = detail::refused_count;
  return combined;
}

/// Pass 2. What piece `b` adds to the prefix sums of its response, given the response's totals and the number of its
/// valid tokens before the piece. The count is below 0 if there is no such piece, if a call on it would be refused, or
/// if the totals cannot be its response's. O(slots).
template <class Real, trust_region_like Region>
prefix_sums sum_piece(rollout_batch_view<Real> const& batch, Region const& region, index_t b,
                      response_summary const& total, index_t tokens_before, loss_options const& options = {}) {
  detail::task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  prefix_sums sums;
  prefix_sums const refused = detail::only_count(detail::refused_count);
  if (!detail::has_piece(detail::reading_task(batch, region, options, t), batch, b)) return refused;
  if (!detail::can_be(total, detail::only_count(tokens_before))) return refused;
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
    tok.set_weight(at, total, region.weight().at(at, t.schedule_length(total.length)));
    sums = sums + detail::prefix_step<Real>(tok);
  }
  return sums.count <= total.length - tokens_before ? sums : refused;
}

/// Carries and totals, one per piece, as `loss_options` takes them.
struct piece_plan {
  std::vector<prefix_sums> carries;       ///< sums of everything before each piece
  std::vector<response_summary> totals;   ///< totals of the response each piece belongs to
  status outcome;                         ///< ok, or why there is no plan; `policy_loss` refuses a plan that is none

  /// True if there is a plan.
  explicit operator bool() const noexcept { return outcome.ok(); }
};

namespace detail {

/// Puts every piece into the order of its response, one response after the other. Returns the first piece that is
/// numbered wrongly, if one is.
inline status order_pieces(std::span<index_t const> response_of, std::span<index_t const> order_of, index_t pieces,
                           index_t responses, std::vector<std::size_t>& ordered) {
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
  auto const place = [&](std::size_t b) { return std::tuple(response_of[b], order_of[b], b); };
  std::sort(ordered.begin(), ordered.end(), [&](std::size_t x, std::size_t y) { return place(x) < place(y); });
  auto const twice = std::adjacent_find(ordered.begin(), ordered.end(), [&](std::size_t x, std::size_t y) {
    return response_of[x] == response_of[y] && order_of[x] == order_of[y];
  });
  if (twice == ordered.end()) return {};
  return at(argument::order_of, twice[1], order_of[twice[1]]);
}

/// Finds totals and carries of the pieces of one response, which are given in order.
template <class Real, class Region>
void plan_response(rollout_batch_view<Real> const& batch, Region const& region, std::span<std::size_t const> mine,
                   loss_options const& options, piece_plan& plan) {
  std::vector<Real> divergences;
  response_summary combined;
  for (std::size_t const b : mine) {
    response_summary const s = summarize_piece(batch, region, static_cast<index_t>(b), divergences, options);
    combined = combine(combined, s);
  }
  response_summary const total = resolve_totals<Real>(region, combined, divergences);
  prefix_sums before;
  for (std::size_t const b : mine) {
    plan.totals[b] = total;
    plan.carries[b] = before;
    before = before + sum_piece(batch, region, static_cast<index_t>(b), total, before.count, options);
  }
}

}  // namespace detail

/// Passes 1 and 2 for all pieces, in one process. Piece `b` belongs to response `response_of[b]`, 0 ... responses - 1.
/// The pieces of a response follow each other by their numbers in `order_of`, any numbers, none of them twice. Pieces
/// may lie in any order. Both spans are checked before a token is read, in O(pieces) and a sort of the pieces; what is
/// wrong is the plan's `outcome`. Memory: O(pieces), whatever `responses` is, and the divergences of one response if
/// the region calibrates its budget.
template <class Real, trust_region_like Region>
piece_plan plan_pieces(rollout_batch_view<Real> const& batch, Region const& region,
                       std::span<index_t const> response_of, std::span<index_t const> order_of, index_t responses,
                       loss_options const& options = {}) {
  piece_plan plan;
  std::vector<std::size_t> ordered;
  plan.outcome = detail::can_read(batch, region, options);
  index_t const pieces = batch.shape().responses();
  if (plan) plan.outcome = detail::order_pieces(response_of, order_of, pieces, responses, ordered);
  if (!plan) {
    plan.totals.assign(1, detail::refused_summary());
    return plan;
  }
  plan.carries.resize(ordered.size());
  plan.totals.resize(ordered.size());
  for (auto first = ordered.begin(); first != ordered.end();) {
    auto const other = [&](std::size_t b) { return response_of[b] != response_of[*first]; };
    auto const last = std::find_if(first, ordered.end(), other);
    detail::plan_response(batch, region, {first, last}, options, plan);
    first = last;
  }
  return plan;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
