/// @file
/// The part of a call between logits and their gradient: from log-probs to slopes, whatever the logits come from.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/block/array_places.hpp>
#include <cppo/logits/entropy_bonus.hpp>
#include <cppo/logits/rollout.hpp>
#include <cppo/logits/row_gradient.hpp>
#include <cppo/logits/slot_columns.hpp>
#include <cppo/logits/slot_outputs.hpp>

#include <cstdint>
#include <memory>
#include <span>

namespace cppo { inline namespace CPPO_ABI {

/// What a call on logits takes beside `loss_options`.
struct logit_loss_options {
  /// c: each valid token, kept or masked, has c H taken from its loss, with H the entropy of softmax(x / T), and scaled
  /// as the aggregation says. `loss`, the report and the gradient hold it. 0: none.
  double entropy_bonus = 0.0;
};

namespace detail {

/// True if the region reads an input.
template <class Region>
bool reads_input(Region const& region, argument which) noexcept {
  bool found = false;
  each_input_of(region, [&](argument a) { found = found || a == which; });
  return found;
}

/// Which entropies a call computes.
struct entropy_use {
  bool by_region = false;  ///< the region reads them, and none are lent
  bool asked = false;      ///< they are an output
  double bonus = 0.0;      ///< the coefficient

  bool any() const noexcept { return by_region || asked || bonus != 0.0; }
};
/// The use of a call.
template <class Real, class Region, class Outputs>
entropy_use entropy_use_of(logit_rollout_view<Real> const& batch, Region const& region, Outputs const& out,
                           double coefficient) noexcept {
  return {reads_input(region, argument::entropy) && !batch.rollout().has(argument::entropy),
          out.entropy.source().rank != 0, coefficient};
}

/// The numbers of each slot between logits and gradient, in memory that is given.
template <class Real>
struct slot_numbers {
  std::span<Real> log_prob, slope, listed;
  std::span<double> log_sum_exp, entropy, entropy_slope;
  std::span<std::uint8_t> decisions;

  /// Sets them to one after the other from `base` on, which may be null: then they are empty. Returns the bytes that
  /// they take.
  std::size_t place(void* base, index_t slots, index_t k, entropy_use const& use) noexcept {
    array_places places(base);
    auto const take = [&]<class T>(std::span<T>& to, index_t n) {
      T* p = nullptr;
      places.take(p, n);
      to = p == nullptr ? std::span<T>() : std::span<T>(p, static_cast<std::size_t>(n));
    };
    index_t const of_bonus = use.bonus != 0.0 ? slots : 0;
    take(log_prob, slots), take(slope, slots), take(listed, slots * k), take(log_sum_exp, slots);
    take(entropy, use.any() ? slots : 0), take(entropy_slope, of_bonus), take(decisions, of_bonus);
    return places.used();
  }
  /// The same for a batch.
  std::size_t place(void* base, logit_rollout_view<Real> const& batch, entropy_use const& use) noexcept {
    return place(base, batch.rollout().shape().elements(), batch.logits().listed().k, use);
  }
};

/// n responses of a batch, from b on. Packed ones keep their slots.
template <class Real>
rollout_batch_view<Real> responses_of(rollout_batch_view<Real> const& batch, index_t b, index_t n) noexcept {
  layout const& l = batch.shape();
  index_t const rows = l.is_packed() ? 0 : b * l.width(), k = batch.lists().k;
  auto const move = [&]<class Lent>(Lent& lent) {
    index_t elements;
    if constexpr (std::is_same_v<Lent, column>) elements = b * lent.response_stride;
    else elements = rows * (lent.rank == 2 ? lent.strides[0] : k);
    lent.data = static_cast<char const*>(lent.data) + elements * size_of(lent.type);
  };
  return batch.moved(l.some(b, n), move);
}

/// From log-probs to slopes: a batch whose log-probs are numbers of the call's own.
template <class Real>
class decided_rows {
 public:
  /// `out` has no slopes: they are numbers of the call's own too. The numbers are 0, in memory that is given, or else
  /// is allocated.
  template <class Outputs>
  decided_rows(logit_rollout_view<Real> const& batch, Outputs const& out, entropy_use const& use,
               void* memory = nullptr)
      : batch_(batch), out_{.loss = out.loss, .mask = out.mask, .gate = out.gate, .trace = out.trace,
                            .report = out.report},
        slots_(out.log_prob, out.entropy), use_(use), decided_(batch.rollout()) {
    if (memory == nullptr) own_ = std::make_unique<unsigned char[]>(numbers_.place(nullptr, batch, use));
    (void)numbers_.place(memory == nullptr ? own_.get() : memory, batch, use);
    out_.gradient = numbers_.slope;
    if (use.bonus != 0.0 && !lent(out_.trace.decision)) out_.trace.decision = numbers_.decisions;
    decided_.add(cppo::log_prob(numbers_.log_prob));
    if (use.by_region) decided_.add(cppo::entropy(numbers_.entropy));
    lent_ids const& ids = batch_.logits().listed();
    if (ids.k == 0) return;
    decided_.add(named_top_k<Real>{{ids.k, ids.source, make_buffer(numbers_.listed), batch.rollout_log_prob_lists()}});
  }
  decided_rows(decided_rows const&) = delete;
  decided_rows& operator=(decided_rows const&) = delete;

  slot_numbers<Real>& numbers() noexcept { return numbers_; }
  slot_numbers<Real> const& numbers() const noexcept { return numbers_; }
  slot_outputs const& slots() const noexcept { return slots_; }

  /// Checks all that can be checked before a row of logits is read. `written` is where their gradient will be, which
  /// the caller calls `name`; take() checks it.
  template <class E, class Region, class Take>
  status check(E const& e, Region const& region, loss_options const& options, logit_rows const& written,
               char const* name, Take const& take) {
    task<Real, Region> t{{.batch = decided_, .objective = surrogate<Real>({})}, region};
    status s = prepare_loss(e, t, out_, options);
    if (s.ok()) s = check_entropy_bonus(use_.bonus);
    if (s.ok()) s = take();
    if (s.ok()) s = slots_.place_in(batch_.rollout().shape());
    return s.ok() ? check_memory(t, footprint_of(written, batch_.rollout().shape()), name) : s;
  }
  /// From log-probs to their slopes. A log-prob that the region cannot take is one of the logits: none was lent.
  template <class E, class Region>
  status decide(E const& e, Region const& region, loss_options const& options) {
    status s = decide_alone(e, region, options);
    if (s.where == argument::log_prob && s.name == nullptr) s.name = "log_prob of the logits";
    if (s.nothing_written()) return s;
    layout const& l = batch_.rollout().shape();
    if (use_.bonus != 0.0) add_bonus(l, out_, 0, options);
    slots_.write(l, numbers_.log_prob.data(), numbers_.entropy.data());
    return s;
  }
  /// The same without what comes after `policy_loss`: bonus, log-probs and entropies.
  template <class E, class Region>
  status decide_alone(E const& e, Region const& region, loss_options const& options) const {
    return policy_loss(e, decided_, region, out_, options);
  }
  /// The same of n responses from b on, whose slopes alone are written: they are those of `decide`. Pre: the divisor of
  /// the aggregation is given, and nothing that the region reads goes beyond a response.
  template <class E, class Region>
  status decide_some(E const& e, Region const& region, loss_options const& options, index_t b, index_t n) {
    rollout_batch_view<Real> const some = responses_of(decided_, b, n);
    index_t const first = some.shape().is_packed() ? 0 : b * some.shape().width();
    loss_outputs out{.gradient = numbers_.slope.data() + first};
    if (use_.bonus != 0.0) out.trace.decision = numbers_.decisions.data() + first;
    status const s = policy_loss(e, some, region, out, options);
    if (!s.nothing_written() && use_.bonus != 0.0) add_bonus(some.shape(), out, first, options);
    return s;
  }
  /// What the gradient of a token's row is made of.
  row_slopes slopes_of(token_place const& t) const noexcept {
    auto const row = static_cast<std::size_t>(t.row);
    logit_batch_view const& b = batch_.logits();
    return {.slope = static_cast<double>(numbers_.slope[row]), .log_sum_exp = numbers_.log_sum_exp[row],
            .temperature = b.logits().temperature(),
            .entropy_slope = use_.bonus != 0.0 ? numbers_.entropy_slope[row] : 0.0,
            .entropy = use_.bonus != 0.0 ? numbers_.entropy[row] : 0.0, .sampled = b.token_id(t.response, t.slot)};
  }

 private:
  static bool lent(output const& o) noexcept { return o.source().rank != 0; }

  /// Adds the bonus to what a call has written to `out`, in a layout whose first row is row `first` of the batch.
  void add_bonus(layout const& l, loss_outputs const& out, index_t first, loss_options const& options) noexcept {
    add_entropy_bonus(use_.bonus, l, out, options, out.report, numbers_.entropy.data() + first,
                      numbers_.entropy_slope.data() + first);
  }
  /// What a slot output may share memory with; `none` if nothing.
  argument shared_with(footprint const& f, checked_call<Real> const& t) const noexcept {
    argument other = may_overlap(f, footprint_of(out_.report, 1)) ? argument::report : overlapped(f, t);
    for (named_output const& o : named_outputs(out_)) {
      column c;
      bool const placed = place(o.lent->source(), t.batch.shape(), o.where, c).ok();
      if (placed && may_overlap(f, footprint_of(c, t.batch.shape()))) other = o.where;
    }
    return other;
  }
  /// Checks that logits and their gradient share no memory with an output, nor the gradient with an input.
  status check_memory(checked_call<Real> const& t, footprint const& gradient, char const* name) const noexcept {
    layout const& l = batch_.rollout().shape();
    footprint const logits = footprint_of(batch_.logits().logits(), l);
    loss_outputs const others{.loss = out_.loss, .mask = out_.mask, .gate = out_.gate, .trace = out_.trace};
    auto const meets = [&](footprint const& f) { return may_overlap(f, logits) || may_overlap(f, gradient); };
    if (meets(footprint_of(out_.report, 1))) return shared_memory(argument::report, argument::logits);
    for (named_output const& o : named_outputs(others)) {
      column c;
      bool const placed = place(o.lent->source(), l, o.where, c).ok();
      if (placed && meets(footprint_of(c, l))) return shared_memory(o.where, argument::logits, o.member);
    }
    argument const other = overlapped(gradient, t);
    if (other != argument::none) return shared_memory(argument::logits, other, name);
    return slots_.check_memory(l, [&](footprint const& f) { return meets(f) ? argument::logits : shared_with(f, t); });
  }

  logit_rollout_view<Real> batch_;
  loss_outputs out_;
  slot_outputs slots_;
  entropy_use use_;
  std::unique_ptr<unsigned char[]> own_;
  slot_numbers<Real> numbers_;
  rollout_batch_view<Real> decided_;  // the batch with the numbers above
};

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
