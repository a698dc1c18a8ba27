/// @file
/// What a call asks of an advantage rule that is data: its inputs, its folds, and its value for an item.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/asked.hpp>
#include <cppo/described_rule/evaluate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A part of a program, evaluated for items.
struct item_part {
  rule_program const* of;
  rule_part part;

  /// Its number; of a mask 1 or 0.
  constexpr double value(token<item_lane> const& item, bool is_mask = false) const noexcept {
    rule_walk<item_lane, with_excess::no> walk(*of, &item, 1);
    walk.run(part);
    return (is_mask ? select(walk.kept(0), item_lane(1), item_lane(0)) : walk.number(0)).raw();
  }
  constexpr bool holds(rule_op what) const noexcept {
    rule_node const* const nodes = of->begin(part);
    for (int k = 0; k < part.size; ++k) {
      if (nodes[k].what == what) return true;
    }
    return false;
  }
  /// True if its items are tokens, as `of_tokens<P>` has it.
  constexpr bool of_tokens() const noexcept {
    return holds(rule_op::position_value) || holds(rule_op::advantage) || holds(rule_op::discount) ||
           holds(rule_op::each_token);
  }
  /// True if it may differ from token to token of one response, as `differs(p)` has it.
  constexpr bool differs() const noexcept {
    rule_node const* const nodes = of->begin(part);
    bool found = holds(rule_op::position_value) || holds(rule_op::advantage);
    for (int k = 0; k < part.size; ++k) {
      bool const discounts = nodes[k].what == rule_op::discount;
      found = found || (discounts && quantities::discount{of->numbers[nodes[k].number]}.differs());
    }
    return found;
  }
};

/// A fold of a program, over responses or their tokens.
struct asked_program_fold {
  item_part folded;
  int slot, state;
  rule_fold const& fold;
  bool of_tokens_, differs_;

  constexpr int level() const noexcept { return fold.level; }
  constexpr bool of_group() const noexcept { return fold.range == fold_range::group; }
  constexpr bool of_tokens() const noexcept { return of_tokens_; }
  constexpr bool differs() const noexcept { return differs_; }
  constexpr bool of_reward() const noexcept {
    return folded.part.size == 1 && folded.holds(rule_op::reward);
  }
  constexpr double value(fold_state const& s) const noexcept { return described_statistic{fold.statistic}.value(s); }
  constexpr double folded_of(token<item_lane> const& item) const noexcept { return folded.value(item); }
};

/// What a call asks of a program. It refers to the program.
class asked_program {
 public:
  constexpr asked_program(rule_program const& of, parameter_check const& found) noexcept
      : of_(&of), found_(found), rule_{&of, of.mask}, of_tokens_(rule_.of_tokens()), differs_(rule_.differs()) {
    with_row(of.begin(of.mask)[of.mask.size - 1].what,
             [this](auto, auto row) { is_mask_ = decltype(row)::gives == operand::mask; });
    for (int k = 0; k < of.fold_count; ++k) {
      item_part const folded{&of, of.folds[k].of};
      fold_of_tokens_[k] = folded.of_tokens(), fold_differs_[k] = folded.differs();
      states_ = of.folds[k].state >= states_ ? of.folds[k].state + 1 : states_;
    }
  }

  constexpr int levels() const noexcept { return of_->levels(); }
  constexpr bool is_mask() const noexcept { return is_mask_; }
  constexpr bool of_tokens() const noexcept { return of_tokens_; }
  constexpr bool differs() const noexcept { return differs_; }
  constexpr rule_reads reads() const noexcept {
    rule_reads r{.tokens = of_tokens_ || of_->holds(rule_op::response_length), .reward = of_->holds(rule_op::reward),
                 .group = false, .advantage = of_->holds(rule_op::advantage)};
    for (int k = 0; k < of_->fold_count; ++k) {
      r.tokens = r.tokens || fold_of_tokens_[k];
      r.group = r.group || of_->folds[k].range == fold_range::group;
    }
    return r;
  }
  constexpr int states() const noexcept { return states_; }
  constexpr int slots() const noexcept { return of_->fold_count; }
  constexpr parameter_check check() const noexcept { return found_; }
  template <class F>
  constexpr void each_fold(F const& f) const {
    for (int k = 0; k < of_->fold_count; ++k) {
      rule_fold const& fold = of_->folds[k];
      f(asked_program_fold{{of_, fold.of}, k, fold.state, fold, fold_of_tokens_[k], fold_differs_[k]});
    }
  }
  constexpr double value(token<item_lane> const& item) const noexcept { return rule_.value(item, is_mask_); }

 private:
  rule_program const* of_;
  parameter_check found_;
  item_part rule_;
  bool of_tokens_, differs_, is_mask_ = false;
  bool fold_of_tokens_[rule_program::most_folds] = {}, fold_differs_[rule_program::most_folds] = {};
  int states_ = 0;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
