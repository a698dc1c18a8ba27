/// @file
/// From the gradient of log-probs to that of logits: the backward pass of the softmax.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/over_rows.hpp>
#include <cppo/logits/row_gradient.hpp>
#include <cppo/logits/slot_columns.hpp>
#include <cppo/objective/outputs.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// What the gradient of logits is made of beside them. Each buffer has an element for each slot of the batch.
struct logit_slopes {
  slot_input slope = {};        ///< d loss / d log pi(y_t): the `gradient` that `policy_loss` writes
  slot_input log_sum_exp = {};  ///< log of the sum of e^(x / T) over each row, as `log_probs` writes it
  slot_input entropy = {};      ///< H of each row, as `log_probs` writes it; read where it has a slope
  double entropy_slope = 0.0;   ///< d loss / d H of every token: -coefficient / tokens for a bonus under `token_mean`
  slot_input entropy_slopes = {};  ///< the same for each token, in the place of `entropy_slope`
};

namespace detail {

/// A call of `logits_gradient`, its buffers placed.
class gradient_call {
 public:
  explicit gradient_call(logit_batch_view const& batch) noexcept : batch_(batch), in_(batch.logits()) {}

  /// Takes what was lent, if it fits together.
  status take(logit_slopes const& of, output const& gradient) noexcept {
    if (!batch_.check().ok()) return batch_.check();
    if (!batch_.has_token_id()) return {status_code::not_in_logit_batch, argument::token_id};
    layout const& l = batch_.shape();
    out_ = logit_rows(in_.vocabulary(), gradient.source());
    id_ = slot_column(batch_.token_ids(), l);
    entropy_slope_ = of.entropy_slope;
    status s = check_output();
    if (s.ok()) s = slope_.take(of.slope, l, argument::gradient);
    if (s.ok()) s = log_sum_exp_.take(of.log_sum_exp, l, argument::log_prob, "log_sum_exp");
    if (s.ok() && of.entropy_slopes.lent()) s = take_slopes(of);
    if (s.ok() && reads_entropy()) s = entropy_.take(of.entropy, l, argument::entropy);
    return s.ok() ? check_memory() : s;
  }
  /// Checks the numbers of each row whose logits will be read.
  status check_numbers(row_kinds const& kinds) const noexcept {
    status s;
    for (index_t row = 0; row < batch_.shape().elements() && s.ok(); ++row) {
      if (kinds[row] == row_is::token) s = check_row(row);
    }
    return s;
  }
  /// Checks the numbers of a token, if its logits are read.
  CPPO_HOST_DEVICE status check_row(index_t row) const noexcept {
    token_place const t = token_of(batch_.shape(), row);
    row_slopes const of = slopes(row);
    if (!of.reads_logits()) return {};
    status s = check_id(in_, t, argument::token_id, of.sampled);
    if (s.ok()) s = check_log_sum_exp(t, of.log_sum_exp, in_.temperature(), argument::log_prob, "log_sum_exp");
    if (!s.ok()) return s;
    if (!(of.entropy >= 0.0 && of.entropy < special<double>::infinity)) {
      return wrong_at(t, status_code::entropy_invalid, argument::entropy, of.entropy);
    }
    bool const masked = in_.holds(of.sampled) && in_(row, of.sampled) == -special<float>::infinity;
    return masked ? masked_id(t, of.sampled) : status{};
  }
  /// What the gradient of a token is made of. Its log-sum-exp and entropy are read only where its logits are.
  CPPO_HOST_DEVICE row_slopes slopes(index_t row) const noexcept {
    double const by_entropy = entropy_slopes_.source().lent() ? entropy_slopes_.number(row) : entropy_slope_;
    row_slopes of{.slope = slope_.number(row), .temperature = in_.temperature(), .entropy_slope = by_entropy,
                  .sampled = id_.id(row)};
    if (of.reads_logits()) of.log_sum_exp = log_sum_exp_.number(row);
    if (of.reads_logits() && by_entropy != 0.0) of.entropy = entropy_.number(row);
    return of;
  }
  /// The batch, and where its gradient goes.
  /// @{
  CPPO_HOST_DEVICE logit_batch_view const& batch() const noexcept { return batch_; }
  CPPO_HOST_DEVICE logit_rows const& gradient() const noexcept { return out_; }
  /// @}
  /// Every buffer that is read or written beside logits and ids, with its name.
  template <class F>
  void each_buffer(F const& f) const {
    f(out_.source().data, argument::logits, output_name);
    f(slope_.source().data, argument::gradient, nullptr);
    f(log_sum_exp_.source().data, argument::log_prob, "log_sum_exp");
    f(entropy_.source().data, argument::entropy, nullptr);
    f(entropy_slopes_.source().data, argument::entropy, "entropy_slopes");
  }
  /// Writes the gradient of every row. Pre: the checks are ok.
  template <class E, class Kinds>
  void run(E const& e, Kinds const& kinds) const {
    using V = typename logit_lanes<E>::type;
    auto const write_row = [this, &kinds](index_t row) {
      if (kinds[row] != row_is::left_alone) write<V>(row, kinds[row]);
    };
    over_rows(e, batch_.shape().elements(), in_.vocabulary(), write_row);
  }

 private:
  static constexpr char const* output_name = "logits_gradient";

  /// True if there is a slope of entropies.
  bool reads_entropy() const noexcept { return entropy_slope_ != 0.0 || entropy_slopes_.source().lent(); }
  status take_slopes(logit_slopes const& of) noexcept {
    parameter_check const alone{entropy_slope_ == 0.0, "entropy_slope", entropy_slope_,
                                "0 where entropy_slopes are lent: add it to each of them"};
    if (!alone) return out_of_range(argument::options, alone);
    return entropy_slopes_.take(of.entropy_slopes, batch_.shape(), argument::entropy, "entropy_slopes");
  }
  status check_output() const noexcept {
    constexpr auto most = static_cast<double>(special<float>::largest);
    parameter_check const finite{entropy_slope_ >= -most && entropy_slope_ <= most, "entropy_slope", entropy_slope_,
                                 "finite: 0 adds no entropy to the loss"};
    if (!finite) return out_of_range(argument::options, finite);
    if (!out_.lent()) return {.code = status_code::null_buffer, .where = argument::logits, .name = output_name};
    bool const floats = out_.type() == element_type::f32 || is_half_type(out_.type());
    status s = floats ? out_.check(batch_.shape().elements())
                      : status{.code = status_code::element_type_mismatch, .where = argument::logits};
    if (!s.ok() && s.name == nullptr) s.name = output_name;
    return s;
  }
  /// Checks that the gradient lies where the logits do, or shares no memory with anything.
  status check_memory() const noexcept {
    layout const& l = batch_.shape();
    footprint const out = footprint_of(out_, l);
    argument other = is_in_place() ? overlapped_beside(out, batch_) : overlapped(out, batch_);
    auto const apart_from = [&](column const& c, argument name) {
      if (may_overlap(out, footprint_of(c, l))) other = name;
    };
    apart_from(slope_.source(), argument::gradient);
    apart_from(log_sum_exp_.source(), argument::log_prob);
    apart_from(entropy_.source(), argument::entropy);
    apart_from(entropy_slopes_.source(), argument::entropy);
    return other == argument::none ? status{} : shared_memory(argument::logits, other, output_name);
  }

  bool is_in_place() const noexcept {
    return out_.source().data == in_.source().data && out_.type() == in_.type() &&
           out_.row_stride() == in_.row_stride();
  }
  /// A gradient that replaces its logits finds them in cache; a small one stays there.
  stores_are stores() const noexcept {
    constexpr index_t small = index_t{1} << 22;
    bool const large = batch_.shape().elements() * in_.vocabulary() >= small;
    return large && !is_in_place() ? stores_are::streamed : stores_are::cached;
  }
  template <class V>
  void write(index_t row, row_is kind) const noexcept {
    gradient_row const out{const_cast<void*>(out_.row(row)), out_.type(), stores()};
    write_gradient<V>(kind == row_is::token ? slopes(row) : row_slopes{}, in_, row, out);
  }

  logit_batch_view batch_;
  logit_rows in_, out_;
  slot_column slope_, log_sum_exp_, id_, entropy_, entropy_slopes_;
  double entropy_slope_ = 0.0;
};

}  // namespace detail

/// The gradient of a batch's logits, from that of the log-probs of its sampled ids.
///
///     d loss / d x_v = slope (1{v = y} - p_v) / T - entropy_slope p_v (log p_v + H) / T,   p = softmax(x / T)
///
/// Shapes: logits and gradient are [N, V], row i of slot i; the gradient may have another element type and distance of
/// rows, or be the logits' own memory, which it then replaces. Of a shard of the vocabulary (`from_id`) the log-sum-exp
/// and the entropy are those of all of it.
/// Pre: the batch lends `token_id`.
/// Post: the row of an excluded slot, and of a token whose slopes are both 0, is +0, and its logits are not read. At a
/// logit of -inf the gradient is +0. Rows of no response are +0 under `with_capacity` and left alone under `part_of`.
/// NaN, infinities: a NaN slope, of an entropy too, fills its row with NaN; a logit of NaN or +inf that is not the
/// sampled id's gives NaN, whose bits are not promised; an infinite slope gives infinities, and NaN where p is 0. A
/// log-sum-exp or entropy that is not finite, an entropy below 0, an id that is no column or whose logit is -inf, and a
/// mask that is neither 0 nor 1, end the call before anything is written.
/// Cost: one pass over the rows of tokens with a slope, one exponential a logit. Memory: a byte a slot.
/// Accuracy: p within 4e-7 + 2e-7 |log p| of itself, and what a log-sum-exp rounded to float loses: lend it as double.
/// Determinism: the same bits on every executor, thread count and width, in place or not.
template <detail::reads_logits Executor>
status logits_gradient(Executor const& executor, logit_batch_view const& batch, logit_slopes const& slopes,
                       output const& gradient) {
  detail::gradient_call call(batch);
  status s = call.take(slopes, gradient);
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
