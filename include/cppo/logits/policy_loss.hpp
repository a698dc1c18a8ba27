/// @file
/// From logits to their gradient: mask, loss, report and d loss / d logits in one call.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/decided_rows.hpp>
#include <cppo/logits/gradient.hpp>
#include <cppo/logits/log_probs.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// What a call on logits may produce. Every member is optional. Excluded slots get +0.
struct logit_loss_outputs {
  output logits_gradient = {};     ///< d loss / d logits, [N, V]: memory of its own, or that of the logits
  output loss = {};                ///< token losses, scaled: they add up to `report.loss()`
  output mask = {};                ///< M_t, 0 or 1
  output gate = {};                ///< the factor on the token: M_t, or g(x_t) under a soft gate
  output log_prob = {};            ///< log pi of the sampled ids, as the region reads it
  output entropy = {};             ///< H of softmax(x / T), nats
  token_trace trace = {};          ///< how each decision came about
  cppo::report* report = nullptr;  ///< counts and sums of the call
};

namespace detail {

/// The steps of `policy_loss_from_logits`.
template <class Real>
class loss_of_logits {
 public:
  /// Lends the buffers of its own beside those of the batch, in memory of 0 that is given, or else allocated.
  loss_of_logits(logit_rollout_view<Real> const& batch, logit_loss_outputs const& out, entropy_use const& use,
                 void* memory = nullptr)
      : batch_(batch), out_(out), use_(use), gradient_(batch.logits()), decided_(batch, out, use, memory) {}

  /// Checks all that can be checked before a row of logits is read.
  template <class E, class Region>
  status check(E const& e, Region const& region, loss_options const& options) {
    slot_numbers<Real>& n = decided_.numbers();
    logit_slopes of{.slope = n.slope, .log_sum_exp = n.log_sum_exp};
    if (use_.bonus != 0.0) of.entropy = n.entropy, of.entropy_slopes = n.entropy_slope;
    logit_rows const written(batch_.logits().logits().vocabulary(), out_.logits_gradient.source());
    return decided_.check(e, region, options, written, "logits_gradient",
                          [&] { return writes_gradient() ? gradient_.take(of, out_.logits_gradient) : status{}; });
  }
  /// From logits to log-probs.
  template <class E>
  status forward(E const& e) {
    slot_numbers<Real>& n = decided_.numbers();
    log_prob_outputs to{.log_prob = n.log_prob, .log_sum_exp = n.log_sum_exp};
    if (!n.listed.empty()) to.listed_log_prob = n.listed;
    if (use_.any()) to.entropy = n.entropy;
    return log_probs(e, batch_.logits(), to);
  }
  /// From log-probs to their slopes.
  template <class E, class Region>
  status decide(E const& e, Region const& region, loss_options const& options) {
    return decided_.decide(e, region, options);
  }
  /// From slopes to the gradient of logits. Pre: the steps before have written their numbers.
  template <class E>
  void backward(E const& e, row_kinds const& kinds) const {
    if (writes_gradient()) gradient_.run(e, kinds);
  }
  bool writes_gradient() const noexcept { return out_.logits_gradient.source().rank != 0; }
  gradient_call const& gradient() const noexcept { return gradient_; }
  decided_rows<Real> const& decided() const noexcept { return decided_; }

 private:
  logit_rollout_view<Real> batch_;
  logit_loss_outputs out_;
  entropy_use use_;
  gradient_call gradient_;
  decided_rows<Real> decided_;
};

}  // namespace detail

/// Masks, weighs and differentiates a batch under a trust region, from the logits of pi to their gradient. The steps
/// are `log_probs`, `policy_loss` and `logits_gradient`, which a caller may also make one by one: to read the logits
/// once where `full_divergences` needs their log-sum-exp too.
///
///     log pi = log_softmax(x / T) at y_t and at the listed ids,   M_t, l_t, slope_t: as `policy_loss`,
///     d loss / d x_v = slope_t (1{v = y_t} - pi(v)) / T
///
/// With `more.entropy_bonus` c, l_t loses c H_t times the scale of the aggregation at each valid token, kept or masked,
/// and the gradient has the term of H_t: it is that of `report.loss()`, but for what masks and weights hold constant.
/// (The quantity `entropy`, in a region, is a number that is held: it has no gradient.)
/// D is any divergence of the library: a Top-K one reads `rollout_top_k`, `precomputed` reads `divergence_values`. A
/// region that reads `entropy` gets that of the logits, unless it is lent.
/// Shapes: logits and their gradient [N, V], lists [N, K]; all else as in `policy_loss`.
/// Post: as `policy_loss`; the gradient is +0 in the row of each excluded slot and, without a bonus, of each token with
/// slope 0, as every masked one has, and its logits are not read again. A bonus is added to losses that are rounded to
/// the type of `loss` already. If `nothing_written()`, neither is the gradient.
/// NaN, infinities: logits, ids and masks as `log_probs` judges them: bad ones end the call, and nothing is written.
/// All other bad input as `options.bad_input` says; a NaN slope of `propagate` fills its row. Shapes, regions, options
/// and shared memory are checked before a row is read.
/// Cost: one pass over the rows of tokens to read them, and one over those with a slope to write. Memory beside the
/// caller's, a slot: K + 2 numbers, 9 bytes (8 more where entropies are read or written, 17 with a bonus; each in steps
/// of 256 bytes), and while rows are read what `log_probs` keeps; nothing of size [N, V].
/// Determinism: the same bits on every executor, thread count and width, in place or not.
template <detail::reads_logits Executor, class Real, trust_region_like Region>
status policy_loss_from_logits(Executor const& executor, logit_rollout_view<Real> const& batch, Region const& region,
                               logit_loss_outputs const& outputs, loss_options const& options = {},
                               logit_loss_options const& more = {}) {
  if (!batch.check().ok()) return batch.check();
  detail::loss_of_logits<Real> call(batch, outputs, detail::entropy_use_of(batch, region, outputs, more.entropy_bonus));
  detail::row_kinds const kinds(batch.logits());  // before the first output is written: memory may run out
  status s = call.check(executor, region, options);
  if (s.ok()) s = call.forward(executor);
  if (!s.ok()) return s;
  s = call.decide(executor, region, options);
  if (!s.nothing_written()) call.backward(executor, kinds);
  return s;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
