// Calls on rows of logits: log-probs, also over shards of the vocabulary, the gradient of logits, divergences over the
// whole vocabulary.
#include "builds.hpp"
#include "logit_batch.hpp"
#include "on_compiled.hpp"

#include <algorithm>

namespace {

using c_api::refuse;
using c_api::set_of;
using c_api::word;
using cppo::argument;

/// A call whose arguments were taken.
struct call {
  c_api::lent_rows rows;
  cppo::logit_rows logits;
  c_api::lent_tensors outputs;
  c_api::row_executor how;
  cppo_logit_options options = {sizeof(cppo_logit_options), cppo_simd, 1, 0.0};
};
bool take_options(cppo_logit_options const* from, call& into, cppo_status& s) noexcept {
  cppo_logit_options& o = into.options;
  if (from != nullptr && !c_api::take_structure(from, "options", o, s)) return false;
  if ((o.executor != cppo_simd && o.executor != cppo_seq) || o.threads < 0 || o.threads > 4096) {
    return refuse(s, cppo_bad_argument, argument::options, word("executor is "), cppo::index_t{o.executor},
                  word(" and threads "), cppo::index_t{o.threads},
                  word(", but must be cppo_simd (0) or cppo_seq (1), and 0 to 4096"));
  }
  into.how = {o.executor == cppo_seq, o.threads};
  return true;
}
bool take_inputs(cppo_batch const* batch, cppo_logits const* logits, cppo_logit_options const* options,
                 c_api::id_set read, call& c, cppo_status& s) noexcept {
  return c_api::take_rows(batch, read, c.rows, s) && c_api::take_logits(logits, "logits", c.logits, s) &&
         take_options(options, c, s);
}
/// Takes what calls with outputs have. `read`, `written`: the ids that this one takes.
bool take_call(cppo_batch const* batch, cppo_logits const* logits, cppo_outputs const* outputs,
               cppo_logit_options const* options, c_api::id_set read, c_api::id_set written, call& c,
               cppo_status& s) noexcept {
  return take_inputs(batch, logits, options, read, c, s) && c_api::take_row_outputs(outputs, written, c.outputs, s);
}
void run(call const& c, c_api::row_call what, c_api::row_arguments const& a, cppo_status& s) {
  cppo::status ended;
  if (c_api::run_on_rows(c.how, what, c.rows.batch(c.logits), a, ended, s)) c_api::take(ended, s);
}

constexpr c_api::id_set read_by_log_probs = set_of({cppo_response_mask, cppo_token_id, cppo_top_k_ids});
constexpr c_api::id_set written_by_log_probs =
    set_of({cppo_out_log_prob, cppo_out_log_sum_exp, cppo_out_entropy, cppo_out_listed_log_prob, cppo_out_largest_id,
            cppo_out_largest_log_prob});

cppo::log_prob_outputs log_probs_of(c_api::lent_tensors const& out) noexcept {
  cppo::index_t most = 0;
  for (std::int32_t const id : {cppo_out_largest_log_prob, cppo_out_largest_id}) {
    if (out.has(id)) most = out[id].shape[1];
  }
  return {out.output(cppo_out_log_prob), out.output(cppo_out_listed_log_prob), out.output(cppo_out_log_sum_exp),
          out.output(cppo_out_entropy),  most,                                 out.ids(cppo_out_largest_id),
          out.output(cppo_out_largest_log_prob)};
}

cppo::found_logits found_at(std::int64_t const* found, std::int64_t words) {
  return c_api::found_of({found, static_cast<std::size_t>(words)});
}
/// True if what is found shares memory with nothing.
bool is_apart(c_api::found_room const& to, cppo_batch const& batch, cppo_logits const& logits,
              cppo_status& s) noexcept {
  c_api::lent_memory const all{"found", c_api::memory_of(to.words, to.room)};
  c_api::lent_memory const others[] = {{"written", c_api::memory_of(to.written, 1)},
                                       {"logits", c_api::memory_of(logits.rows)}};
  return c_api::is_apart(all, argument::logits, others, s) && c_api::is_apart_from_rows(all, batch, s) &&
         c_api::is_apart(others[0], argument::logits, {&others[1], 1}, s) &&
         c_api::is_apart_from_rows(others[0], batch, s);
}
/// True if there is room for what may be found. A wrong count is refused by the call itself.
bool check_room(c_api::found_room const& to, std::int64_t largest_count, call const& c, cppo_status& s) noexcept {
  std::int64_t const m = std::clamp<std::int64_t>(largest_count, 0, std::max<std::int64_t>(c.logits.ids(), 0));
  std::int64_t const wanted = c_api::found_counts{c.rows.shape.elements(), c.rows.top_k, m, 1}.words();
  if (wanted < 0) {
    return refuse(s, static_cast<int>(cppo::status_code::size_overflow), argument::top_k, word("largest_count is "),
                  largest_count, word(", which makes more words than can be: ask for fewer, or lend fewer slots"));
  }
  return to.room >= wanted ||
         refuse(s, cppo_bad_argument, argument::none, word("room is "), to.room,
                word(", but what is found takes up to "), wanted,
                word(" words: ask cppo_found_words for a token in each slot"));
}

/// The other policy, if one was lent.
bool take_rollout(cppo_logits const* logits, cppo_logits const* log_probs, call const& c, cppo::policy_rows& rollout,
                  cppo_status& s) noexcept {
  if ((logits == nullptr) == (log_probs == nullptr)) {
    return refuse(s, cppo_bad_argument, argument::logits,
                  word("rollout_logits and rollout_log_probs are both "), word(logits == nullptr ? "null" : "lent"),
                  word(": lend one of the two"));
  }
  rollout.log_sum_exp = c.rows.inputs.numbers(cppo_rollout_log_sum_exp);
  return logits != nullptr ? c_api::take_logits(logits, "rollout_logits", rollout.logits, s)
                           : c_api::take_logits(log_probs, "rollout_log_probs", rollout.log_probs, s);
}

}  // namespace

bool c_api::run_on_rows(row_executor const& how, row_call what, cppo::logit_batch_view const& batch,
                        row_arguments const& a, cppo::status& ended, cppo_status& s) {
  if (how.on_seq) {
    ended = run_rows(cppo::seq, what, batch, a);
    return true;
  }
  build const* const by = build_of_call(s);
  if (by == nullptr) return false;
  crossing all{row_tag(), how.threads, &batch, nullptr, &a, nullptr, nullptr, &ended};
  all.rows = what;
  return came_to_status(by->call(all), by->instruction_set, s);
}

std::int32_t cppo_log_probs(cppo_batch const* batch, cppo_logits const* logits, cppo_outputs const* outputs,
                            cppo_logit_options const* options, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!take_call(batch, logits, outputs, options, read_by_log_probs, written_by_log_probs, c, s)) return;
    c_api::row_arguments a;
    a.log_probs = log_probs_of(c.outputs);
    run(c, c_api::row_call::log_probs, a, s);
  });
}

std::int64_t cppo_found_words(std::int64_t tokens, std::int64_t top_k, std::int64_t largest_count,
                              std::int64_t shards) {
  return c_api::found_counts{tokens, top_k, largest_count, shards}.words();
}

std::int32_t cppo_find_logits(cppo_batch const* batch, cppo_logits const* logits, std::int64_t largest_count,
                              std::int64_t* found, std::int64_t room, std::int64_t* written,
                              cppo_logit_options const* options, cppo_status* status) {
  c_api::found_room const to{found, room, written};
  bool apart = false;
  std::int32_t const code = c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!c_api::given(found, "found", s) || !c_api::given(written, "written", s)) return;
    if (!take_inputs(batch, logits, options, read_by_log_probs, c, s)) return;
    if (!(apart = is_apart(to, *batch, *logits, s)) || !check_room(to, largest_count, c, s)) return;
    c_api::row_arguments a;
    a.largest_count = largest_count;
    a.found = to;
    run(c, c_api::row_call::find, a, s);
  });
  if (code != 0 && apart) to.refuse();
  return code;
}

std::int64_t cppo_combine_found(std::int64_t const* a, std::int64_t a_words, std::int64_t const* b,
                                std::int64_t b_words, std::int64_t* into, std::int64_t room) {
  auto const lent = [](std::int64_t const* x, std::int64_t n) { return n == 0 || (n > 0 && x != nullptr); };
  if (!lent(a, a_words) || !lent(b, b_words) || !lent(into, room)) return -1;
  std::int64_t n = -1;
  c_api::answered(nullptr, [&](cppo_status&) {
    cppo::found_logits const all = combine(found_at(a, a_words), found_at(b, b_words));
    std::int64_t const words = c_api::counts_of(all).words();
    if (words <= room) c_api::write_found(all, into);
    n = words;
  });
  return n;
}

std::int32_t cppo_log_probs_of_found(cppo_batch const* batch, cppo_logits const* logits, std::int64_t const* found,
                                     std::int64_t found_words, cppo_outputs const* outputs, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!take_call(batch, logits, outputs, nullptr, read_by_log_probs, written_by_log_probs, c, s)) return;
    if (found_words < 0) {
      refuse(s, cppo_bad_argument, argument::none, word("found_words is "), found_words,
             word(", but must be 0 or more"));
      return;
    }
    if (found_words > 0 && !c_api::given(found, "found", s)) return;
    c_api::take(log_probs(c.rows.batch(c.logits), found_at(found, found_words), log_probs_of(c.outputs)), s);
  });
}

std::int32_t cppo_logits_gradient(cppo_batch const* batch, cppo_logits const* logits, cppo_outputs const* outputs,
                                  cppo_logit_options const* options, cppo_status* status) {
  constexpr c_api::id_set read = set_of({cppo_response_mask, cppo_token_id, cppo_slope, cppo_log_sum_exp,
                                         cppo_entropy, cppo_entropy_slopes});
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!take_call(batch, logits, outputs, options, read, set_of({cppo_out_logits_gradient}), c, s)) return;
    c_api::lent_tensors const& in = c.rows.inputs;
    c_api::row_arguments a;
    a.slopes = {in.numbers(cppo_slope), in.numbers(cppo_log_sum_exp), in.numbers(cppo_entropy),
                c.options.entropy_slope, in.numbers(cppo_entropy_slopes)};
    a.gradient = c.outputs.output(cppo_out_logits_gradient);
    run(c, c_api::row_call::gradient, a, s);
  });
}

std::int32_t cppo_full_divergences(cppo_batch const* batch, cppo_logits const* logits,
                                   cppo_logits const* rollout_logits, cppo_logits const* rollout_log_probs,
                                   cppo_outputs const* outputs, cppo_logit_options const* options,
                                   cppo_status* status) {
  constexpr c_api::id_set read = set_of({cppo_response_mask, cppo_log_sum_exp, cppo_rollout_log_sum_exp});
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    c_api::row_arguments a;
    if (!take_call(batch, logits, outputs, options, read, set_of({cppo_out_tv, cppo_out_kl}), c, s)) return;
    if (!take_rollout(rollout_logits, rollout_log_probs, c, a.rollout, s)) return;
    a.log_sum_exp = c.rows.inputs.numbers(cppo_log_sum_exp);
    a.divergences = {c.outputs.output(cppo_out_tv), c.outputs.output(cppo_out_kl)};
    run(c, c_api::row_call::divergences, a, s);
  });
}
