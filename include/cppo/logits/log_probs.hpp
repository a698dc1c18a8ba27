/// @file
/// From logits to log-probs: what a trainer calls after its forward pass.
///
/// Over shards of the vocabulary, as tensor-parallel ranks hold them:
///
///     auto const batch = logit_batch(l, logits(v, shard).from_id(first, V), token_id(y));
///     found_logits found;
///     if (status s = find_logits(simd, batch, found); !s.ok()) return s;
///     found = combined_over_ranks(found);            // yours: send the numbers, `combine` them
///     status s = log_probs(batch, found, outputs);
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/describe.hpp>
#include <cppo/logits/found_logits.hpp>
#include <cppo/logits/outputs.hpp>
#include <cppo/logits/over_rows.hpp>
#include <cppo/logits/tokens.hpp>

#include <algorithm>
#include <span>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Makes room for what is found of so many tokens.
inline void reserve(found_logits& found, logit_batch_view const& batch, std::size_t tokens, index_t most) {
  found.temperature = batch.logits().temperature();
  found.ids = batch.logits().ids();
  found.shards.assign(1, {batch.logits().first_id(), batch.logits().vocabulary()});
  found.listed = batch.listed().k;
  found.largest_count = most;
  found.sums.resize(tokens);
  found.logits.resize(tokens * static_cast<std::size_t>(1 + found.listed));
  found.largest_logits.resize(tokens * static_cast<std::size_t>(most));
  found.largest_ids.resize(tokens * static_cast<std::size_t>(most));
}

/// One pass over the row of token i, which is row `row` of the logits.
template <class V, moment_is Moment>
void find_row(logit_batch_view const& batch, index_t row, token_place const& t, index_t i,
              found_logits& found) noexcept {
  logit_rows const& x = batch.logits();
  std::size_t const first = first_of(i, found.largest_count);
  largest_list largest(found.largest_logits.data() + first, found.largest_ids.data() + first, found.largest_count);
  row_pass<V, Moment> pass(x, row);
  logit_sums& sums = found.sums[static_cast<std::size_t>(i)] = pass.run(largest);
  if (sums.at >= 0) sums.at += x.first_id();
  for (index_t j = 0; j < found.largest_count; ++j) {
    if (index_t& id = found.largest_ids[first + static_cast<std::size_t>(j)]; id >= 0) id += x.first_id();
  }
  auto const logit = [&](index_t id) { return x.holds(id) ? x(row, id) : -special<float>::infinity; };
  float* const to = found.logits.data() + first_of(i, 1 + found.listed);
  to[0] = batch.has_token_id() ? logit(batch.token_id(t.response, t.slot)) : -special<float>::infinity;
  for (index_t j = 0; j < found.listed; ++j) to[1 + j] = logit(batch.listed()(t.row, j));
}

/// Finds the first logit of a row that is NaN or +inf; if there is none, the row is of -inf alone.
inline status bad_row(logit_rows const& x, index_t row, token_place const& t) noexcept {
  for (index_t id = x.first_id(); x.holds(id); ++id) {
    float const y = x(row, id);
    if (!(y <= special<float>::largest))
      return wrong_at(t, status_code::logit_invalid, argument::logits, static_cast<double>(y), id);
  }
  return wrong_at(t, status_code::logit_invalid, argument::logits, -special<double>::infinity);
}
/// True if a row, or what is known of it, has no log-probs.
CPPO_HOST_DEVICE constexpr bool is_bad(logit_sums const& s) noexcept {
  return s.rest != s.rest || !(s.maximum <= special<float>::largest);
}
/// True if no pass over a row makes these sums, or these of its logits: another rank may send anything.
inline bool is_impossible(logit_sums const& s, std::span<float const> logits) noexcept {
  bool const sums = s.rest >= 0.0 && s.rest < special<double>::infinity && s.moment <= 0.0 &&
                    s.moment > -special<double>::infinity && s.maximum >= -special<float>::largest;
  return !sums || !std::all_of(logits.begin(), logits.end(), [&s](float x) { return x <= s.maximum; });
}

/// One pass over the rows of some tokens; row_of(i) is that of token i. Writes nothing of the caller's.
template <class E, class RowOf>
status find_rows(E const& executor, logit_batch_view const& batch, moment_is moment,
                 std::vector<token_place> const& tokens, RowOf const& row_of, found_logits& found) {
  using V = typename logit_lanes<E>::type;
  auto const n = static_cast<index_t>(tokens.size());
  over_rows(executor, n, batch.logits().vocabulary(), [&](index_t i) {
    token_place const& t = tokens[static_cast<std::size_t>(i)];
    if (moment == moment_is::summed) find_row<V, moment_is::summed>(batch, row_of(i), t, i, found);
    else find_row<V, moment_is::left_out>(batch, row_of(i), t, i, found);
  });
  for (index_t i = 0; i < n; ++i) {
    auto const at = static_cast<std::size_t>(i);
    if (is_bad(found.sums[at])) return bad_row(batch.logits(), row_of(i), tokens[at]);
  }
  return {};
}
/// One pass over every token's row. Writes nothing of the caller's.
template <class E>
status find_all(E const& executor, logit_batch_view const& batch, moment_is moment, index_t most,
                std::vector<token_place>& tokens, found_logits& found) {
  if (!logit_lanes<E>::keep_arithmetic()) return {status_code::arithmetic_relaxed};
  if (status const s = find_tokens(batch, tokens); !s.ok()) return s;
  reserve(found, batch, tokens.size(), most);
  auto const row_of = [&tokens](index_t i) { return tokens[static_cast<std::size_t>(i)].row; };
  return find_rows(executor, batch, moment, tokens, row_of, found);
}

/// True if all ids were found of so many tokens of this batch, with at least the `most` largest logits of each.
inline bool belongs_to(found_logits const& found, logit_batch_view const& batch, std::size_t tokens,
                       index_t most) noexcept {
  logit_rows const& x = batch.logits();
  bool const all_ids = found.ids == x.ids() && found.shards.size() == 1 && found.shards[0] == id_range{0, x.ids()};
  return is_whole(found) && all_ids && found.sums.size() == tokens && found.listed == batch.listed().k &&
         found.largest_count >= std::min(most, x.ids()) && found.temperature == x.temperature();
}
/// Checks that every token has log-probs, given what was found in the whole vocabulary.
inline status check_found(logit_batch_view const& batch, std::vector<token_place> const& tokens,
                          found_logits const& found) noexcept {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    token_place const& t = tokens[i];
    auto const each = static_cast<std::size_t>(1 + found.listed);
    auto const most = static_cast<std::size_t>(found.largest_count);
    bool const bad = is_bad(found.sums[i]) ||
                     (found.sums[i].at >= 0 &&
                      (is_impossible(found.sums[i], std::span(found.logits).subspan(i * each, each)) ||
                       is_impossible(found.sums[i], std::span(found.largest_logits).subspan(i * most, most))));
    if (bad || found.sums[i].at < 0) {
      double const x = bad ? special<double>::nan : -special<double>::infinity;
      return wrong_at(t, status_code::logit_invalid, argument::logits, x);
    }
    float const x = found.logits[i * each];
    if (batch.has_token_id() && x == -special<float>::infinity) {
      return masked_id(t, batch.token_id(t.response, t.slot));
    }
  }
  return {};
}

/// Places what a call on the whole vocabulary writes, if all fits together.
inline status place_log_probs(logit_batch_view const& batch, log_prob_outputs const& out,
                              placed_log_probs& to) noexcept {
  if (!batch.check().ok()) return batch.check();
  status const s = to.place_in(out, batch);
  logit_rows const& x = batch.logits();
  if (!s.ok() || x.vocabulary() == x.ids()) return s;
  return {.code = status_code::shards_mismatch, .name = "logits(V, x).from_id(...)"};
}

/// Writes the numbers of a batch whose tokens all have log-probs.
class log_prob_writer {
 public:
  log_prob_writer(placed_log_probs const& to, logit_batch_view const& batch, found_logits const& found) noexcept
      : to_(to), batch_(batch), found_(found) {}

  /// Writes every slot, of which `tokens` are tokens.
  void write(std::vector<token_place> const& tokens) const noexcept {
    layout const& l = batch_.shape();
    std::size_t next = 0;
    for (index_t b = 0; b < l.responses(); ++b) {
      for (index_t i = 0; i < l.slots(b); ++i) {
        bool const token = next < tokens.size() && tokens[next].response == b && tokens[next].slot == i;
        if (token) write_token(tokens[next], static_cast<index_t>(next)), ++next;
        else exclude(b, i);
      }
    }
    for (index_t k = 0; k < l.spare(); ++k) exclude_spare(l.spare_slot(k));
  }

 private:
  void write_token(token_place const& t, index_t i) const noexcept {
    logit_sums const& s = found_.sums[static_cast<std::size_t>(i)];
    double const temperature = found_.temperature;
    float const* const logit = found_.logits.data() + first_of(i, 1 + found_.listed);
    put(to_.log_prob, t.response, t.slot, s.log_prob(logit[0], temperature));
    put(to_.log_sum_exp, t.response, t.slot, s.log_sum_exp(temperature));
    put(to_.entropy, t.response, t.slot, s.entropy());
    for (index_t j = 0; j < to_.listed.k; ++j) to_.listed.set(t.row, j, s.log_prob(logit[1 + j], temperature));
    std::size_t const first = first_of(i, found_.largest_count);
    for (index_t j = 0; j < to_.most; ++j) {
      bool const is_found = j < found_.largest_count;  // no more than there are ids
      std::size_t const at = first + static_cast<std::size_t>(j);
      float const x = is_found ? found_.largest_logits[at] : -special<float>::infinity;
      to_.largest.set(t.row, j, s.log_prob(x, temperature));
      to_.largest_id.set(t.row, j, is_found ? static_cast<double>(found_.largest_ids[at]) : -1.0);
    }
  }
  void put(placed_numbers const& n, index_t b, index_t i, double x) const noexcept {
    n.set(n.offset(batch_.shape(), b, i), x);
  }
  void exclude(index_t b, index_t i) const noexcept {
    for (placed_numbers const* n : {&to_.log_prob, &to_.log_sum_exp, &to_.entropy}) put(*n, b, i, 0.0);
    exclude_lists(batch_.row(b, i));
  }
  void exclude_spare(index_t slot) const noexcept {
    for (placed_numbers const* n : {&to_.log_prob, &to_.log_sum_exp, &to_.entropy}) n->set(slot * n->token_stride, 0.0);
    exclude_lists(slot);
  }
  void exclude_lists(index_t row) const noexcept {
    for (index_t j = 0; j < to_.listed.k; ++j) to_.listed.set(row, j, 0.0);
    for (index_t j = 0; j < to_.most; ++j) to_.largest.set(row, j, 0.0), to_.largest_id.set(row, j, -1.0);
  }

  placed_log_probs const& to_;
  logit_batch_view const& batch_;
  found_logits const& found_;
};

}  // namespace detail

/// Writes log pi of the sampled ids and of listed ones, log-sum-exp, entropy, and the largest logits' ids and
/// log-probs.
///
///     log_probs(simd, logit_batch(padded(B, T), logits(V, x).at_temperature(0.7), token_id(y), response_mask(m)),
///               {.log_prob = lp, .entropy = h});
///
///     log pi(a) = x_a / T - log sum_v e^(x_v / T),   H = - sum_v pi(v) log pi(v)
///
/// Shapes: logits [N, V] of the N slots of the layout, outputs with one number a slot in the batch's layout, lists
/// [N, k]. Excluded slots get +0 and id -1, and their rows are not read.
/// Pre: only what cannot be checked: buffers are alive, and bare pointers point to as many elements as they should.
/// Post: every number is written, or none: all rows are read before the first is written.
/// NaN, infinities: a logit of -inf is an id with probability 0. Refused, at active slots, with slot and id: NaN, +inf,
/// a row of -inf alone, an id outside of the vocabulary, a sampled id whose logit is -inf.
/// Accuracy, for V up to 2^18: log pi and log-sum-exp within 2e-6 of the exact number, before they are rounded to the
/// type of the output; the entropy within 1e-5 of itself. Probabilities below 2^-125 of the largest count as 0.
/// Cost: one pass over each row, in which 1024 logits that raise the largest so far are read up to three times more; in
/// a row that rises from end to end those are all. Memory: see `found_logits`; nothing of size [N, V].
/// Determinism: the same bits on every executor and number of threads, and over any cut of the rows into calls.
template <detail::reads_logits Executor>
status log_probs(Executor const& executor, logit_batch_view const& batch, log_prob_outputs const& out) {
  detail::placed_log_probs to;
  status s = detail::place_log_probs(batch, out, to);
  if (!s.ok()) return s;
  std::vector<detail::token_place> tokens;
  found_logits found;
  auto const moment = to.want_moment() ? detail::moment_is::summed : detail::moment_is::left_out;
  s = detail::find_all(executor, batch, moment, std::min(to.most, batch.logits().ids()), tokens, found);
  if (s.ok()) s = detail::check_found(batch, tokens, found);
  if (s.ok()) detail::log_prob_writer(to, batch, found).write(tokens);
  return s;
}

/// Writes to `found` what one pass finds in the shard of the vocabulary that is lent, with the `largest_count` largest
/// logits of it, of all ids at most. If the call fails, `found` becomes a value that every call refuses.
template <detail::reads_logits Executor>
status find_logits(Executor const& executor, logit_batch_view const& batch, found_logits& found,
                   index_t largest_count = 0) {
  found = {};
  if (!batch.check().ok()) return batch.check();
  char const* const name = "largest_count";
  if (largest_count < 0) return detail::wrong_extent(argument::top_k, "entries at each slot", largest_count, 0, name);
  index_t const most = std::min(largest_count, batch.logits().ids());
  if (most > 0 && batch.shape().elements() > (index_t{1} << 62) / most)
    return {.code = status_code::size_overflow, .where = argument::top_k, .name = name};
  std::vector<detail::token_place> tokens;
  found_logits made;
  status const s = detail::find_all(executor, batch, detail::moment_is::summed, most, tokens, made);
  if (s.ok()) found = std::move(made);
  return s;
}

/// The same log-probs from what was found in all shards of the vocabulary. Logits are not read: the batch may be that
/// of any shard.
inline status log_probs(logit_batch_view const& batch, found_logits const& found, log_prob_outputs const& out) {
  if (!batch.check().ok()) return batch.check();
  detail::placed_log_probs to;
  status s = to.place_in(out, batch);
  if (!s.ok()) return s;
  std::vector<detail::token_place> tokens;
  s = detail::find_tokens(batch, tokens);
  if (!s.ok()) return s;
  if (!detail::belongs_to(found, batch, tokens.size(), to.most)) return {status_code::shards_mismatch};
  s = detail::check_found(batch, tokens, found);
  if (s.ok()) detail::log_prob_writer(to, batch, found).write(tokens);
  return s;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
