// Calls on rows of logits: log-probs, the gradient of logits, divergences over the whole vocabulary.
#include "builds.hpp"
#include "logit_batch.hpp"
#include "on_compiled.hpp"

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
/// Takes what all calls have. `read`, `written`: the ids that this one takes.
bool take_call(cppo_batch const* batch, cppo_logits const* logits, cppo_outputs const* outputs,
               cppo_logit_options const* options, c_api::id_set read, c_api::id_set written, call& c,
               cppo_status& s) noexcept {
  return c_api::take_rows(batch, read, c.rows, s) && c_api::take_logits(logits, "logits", c.logits, s) &&
         c_api::take_row_outputs(outputs, written, c.outputs, s) && take_options(options, c, s);
}
void run(call const& c, c_api::row_call what, c_api::row_arguments const& a, cppo_status& s) {
  cppo::status ended;
  if (c_api::run_on_rows(c.how, what, c.rows.batch(c.logits), a, ended, s)) c_api::take(ended, s);
}

cppo::log_prob_outputs log_probs_of(c_api::lent_tensors const& out) noexcept {
  cppo::index_t most = 0;
  for (std::int32_t const id : {cppo_out_largest_log_prob, cppo_out_largest_id}) {
    if (out.has(id)) most = out[id].shape[1];
  }
  return {out.output(cppo_out_log_prob), out.output(cppo_out_listed_log_prob), out.output(cppo_out_log_sum_exp),
          out.output(cppo_out_entropy),  most,                                 out.ids(cppo_out_largest_id),
          out.output(cppo_out_largest_log_prob)};
}

/// The other policy, if one was lent.
bool take_mu(cppo_logits const* logits, cppo_logits const* log_probs, call const& c, cppo::policy_rows& mu,
             cppo_status& s) noexcept {
  if ((logits == nullptr) == (log_probs == nullptr)) {
    return refuse(s, cppo_bad_argument, argument::logits,
                  word("mu_logits and mu_log_probs are both "), word(logits == nullptr ? "null" : "lent"),
                  word(": lend one of the two"));
  }
  mu.log_sum_exp = c.rows.inputs.numbers(cppo_mu_log_sum_exp);
  return logits != nullptr ? c_api::take_logits(logits, "mu_logits", mu.logits, s)
                           : c_api::take_logits(log_probs, "mu_log_probs", mu.log_probs, s);
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
  constexpr c_api::id_set read = set_of({cppo_response_mask, cppo_token_id, cppo_top_k_ids});
  constexpr c_api::id_set written = set_of({cppo_out_log_prob, cppo_out_log_sum_exp, cppo_out_entropy,
                                            cppo_out_listed_log_prob, cppo_out_largest_id, cppo_out_largest_log_prob});
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!take_call(batch, logits, outputs, options, read, written, c, s)) return;
    c_api::row_arguments a;
    a.log_probs = log_probs_of(c.outputs);
    run(c, c_api::row_call::log_probs, a, s);
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

std::int32_t cppo_full_divergences(cppo_batch const* batch, cppo_logits const* logits, cppo_logits const* mu_logits,
                                   cppo_logits const* mu_log_probs, cppo_outputs const* outputs,
                                   cppo_logit_options const* options, cppo_status* status) {
  constexpr c_api::id_set read = set_of({cppo_response_mask, cppo_log_sum_exp, cppo_mu_log_sum_exp});
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    c_api::row_arguments a;
    if (!take_call(batch, logits, outputs, options, read, set_of({cppo_out_tv, cppo_out_kl}), c, s)) return;
    if (!take_mu(mu_logits, mu_log_probs, c, a.mu, s)) return;
    a.log_sum_exp = c.rows.inputs.numbers(cppo_log_sum_exp);
    a.divergences = {c.outputs.output(cppo_out_tv), c.outputs.output(cppo_out_kl)};
    run(c, c_api::row_call::divergences, a, s);
  });
}
