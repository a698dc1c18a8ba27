/// @file
/// What a call asks of a rule: the inputs that it reads, its folds, and its value for an item. A rule that is written
/// out answers by its type; one that is data, `described_advantage`, answers itself.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/item.hpp>
#include <cppo/fold/deviation.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// A rule that keeps items or not. What the library made is not tried on tokens, which have no rewards.
template <class R>
concept mask_rule = made_of_masks<R> || (!made_of_quantities<R> && token_mask<R>);

/// Inputs and facts that a rule asks for.
struct rule_reads {
  bool tokens;   ///< which slots are tokens, whatever is written
  bool reward, group, advantage;
};

/// A rule that answers itself.
template <class R>
concept rule_as_data = requires(R const& r) { r.asked(); };

}  // namespace detail

/// A rule for advantages: a quantity of responses, or a mask of them, whose value is 1 or 0; or one of them as data.
template <class R>
concept advantage_rule = detail::rule_as_data<R> || detail::mask_rule<R> || quantity<R>;

namespace detail {

/// A fold of a rule that is written out.
template <class F>
struct asked_fold {
  using folded = typename F::folded;
  F const& fold;
  int slot, state;
  static constexpr int level() noexcept { return level_of<F>(); }
  static constexpr bool of_group() noexcept { return F::range == fold_range::group; }
  /// True if its items are tokens; true if what is folded may differ from token to token of one response.
  /// @{
  static constexpr bool of_tokens() noexcept { return detail::of_tokens<folded>; }
  constexpr bool differs() const noexcept { return detail::differs(fold.of()); }
  /// @}
  static constexpr bool of_reward() noexcept { return std::is_same_v<folded, quantities::reward_t>; }
  static constexpr double value(fold_state const& s) noexcept { return F::statistic::value(s); }
  constexpr double folded_of(token<item_lane> const& item) const noexcept { return fold.of()(item).raw(); }
};

/// A rule that is written out, with its folds numbered.
template <class Rule>
class asked_rule {
 public:
  explicit constexpr asked_rule(Rule const& rule) noexcept : rule_(with_slots(rule)) {}

  static constexpr int levels() noexcept { return level_of<Rule>(); }
  static constexpr bool is_mask() noexcept { return mask_rule<Rule>; }
  static constexpr bool of_tokens() noexcept { return detail::of_tokens<Rule>; }
  constexpr bool differs() const noexcept { return detail::differs(rule_); }
  static constexpr rule_reads reads() noexcept {
    return {.tokens = detail::of_tokens<Rule> || mentions<Rule, is_part<quantities::length_t>>() ||
                      mentions<Rule, is_own_part>() || mentions<Rule, is_token_fold>(),
            .reward = mentions<Rule, is_part<quantities::reward_t>>(),
            .group = mentions<Rule, is_group_fold>(),
            .advantage = mentions<Rule, is_part<quantities::advantage_t>>()};
  }
  constexpr int states() const noexcept { return states_of(rule_); }
  constexpr int slots() const noexcept { return slots_of(rule_); }
  constexpr parameter_check check() const noexcept { return parameters_of(rule_); }
  /// Calls f(fold) for each fold, those inside another one first.
  template <class F>
  constexpr void each_fold(F const& f) const {
    detail::each_fold(rule_, [&f]<class G>(G const& g) { f(asked_fold<G>{g, g.slot, g.state}); });
  }
  /// The value for an item: a number, or 1 where a mask keeps the item.
  constexpr double value(token<item_lane> const& item) const noexcept {
    if constexpr (mask_rule<Rule>) return select(rule_(item), item_lane(1), item_lane(0)).raw();
    else return rule_(item).raw();
  }

 private:
  Rule rule_;
};

/// What a call asks. Does not compile for a rule that is written out and cannot run.
template <advantage_rule R>
constexpr auto asked_of(R const& rule) noexcept {
  if constexpr (rule_as_data<R>) {
    return rule.asked();
  } else {
    refuse_rule<R>();
    return asked_rule<R>(rule);
  }
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
