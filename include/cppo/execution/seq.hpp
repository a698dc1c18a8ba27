/// @file
/// The plain definition: one response after the other, one token after the other, as the paper's Algorithm 1 reads.
#pragma once

#include <cppo/execution/execution.hpp>

namespace cppo::inline CPPO_ABI {

namespace detail {

/// One response under `seq`, and the definition that every executor must match.
template <class Real, class Region>
class seq_response {
  using V = lane<Real>;
  using job = task<Real, Region>;

 public:
  constexpr seq_response(job const& t, index_t b, std::vector<Real>& scratch) noexcept
      : task_(t), b_(b), scratch_(scratch), slots_(t.batch.shape().slots(b)), count_(count_response(t, b)), traces_(t.wants_trace()) {}

  constexpr response_outcome run() {
    response_outcome outcome = open_outcome(task_, b_, count_);
    if (count_.rejected) {
      exclude_response(task_, b_);
      return outcome;
    }
    response_summary const whole = summarize(task_, b_, count_.tokens, scratch_, [&](auto const& f) {
      for (index_t i = 0; i < slots_; ++i) {
        slot const s = look(i);
        top_k_row<Real> lists;
        if (s != slot::excluded) f(load(s, i, lists).divergence().raw());
      }
    });
    report_sums<Real> sums;
    prefix_sums before = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    index_t rank = 0;
    for (index_t i = 0; i < slots_; ++i) {
      slot const s = look(i);
      if (s == slot::excluded) {
        task_.write(b_, i, {});
        continue;
      }
      decide(s, i, rank, whole, before, sums, outcome.diagnostics);
      ++rank;
    }
    if (task_.reports) {
      sums.finish(outcome.diagnostics);
      note_budget(outcome.diagnostics, whole.delta_b);
    }
    return outcome;
  }

 private:
  constexpr slot look(index_t i) const noexcept {
    if (count_.bad == 0) return task_.batch.active(b_, i) != 0 ? slot::token : slot::excluded;
    status why;
    slot const s = inspect_slot(task_, b_, i, why);
    return s == slot::bad && task_.bad_input == on_bad_input::exclude ? slot::excluded : s;
  }
  constexpr token<V> load(slot s, index_t i, top_k_row<Real>& lists) const noexcept {
    return s == slot::bad ? bad_token<Real>() : load_token(task_, b_, i, lists);
  }

  /// Algorithm 1 for one token: decide with the sums before it, write, then advance them, kept or not.
  constexpr void decide(slot s, index_t i, index_t rank, response_summary const& whole, prefix_sums& before,
                        report_sums<Real>& sums, report& diagnostics) const {
    Region const& policy = task_.policy;
    top_k_row<Real> lists;
    token<V> t = load(s, i, lists);

    bool const by_column = task_.positions == position_convention::padded_column;
    position<V> const at(by_column ? i + 1 : before.count + 1);
    t.set_weight(at, whole, schedule_for(policy.weight(), task_.schedule_length(whole.length))(at));
    Real const z_value = t.weighted_divergence().raw();
    exact_sum const z = to_grid(z_value);
    exact_sum const slack = to_grid(static_cast<Real>(policy.budget_slack()));
    // A mask sees what its region declares, no more: what else is known here, another executor may not know.
    V const drift(before.drift.value()), prefix_weight(before.weight.value()), allowance(before.budget.value());
    if constexpr (scans_prefix<Region>) t.set_within_prefix_budget(typename V::mask(before.admits(z, slack)));
    if constexpr (reads_prefix<Region>) t.set_prefix(drift, prefix_weight, allowance);

    auto const inside = policy.keeps(t);
    auto const kept = s == slot::bad ? V(0) < V(0) : inside;
    V const gate = s == slot::bad ? V(0) : policy.gate_value(t, kept);
    Real const weight = task_.batch.value(argument::token_weight, b_, i, Real(1));
    auto const product = task_.objective.product(t, t.advantage() * V(weight));
    auto const terms = task_.objective.terms(t, product, gate, V(task_.scale(whole.length)));
    V const code = policy.decided_by(t, kept);

    token_record<Real> r;
    Real const nan = std::numeric_limits<Real>::quiet_NaN();
    r[sink::loss] = s == slot::bad ? nan : terms.loss.raw();
    r[sink::gradient] = s == slot::bad ? nan : terms.gradient.raw();
    r[sink::mask] = kept.raw() ? Real(1) : Real(0);
    r[sink::gate] = gate.raw();
    r[sink::divergence] = t.divergence().raw();
    r[sink::weight] = t.weight().raw();
    r[sink::weighted] = z_value;
    r[sink::drift] = drift.raw();
    r[sink::prefix_weight] = prefix_weight.raw();
    r[sink::decision] = code.raw();
    if (traces_) {
      r[sink::threshold] = policy.threshold(t, V((before.budget - before.drift + slack).value())).raw();
      t.set_prefix(drift, prefix_weight, allowance);
      r[sink::excess] = excess_of(policy.mask(), t).raw();
    }
    task_.write(b_, i, r);
    if (task_.reports) note(r, t, product, rank, at[0], whole.length, sums, diagnostics);

    before = before + prefix_step(t);
  }

  /// Adds the token to the report.
  constexpr void note(token_record<Real>& r, token<V> const& t, surrogate_product<V> const& product, index_t rank,
                      index_t at, index_t length, report_sums<Real>& sums, report& diagnostics) const {
    auto const wide = [](Real x) { return static_cast<double>(x); };
    ratio_estimates<V> const estimates = task_.objective.estimates(t, product);
    sums.loss.add(rank, r[sink::loss]);
    sums.divergence.add(rank, r[sink::divergence]);
    sums.weighted.add(rank, r[sink::weighted]);
    sums.gate.add(rank, r[sink::gate]);
    sums.ratio.add(rank, product.ratio.raw());
    sums.log_ratio.add(rank, estimates.log_ratio.raw());
    sums.k3.add(rank, estimates.k3.raw());
    if (rank == 0 || wide(r[sink::divergence]) > diagnostics.max_divergence) {
      diagnostics.max_divergence = wide(r[sink::divergence]) + 0.0;  // never -0
    }
    if (wide(product.ratio.raw()) > diagnostics.max_ratio) diagnostics.max_ratio = wide(product.ratio.raw());
    diagnostics.clamped += product.clamped.raw() ? 1 : 0;
    diagnostics.capped += product.capped.raw() ? 1 : 0;
    count_decision(diagnostics, static_cast<decision>(static_cast<int>(r[sink::decision])));
    int const bin = position_bin(at, task_.schedule_length(length));
    ++diagnostics.position_tokens[bin];
    diagnostics.position_masked[bin] += r[sink::mask] == Real(0) ? 1 : 0;
  }

  job const& task_;
  index_t b_;
  std::vector<Real>& scratch_;
  index_t slots_;
  response_count count_;
  bool traces_;
};

}  // namespace detail

/// Runs a call response by response.
template <class Real, class Region>
constexpr detail::outcome_fold execute(seq_t, detail::task<Real, Region> const& t) {
  detail::outcome_fold fold;
  std::vector<Real> scratch;
  for (index_t b = 0; b < t.batch.shape().responses(); ++b) {
    fold.add(detail::seq_response<Real, Region>(t, b, scratch).run());
  }
  return fold;
}

}  // namespace cppo::inline CPPO_ABI
