/// @file
/// TV and KL over the whole vocabulary: how far pi is from mu at each token, from two rows.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/outputs.hpp>
#include <cppo/logits/over_rows.hpp>
#include <cppo/logits/row_divergence.hpp>
#include <cppo/logits/slot_columns.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// A policy over the vocabulary at each slot: logits with their log-sum-exp, or log-probs of all ids.
struct policy_rows {
  logit_rows logits = {};       ///< [N, V]
  slot_input log_sum_exp = {};  ///< of the logits: log of the sum of e^(x / T) over each row, as `log_probs` writes it
  logit_rows log_probs = {};    ///< [N, V], in the place of both: `logits(V, x)` of log-probs
};

/// What `full_divergences` may write, an element for each slot. Excluded slots get +0.
struct full_divergence_outputs {
  output tv = {};  ///< 1/2 sum over all ids of |pi - mu|, in [0, 1]
  output kl = {};  ///< KL(mu || pi) = sum over all ids of mu log(mu / pi), nats, in [0, 1000]
};

namespace detail {

/// A call of `full_divergences`, its buffers placed.
class divergence_call {
 public:
  explicit divergence_call(logit_batch_view const& batch) noexcept : batch_(batch), pi_(batch.logits()) {}

  status take(slot_input const& log_sum_exp, policy_rows const& mu, full_divergence_outputs const& out) noexcept {
    if (!batch_.check().ok()) return batch_.check();
    layout const& l = batch_.shape();
    bool const has_logits = mu_total_wanted_ = mu.logits.lent() || mu.log_sum_exp.lent();
    mu_ = has_logits ? mu.logits : mu.log_probs;
    status s = has_logits && mu.log_probs.lent() ? lent_twice() : check_rows();
    if (s.ok()) s = pi_total_.take(log_sum_exp, l, argument::log_prob, "log_sum_exp");
    if (s.ok() && has_logits) s = mu_total_.take(mu.log_sum_exp, l, argument::rollout_log_prob, "rollout.log_sum_exp");
    if (s.ok()) s = tv_.place_in(out.tv, l);
    if (s.ok()) s = kl_.place_in(out.kl, l);
    return s.ok() ? check_memory() : s;
  }
  status check_numbers(row_kinds const& kinds) const noexcept {
    for (index_t row = 0; row < batch_.shape().elements(); ++row) {
      status const s = kinds[row] == row_is::token ? check_row(row) : status{};
      if (!s.ok()) return s;
    }
    return {};
  }
  /// Checks the numbers of a token.
  CPPO_HOST_DEVICE status check_row(index_t row) const noexcept {
    token_place const t = token_of(batch_.shape(), row);
    double const pi = total_of(pi_total_, row), mu = total_of(mu_total_, row);
    status const s = check_log_sum_exp(t, pi, pi_.temperature(), argument::log_prob, "log_sum_exp");
    if (!s.ok()) return s;
    return check_log_sum_exp(t, mu, mu_.temperature(), argument::rollout_log_prob, "rollout.log_sum_exp");
  }
  CPPO_HOST_DEVICE logit_batch_view const& batch() const noexcept { return batch_; }
  bool wants_kl() const noexcept { return kl_.lent(); }
  /// The rows of both, and their policies.
  /// @{
  CPPO_HOST_DEVICE logit_rows const& pi() const noexcept { return pi_; }
  CPPO_HOST_DEVICE logit_rows const& mu() const noexcept { return mu_; }
  CPPO_HOST_DEVICE row_policy pi_policy(index_t row) const noexcept {
    return {total_of(pi_total_, row), pi_.temperature()};
  }
  CPPO_HOST_DEVICE row_policy mu_policy(index_t row) const noexcept {
    return {total_of(mu_total_, row), mu_.temperature()};
  }
  /// @}
  /// Writes what was found at a row.
  CPPO_HOST_DEVICE void write(index_t row, row_divergences const& d) const noexcept {
    tv_.set(slot_column(tv_, batch_.shape()).offset(row), d.tv);
    kl_.set(slot_column(kl_, batch_.shape()).offset(row), d.kl);
  }
  /// Every buffer that is read or written beside the batch, with its name.
  template <class F>
  void each_buffer(F const& f) const {
    f(mu_.source().data, argument::logits, name_of_mu());
    f(pi_total_.source().data, argument::log_prob, "log_sum_exp");
    f(mu_total_.source().data, argument::rollout_log_prob, "rollout.log_sum_exp");
    for (placed_numbers const* n : {&tv_, &kl_}) f(n->data, n->where, n->name);
  }
  template <class E>
  void run(E const& e, row_kinds const& kinds) const {
    using V = typename logit_lanes<E>::type;
    auto const write_row = [&](index_t row) {
      if (kinds[row] == row_is::left_alone) return;
      write(row, kinds[row] == row_is::token ? of_row<V>(row) : row_divergences{});
    };
    over_rows(e, batch_.shape().elements(), pi_.vocabulary(), write_row);
  }

 private:
  template <class V>
  row_divergences of_row(index_t row) const noexcept {
    row_policy const pi = pi_policy(row), mu = mu_policy(row);
    if (!wants_kl()) return divergences_of_rows<divergences_are::tv, V>(pi_, pi, mu_, mu, row);
    return divergences_of_rows<divergences_are::both, V>(pi_, pi, mu_, mu, row);
  }
  /// Of log-probs it is 0.
  static CPPO_HOST_DEVICE double total_of(slot_column const& c, index_t row) noexcept {
    return c.source().lent() ? c.number(row) : 0.0;
  }
  status check_rows() const noexcept {
    status s = mu_.check(batch_.shape().elements());
    if (!s.ok() && s.name == nullptr) s.name = name_of_mu();
    if (!s.ok()) return s;
    if (!mu_total_wanted_ && mu_.temperature() != 1.0) {
      return out_of_range(argument::logits, {false, "rollout.log_probs.at_temperature(t)", mu_.temperature(),
                                             "left out: log-probs are those of softmax(x / t) already"});
    }
    if (pi_.vocabulary() != pi_.ids()) return not_all_ids(pi_, "logits(V, x).from_id(first, ...)");
    if (mu_.vocabulary() != mu_.ids()) {
      return not_all_ids(mu_, mu_total_wanted_ ? "rollout.logits.from_id(first, ...)"
                                               : "rollout.log_probs.from_id(first, ...)");
    }
    index_t const wanted = pi_.vocabulary(), found = mu_.vocabulary();
    return found == wanted ? s : wrong_extent(argument::logits, "columns", found, wanted, name_of_mu());
  }
  char const* name_of_mu() const noexcept { return mu_total_wanted_ ? "rollout.logits" : "rollout.log_probs"; }
  static status not_all_ids(logit_rows const& x, char const* name) noexcept {
    return out_of_range(argument::logits, {false, name, static_cast<double>(x.first_id()),
                                           "left out: lend the logits of all ids of the vocabulary"});
  }
  static status lent_twice() noexcept {
    return {.code = status_code::bad_parameter, .where = argument::logits, .name = "rollout",
            .range = "logits with their log_sum_exp, or log_probs alone: leave out one of the two"};
  }
  status check_memory() const noexcept {
    layout const& l = batch_.shape();
    footprint const tv = footprint_of(tv_, l), kl = footprint_of(kl_, l);
    if (may_overlap(tv, kl)) return shared_memory(argument::divergence, argument::divergence, "kl");
    argument other = argument::none;
    auto const apart_from = [&](footprint const& f, argument name) {
      if (may_overlap(tv, f) || may_overlap(kl, f)) other = name;
    };
    for (footprint const& f : {tv, kl}) {
      if (other == argument::none) other = overlapped(f, batch_);
    }
    apart_from(footprint_of(mu_, l), argument::logits);
    apart_from(footprint_of(pi_total_.source(), l), argument::log_prob);
    apart_from(footprint_of(mu_total_.source(), l), argument::rollout_log_prob);
    return other == argument::none ? status{} : shared_memory(argument::divergence, other);
  }

  logit_batch_view batch_;
  logit_rows pi_, mu_;
  slot_column pi_total_, mu_total_;
  bool mu_total_wanted_ = false;  ///< mu is lent as logits, which have a log-sum-exp, and not as log-probs
  placed_numbers tv_{{}, argument::divergence, "tv"}, kl_{{}, argument::divergence, "kl"};
};

}  // namespace detail

/// TV and KL(mu || pi) over the whole vocabulary at each token, in one pass over both rows. The batch lends the logits
/// of pi and the response mask, `log_sum_exp` belongs to those logits, and `rollout` is mu, over the same ids. For
/// KL(pi || mu) exchange the two.
///
///     TV = 1/2 sum |pi - mu|,   KL(mu || pi) = sum mu log(mu / pi)
///
/// Binary <= Top-K <= full, for both, but for rounding. To decide by it, lend what is written with
/// `divergence_values(d)` and build the region on `precomputed`.
/// Shapes: both rows [N, V], of any types, distances of rows and temperatures; what is written, an element a slot.
/// NaN, infinities: an id of -inf has probability 0; where mu has some and pi none, KL is infinite and saturates at
/// 1000. A logit of NaN or +inf gives NaN, which `policy_loss` reports with its place. A log-sum-exp that is not lent
/// or not finite, or a mask that is neither 0 nor 1, ends the call before anything is written. Rows of no token are not
/// read. Where the log-sum-exp is not that of its row, what is written means nothing.
/// Cost: one pass, two exponentials an id; nothing of size [N, V]. Memory: a byte a slot.
/// Accuracy, for V up to 2^18: TV within 3e-6, KL within 2e-6 + 1e-5 of itself, where log-sum-exps are lent as double.
/// Determinism: the same bits on every executor, thread count and width; of NaN on a device, only that it is NaN.
template <detail::reads_logits Executor>
status full_divergences(Executor const& executor, logit_batch_view const& batch, slot_input const& log_sum_exp,
                        policy_rows const& rollout, full_divergence_outputs const& outputs) {
  detail::divergence_call call(batch);
  status s = call.take(log_sum_exp, rollout, outputs);
  if (!s.ok()) return s;
  detail::row_kinds const kinds(batch);
  s = kinds.first_bad().ok() ? call.check_numbers(kinds) : kinds.first_bad();
  if (!s.ok()) return s;
  if (!detail::logit_lanes<Executor>::keep_arithmetic()) return {status_code::arithmetic_relaxed};
  call.run(executor, kinds);
  return {};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
