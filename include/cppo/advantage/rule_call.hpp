/// @file
/// One call of an advantage rule: its folds, level by level, then its values.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/asked.hpp>
#include <cppo/advantage/inputs.hpp>
#include <cppo/advantage/states.hpp>
#include <cppo/core/arithmetic.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The largest term of a fold in double: 2^27 of them are summed exactly.
inline constexpr double folded_limit = 0x1p20;

/// A rule on a batch. Rule: an `asked_rule`, or what a rule as data answers with.
template <class Rule>
class rule_call {
 public:
  placed_inputs in;  ///< what is lent

  explicit rule_call(Rule const& rule) noexcept
      : rule_(rule), reads_(rule.reads()), states_(rule.states()), slots_(rule.slots()) {}
  constexpr Rule const& rule() const noexcept { return rule_; }

  /// Places the inputs and reads lengths, groups and rewards.
  template <class E>
  status prepare(E const& executor, response_batch_view const& batch, one_each result) {
    parameter_check const p = rule_.check();
    if (!p) return out_of_range(argument::region, p);
    needs_tokens_ = result == one_each::slot || reads_.tokens;
    wanted_inputs const wanted{.mask = needs_tokens_, .reward = reads_.reward, .group = reads_.group, .value = false,
                               .advantage = reads_.advantage, .reward_for = one_each::response};
    status s = place_inputs(batch, wanted, in);
    if (!s.ok()) return s;
    if (!scalars_keep_arithmetic()) return {status_code::arithmetic_relaxed};
    auto const responses = static_cast<std::size_t>(in.shape.responses());
    if (needs_tokens_) s = in.find_tokens();
    if (!s.ok()) return s;
    read_groups(responses);
    values_.assign(groups_.size() * static_cast<std::size_t>(slots_), 0.0);
    return each_response(executor, in.shape, [&](index_t b) { return read(b); });
  }

  /// The states of the folds of a level, of this batch alone. Pre: `take` has given the levels below.
  template <class E>
  status sum(E const& executor, int level, advantage_states& sums) const {
    if (level < 1 || level > rule_.levels()) return {status_code::states_mismatch};
    auto const states = static_cast<std::size_t>(states_);
    std::vector<fold_state> parts(row_of_.size() * states);
    status const s = each_response(executor, in.shape, [&](index_t b) {
      return sum_response(level, b, parts.data() + static_cast<std::size_t>(b) * states);
    });
    if (!s.ok()) return s;
    sums = {level, states_, reads_.group ? groups_ : std::vector<index_t>{}, {}, {}};
    sums.of_group.resize(sums.groups.size() * states);
    sums.of_batch.resize(states);
    for (std::size_t b = 0; b < row_of_.size(); ++b) {
      fold_state const* const part = parts.data() + b * states;
      add_states(sums.of_batch.data(), part, states_);
      if (reads_.group) add_states(sums.of_group.data() + row_of_[b] * states, part, states_);
    }
    return {};
  }

  /// Takes the values of the folds of all known levels from their states.
  status take(advantage_states const& known) {
    if (known.level == 0) return {};
    bool const fits = known.level > 0 && known.level <= rule_.levels() && known.states == states_ && fits_itself(known);
    if (!fits) return {status_code::states_mismatch};
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      std::size_t const at = reads_.group ? place_of(known.groups, groups_[g]) : 0;
      bool const there = !reads_.group || (at < known.groups.size() && known.groups[at] == groups_[g]);
      if (!there) return {.code = status_code::states_mismatch, .where = argument::group_id, .has_value = true,
                          .value = static_cast<double>(groups_[g])};
      double* const row = values_.data() + g * static_cast<std::size_t>(slots_);
      rule_.each_fold([&](auto const& f) {
        if (f.level() > known.level) return;
        auto const state = static_cast<std::size_t>(f.state);
        auto const own = at * static_cast<std::size_t>(states_) + state;
        row[f.slot] = f.value(f.of_group() ? known.of_group[own] : known.of_batch[state]);
      });
    }
    return {};
  }

  /// Checks every result, then writes them all.
  template <class E>
  status write(E const& executor, placed_output const& out) const {
    status const s = each_response(executor, in.shape, [&](index_t b) { return check(b, out); });
    if (!s.ok() || !out.lent()) return s;
    status const done = each_response(executor, in.shape, [&](index_t b) {
      if (!out.per_response) out.clear_rest(in, b);
      each_result(b, out, [&](index_t first, index_t end, double x) {
        out.fill(in.shape, b, first, end, x);
        return true;
      });
      return status{};
    });
    out.clear_spare(in.shape);
    return done;
  }

 private:
  /// Numbers the groups; without folds over groups all responses are one.
  void read_groups(std::size_t responses) {
    row_of_.assign(responses, 0);
    groups_.assign(1, 0);
    if (!reads_.group) return;
    std::vector<index_t> ids(responses);
    for (std::size_t b = 0; b < responses; ++b) {
      ids[b] = load_index(in.group.data, in.group.type, static_cast<index_t>(b) * in.group.response_stride);
    }
    groups_ = ids;
    std::sort(groups_.begin(), groups_.end());
    groups_.erase(std::unique(groups_.begin(), groups_.end()), groups_.end());
    for (std::size_t b = 0; b < responses; ++b) row_of_[b] = place_of(groups_, ids[b]);
  }
  /// Checks what is lent of response b.
  status read(index_t b) const {
    if (in.reward.lent()) {
      double const r = in.reward.row(in.shape, b)(0);
      if (!is_finite(r)) return wrong_number(status_code::reward_invalid, argument::reward, b, -1, r);
    }
    status s;
    if (!in.advantage.lent()) return s;
    lent_row const advantages = in.advantage.row(in.shape, b);
    in.each_token(b, [&](index_t i) {
      double const a = advantages(i);
      if (!is_finite(a)) s = wrong_number(status_code::advantage_invalid, argument::advantage, b, i, a);
      return s.ok();
    });
    return s;
  }
  token<item_lane> item(index_t b) const noexcept {
    return {in.reward.lent() ? in.reward.row(in.shape, b)(0) : 0.0, needs_tokens_ ? in.tokens(b) : 0,
            values_.data() + row_of_[static_cast<std::size_t>(b)] * static_cast<std::size_t>(slots_)};
  }
  /// Calls f(i, item) for each valid token of response b, while it returns true; i is its slot.
  template <class F>
  void each_token(index_t b, F const& f) const {
    token<item_lane> t = item(b);
    lent_row const advantages = in.advantage.row(in.shape, b);
    index_t at = 0;
    in.each_token(b, [&](index_t i) {
      t.set_token(++at, in.advantage.lent() ? advantages(i) : 0.0);
      return f(i, t);
    });
  }
  /// Calls f(first, end, result) for each number that response b has in the output, at slots first ... end - 1, while
  /// it returns true.
  template <class F>
  void each_result(index_t b, placed_output const& out, F const& f) const {
    if (rule_.differs()) {
      each_token(b, [&](index_t i, token<item_lane> const& t) { return f(i, i + 1, rule_.value(t)); });
    } else if (out.per_response) {
      f(0, 1, rule_.value(item(b)));
    } else if (std::span<token_run const> const runs = in.runs(b); !runs.empty()) {
      double const x = rule_.value(item(b));
      for (token_run const& r : runs) f(r.first, r.end, x);
    }
  }
  status check(index_t b, placed_output const& out) const {
    status s;
    each_result(b, out, [&](index_t first, index_t, double x) {
      index_t const slot = rule_.differs() ? first : -1;
      if (!out.fits(x)) s = wrong_number(status_code::result_not_finite, out.where, b, slot, x);
      return s.ok();
    });
    return s;
  }
  status sum_response(int level, index_t b, fold_state* parts) const {
    status s;
    int next = 0;  // states are met in order: the first of their folds sums them
    rule_.each_fold([&](auto const& f) {
      bool const first = f.state >= next;
      next = first ? f.state + 1 : next;
      if (first && f.level() == level && s.ok()) s = sum_fold(f, b, parts[f.state]);
    });
    return s;
  }
  template <class F>
  status sum_fold(F const& fold, index_t b, fold_state& part) const {
    status s;
    auto const add = [&](index_t i, token<item_lane> const& t, index_t times) {
      double const x = fold.folded_of(t);
      if (x >= -folded_limit && x <= folded_limit) part = part + fold_state::of(x).repeated(times);
      else s = beyond_grid(fold.of_reward(), b, i, x);
      return s.ok();
    };
    if (!fold.of_tokens()) add(-1, item(b), 1);
    else if (fold.differs()) each_token(b, [&](index_t i, auto const& t) { return add(i, t, 1); });
    else if (index_t const tokens = in.tokens(b); tokens > 0) add(-1, item(b), tokens);
    return s;
  }
  static status beyond_grid(bool of_reward, index_t b, index_t i, double x) noexcept {
    status s = wrong_number(status_code::folded_out_of_range, argument::reward, b, i, x);
    if (!of_reward) s.name = "what the rule folds of reward";
    return s;
  }

  Rule rule_;
  rule_reads reads_;
  index_t states_;
  int slots_;
  bool needs_tokens_ = false;
  std::vector<index_t> groups_;
  std::vector<std::size_t> row_of_;  // of each response, in groups_
  std::vector<double> values_;       // [groups, slots]
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
