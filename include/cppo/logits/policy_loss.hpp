/// @file
/// From logits to their gradient: mask, loss, report and d loss / d logits in one call.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/logits/gradient.hpp>
#include <cppo/logits/log_probs.hpp>
#include <cppo/logits/rollout.hpp>

#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// What a call on logits may produce. Every member is optional. Excluded slots get +0.
struct logit_loss_outputs {
  output logits_gradient = {};     ///< d loss / d logits, [N, V]: memory of its own, or that of the logits
  output loss = {};                ///< token losses, scaled: they add up to `report.loss()`
  output mask = {};                ///< M_t, 0 or 1
  output gate = {};                ///< the factor on the token: M_t, or g(x_t) under a soft gate
  token_trace trace = {};          ///< how each decision came about
  cppo::report* report = nullptr;  ///< counts and sums of the call
};

namespace detail {

/// The numbers of each slot between logits and gradient.
template <class Real>
struct slot_numbers {
  std::vector<Real> log_prob, slope, listed, entropy;
  std::vector<double> log_sum_exp;

  slot_numbers(std::size_t slots, index_t k, bool with_entropy)
      : log_prob(slots), slope(slots), listed(slots * static_cast<std::size_t>(k)), entropy(with_entropy ? slots : 0),
        log_sum_exp(slots) {}
};

/// The steps of `policy_loss_from_logits`.
template <class Real>
class loss_of_logits {
 public:
  /// Lends the buffers of its own beside those of the batch.
  loss_of_logits(logit_rollout_view<Real> const& batch, logit_loss_outputs const& out, bool with_entropy)
      : batch_(batch), out_(out), gradient_(batch.logits()),
        numbers_(static_cast<std::size_t>(batch.rollout().shape().elements()), batch.logits().listed().k,
                 with_entropy),
        decided_(batch.rollout()) {
    decided_.add(cppo::log_prob(numbers_.log_prob));
    if (!numbers_.entropy.empty()) decided_.add(cppo::entropy(numbers_.entropy));
    lent_ids const& ids = batch_.logits().listed();
    if (ids.k == 0) return;
    decided_.add(named_top_k<Real>{{ids.k, ids.source, make_buffer(numbers_.listed), batch.rollout_log_prob_lists()}});
  }
  loss_of_logits(loss_of_logits const&) = delete;
  loss_of_logits& operator=(loss_of_logits const&) = delete;

  /// Checks all that can be checked before a row of logits is read.
  template <class E, class Region>
  status check(E const& e, Region const& region, loss_options const& options) {
    task<Real, Region> t{{.batch = decided_, .objective = surrogate<Real>({})}, region};
    status s = prepare_loss(e, t, outputs(), options);
    logit_slopes const of{.slope = numbers_.slope, .log_sum_exp = numbers_.log_sum_exp};
    if (s.ok() && writes_gradient()) s = gradient_.take(of, out_.logits_gradient);
    return s.ok() ? check_memory(t) : s;
  }
  /// From logits to log-probs.
  template <class E>
  status forward(E const& e) {
    log_prob_outputs to{.log_prob = numbers_.log_prob, .log_sum_exp = numbers_.log_sum_exp};
    if (!numbers_.listed.empty()) to.listed_log_prob = numbers_.listed;
    if (!numbers_.entropy.empty()) to.entropy = numbers_.entropy;
    return log_probs(e, batch_.logits(), to);
  }
  /// From log-probs to their slopes. A log-prob that the region cannot take is one of the logits: none was lent.
  template <class E, class Region>
  status decide(E const& e, Region const& region, loss_options const& options) {
    status s = policy_loss(e, decided_, region, outputs(), options);
    if (s.where == argument::log_prob && s.name == nullptr) s.name = "log_prob of the logits";
    return s;
  }
  /// From slopes to the gradient of logits. Pre: the steps before have written their numbers.
  template <class E>
  void backward(E const& e, row_kinds const& kinds) const {
    if (writes_gradient()) gradient_.run(e, kinds);
  }

 private:
  bool writes_gradient() const noexcept { return out_.logits_gradient.source().rank != 0; }
  loss_outputs outputs() noexcept {
    return {.loss = out_.loss, .gradient = numbers_.slope, .mask = out_.mask, .gate = out_.gate, .trace = out_.trace,
            .report = out_.report};
  }

  /// Checks that logits and their gradient share no memory with an output, nor the gradient with an input.
  status check_memory(checked_call<Real> const& t) const noexcept {
    layout const& l = batch_.rollout().shape();
    logit_rows const& x = batch_.logits().logits();
    footprint const logits = footprint_of(x, l);
    footprint const gradient = footprint_of(logit_rows(x.vocabulary(), out_.logits_gradient.source()), l);
    loss_outputs const others{.loss = out_.loss, .mask = out_.mask, .gate = out_.gate, .trace = out_.trace};
    auto const meets = [&](footprint const& f) { return may_overlap(f, logits) || may_overlap(f, gradient); };
    if (meets(footprint_of(out_.report, 1))) return shared_memory(argument::report, argument::logits);
    for (named_output const& o : named_outputs(others)) {
      column c;
      bool const placed = place(o.lent->source(), l, o.where, c).ok();
      if (placed && meets(footprint_of(c, l))) return shared_memory(o.where, argument::logits, o.member);
    }
    argument const other = overlapped(gradient, t);
    return other == argument::none ? status{} : shared_memory(argument::logits, other, "logits_gradient");
  }

  logit_rollout_view<Real> batch_;
  logit_loss_outputs out_;
  gradient_call gradient_;
  slot_numbers<Real> numbers_;
  rollout_batch_view<Real> decided_;  // the batch with the numbers above
};

/// True if the region reads an input.
template <class Region>
bool reads_input(Region const& region, argument which) noexcept {
  bool found = false;
  each_input_of(region, [&](argument a) { found = found || a == which; });
  return found;
}

}  // namespace detail

/// Masks, weighs and differentiates a batch under a trust region, from the logits of pi to their gradient. The steps
/// are `log_probs`, `policy_loss` and `logits_gradient`, which a caller may also make one by one: to add an entropy
/// bonus, or to read the logits once where `full_divergences` needs their log-sum-exp too.
///
///     log pi = log_softmax(x / T) at y_t and at the listed ids,   M_t, l_t, slope_t: as `policy_loss`,
///     d loss / d x_v = slope_t (1{v = y_t} - pi(v)) / T
///
/// D is any divergence of the library: a Top-K one reads `rollout_top_k`, `precomputed` reads `divergence_values`. A
/// region that reads `entropy` gets that of the logits, unless it is lent.
/// Shapes: logits and their gradient [N, V], lists [N, K]; all else as in `policy_loss`.
/// Post: as `policy_loss`; the gradient is +0 in the row of each excluded slot and of each token with slope 0, as every
/// masked one has, and its logits are not read again. If `nothing_written()`, neither is the gradient.
/// NaN, infinities: logits, ids and masks as `log_probs` judges them: bad ones end the call, and nothing is written.
/// All other bad input as `options.bad_input` says; a NaN slope of `propagate` fills its row. Shapes, regions, options
/// and shared memory are checked before a row is read.
/// Cost: one pass over the rows of tokens to read them, and one over those with a slope to write. Memory beside the
/// caller's, a slot: K + 2 numbers (one more where the region reads the entropy), 9 bytes, and while rows are read what
/// `log_probs` keeps; nothing of size [N, V].
/// Determinism: the same bits on every executor, thread count and width, in place or not.
template <detail::reads_logits Executor, class Real, trust_region_like Region>
status policy_loss_from_logits(Executor const& executor, logit_rollout_view<Real> const& batch, Region const& region,
                               logit_loss_outputs const& outputs, loss_options const& options = {}) {
  if (!batch.check().ok()) return batch.check();
  bool const reads_entropy = detail::reads_input(region, argument::entropy);
  detail::loss_of_logits<Real> call(batch, outputs, reads_entropy && !batch.rollout().has(argument::entropy));
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
