/// @file
/// The definition of every call: one response after the other, one token after the other, as in Algorithm 1.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/token_decision.hpp>
#include <cppo/execution/call/host_executor.hpp>
#include <cppo/execution/call/response_walk.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// One response under `seq`. Every other executor must give its bits.
template <class Real, class Region>
class seq_response : response_walk<Real> {
  using V = lane<Real>;
  using walk = response_walk<Real>;
  using walk::b_, walk::slots_, walk::count_, walk::traces_, walk::look, walk::place_of;

 public:
  constexpr seq_response(task<Real, Region> const& t, index_t b, std::vector<Real>& scratch) noexcept
      : walk(t, b), task_(t), scratch_(scratch) {}

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
      decide(s, i, rank, whole, before, sums, outcome.report);
      ++rank;
    }
    if (task_.reports) {
      sums.finish(outcome.report, task_.share_of(whole.length));
      report_budget(outcome.report, whole.delta_b);
    }
    return outcome;
  }

 private:
  constexpr token<V> load(slot s, index_t i, top_k_row<Real>& lists) const noexcept {
    if (s != slot::bad) return load_token(task_, b_, i, lists);
    token<V> t = bad_token<Real>();
    lend_lists(task_.batch, b_, i, t, lists);
    return t;
  }

  /// Decides and writes one token with the sums before it; then advances the sums, whether it is kept or not.
  constexpr void decide(slot s, index_t i, index_t rank, response_summary const& whole, prefix_sums& before,
                        report_sums<Real>& sums, cppo::report& report) const {
    top_k_row<Real> lists;
    token<V> t = load(s, i, lists);
    position<V> const at(place_of(i, before.count));
    if constexpr (has_folds<Region>) t.set_folds(task_.folds.of(task_.batch.shape(), b_), rank);
    t.set_weight(at, whole, schedule_for(task_.region.weight(), task_.schedule_length(whole.length))(at));
    Real const token_weight = task_.batch.value(argument::token_weight, b_, i, Real(1));
    auto const d = decide_token(task_, t, s, token_weight, task_.scale(whole.length), before, traces_);
    task_.write(b_, i, d.record);
    if (task_.reports) report_token(d, rank, at[0], whole.length, sums, report);
    before = before + prefix_step(t);
  }

  /// Adds the token to the report.
  constexpr void report_token(decided_token<Real> const& d, index_t rank, index_t at, index_t length,
                              report_sums<Real>& sums, cppo::report& report) const {
    Real const* term = d.terms;
    sums.each([&](lane_sums<Real>& sum) { sum.add(rank, *term++); });
    double const divergence = static_cast<double>(d.at(sink::divergence));
    if (rank == 0 || divergence > report.max_divergence)
      report.max_divergence = divergence + 0.0;  // never -0
    if (static_cast<double>(d.ratio) > report.max_ratio) report.max_ratio = static_cast<double>(d.ratio);
    token_counts<index_t>& counts = report;
    auto const one = [](index_t& n) { ++n; };
    count_token<Region>(counts, d);
    each_rarity(counts, d, one);
    task_.each_narrowed(counts, d.record, one);
    int const bin = position_bin(at, task_.schedule_length(length));
    ++report.position_tokens[bin];
    report.position_masked[bin] += d.kept() ? 0 : 1;
  }

  task<Real, Region> const& task_;
  std::vector<Real>& scratch_;
};

/// The number of numbers that `seq_response` may keep at a time.
template <class Real, class Region>
constexpr std::size_t seq_room(task<Real, Region> const& t) noexcept {
  return asks_for(t.region, needs::quantile) ? static_cast<std::size_t>(longest_collected(t)) : 0;
}

}  // namespace detail

/// Runs calls on one thread by the plain definition. Every other executor must give its bits.
class seq_t : public host_executor<seq_t> {
 public:
  /// Runs a call, response by response.
  template <class Real, class Region>
  constexpr detail::outcome_fold execute(detail::task<Real, Region> const& t) const {
    detail::outcome_fold fold;
    std::vector<Real> scratch;
    scratch.reserve(detail::seq_room(t));
    for (index_t b = 0; b < t.batch.shape().responses(); ++b) {
      fold.add(detail::seq_response<Real, Region>(t, b, scratch).run());
    }
    return fold;
  }
};
/// Runs calls on one thread by the plain definition. Every other executor gives the same bits.
inline constexpr seq_t seq{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
