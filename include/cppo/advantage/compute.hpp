/// @file
/// From rewards to advantages: what a trainer calls before `policy_loss`.
///
/// Over several micro-batches or ranks, whose groups may lie in more than one of them, the folds are added up first:
///
///     advantage_states known;
///     for (int level = 1; level <= levels_of(rule); ++level) {
///       advantage_states sums;                                   // of all micro-batches of this rank
///       for (auto const& part : parts) {
///         advantage_states more;
///         if (status s = sum_rewards(seq, part, rule, known, more); !s.ok()) return s;
///         sums = combine(sums, more);
///       }
///       known = combine(known, combined_over_ranks(sums));       // yours: send the numbers, `combine` them
///     }
///     for (auto const& part : parts) compute_advantage(seq, part, rule, out_of(part), known);
///
/// The states are exact, so that the advantages have the bits of one batch.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/rule_call.hpp>
#include <cppo/core/describe.hpp>
#include <cppo/execution/seq.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Makes all levels of a call from its own batch.
template <class E, class Rule>
status take_own_levels(E const& executor, rule_call<Rule>& call) {
  advantage_states known;
  status s;
  for (int level = 1; level <= call.rule().levels() && s.ok(); ++level) {
    advantage_states sums;
    s = call.sum(executor, level, sums);
    if (!s.ok()) return s;
    known = combine(known, sums);
    s = call.take(known);
  }
  return s;
}

/// Places the output, fills in the folds by `take`, and writes.
template <class E, class Rule, class Take>
status run_rule(E const& executor, response_batch_view const& batch, Rule const& rule, advantage_output const& out,
                Take const& take) {
  rule_call call(asked_of(rule));
  status s = call.prepare(executor, batch, out.source().per_response ? one_each::response : one_each::slot);
  if (!s.ok()) return s;
  placed_output to;
  to.where = argument::advantage;
  s = to.place_in(out.source(), call.in, call.rule().is_mask() ? results_are::flags : results_are::numbers);
  if (s.ok() && call.rule().of_tokens() && to.per_response) {
    s = wrong_shape(argument::advantage, "a number for each token under this rule: lend [B, T], or [N] where packed");
  }
  if (s.ok()) s = take(call);
  return s.ok() ? call.write(executor, to) : s;
}

}  // namespace detail

/// The number of levels of a rule's folds. Each response is read that many times before its advantage is known.
template <advantage_rule Rule>
constexpr int levels_of(Rule const& rule) noexcept {
  if constexpr (detail::rule_as_data<Rule>) return rule.asked().levels();
  else return detail::level_of<Rule>();
}

/// Writes the value of `rule` for each response, or for each token if the rule differs from token to token.
///
///     compute_advantage(seq, response_batch(padded(B, T), reward(r), group_id(g)), grpo(), per_response(out))
///
/// Shapes: `out` is in the batch's layout, [B, T] or packed [N], where excluded slots get +0; or, of a rule on
/// responses, `per_response(x)`, [B]. A mask writes 1 or 0.
/// Pre: only what cannot be checked: buffers are alive, and bare pointers point to as many elements as they should.
/// Post: every number is written, or none: each is checked first. `response_mask` is read where the rule or the output
/// needs it.
/// NaN, infinities: refused, at active slots, with their place; so is what is folded beyond +-2^20, and a result that
/// is not finite in the output's type.
/// Cost: O(responses), and O(slots) where tokens count; each level of folds reads once more. Memory: a state and a
/// value for each fold and response. Runs on the host, in double.
/// Determinism: the same bits in any order of responses, on every executor and number of threads, and over any cut
/// into micro-batches and ranks.
template <detail::runs_on_this_host Executor, advantage_rule Rule>
status compute_advantage(Executor const& executor, response_batch_view const& batch, Rule const& rule,
                         advantage_output const& out) {
  return detail::run_rule(executor, batch, rule, out,
                          [&](auto& call) { return detail::take_own_levels(executor, call); });
}
/// The same with the folds of a larger batch, of which this one is a part: `known` has all levels.
template <detail::runs_on_this_host Executor, advantage_rule Rule>
status compute_advantage(Executor const& executor, response_batch_view const& batch, Rule const& rule,
                         advantage_output const& out, advantage_states const& known) {
  return detail::run_rule(executor, batch, rule, out, [&](auto& call) {
    return known.level == levels_of(rule) ? call.take(known) : status{status_code::states_mismatch};
  });
}

/// Writes to `sums` the states of the rule's next level of folds, over this batch alone: the level after those in
/// `known`. If the call fails, `sums` becomes a value that every call refuses.
template <detail::runs_on_this_host Executor, advantage_rule Rule>
status sum_rewards(Executor const& executor, response_batch_view const& batch, Rule const& rule,
                   advantage_states const& known, advantage_states& sums) {
  int const level = known.level;
  detail::rule_call call(detail::asked_of(rule));
  status s = call.prepare(executor, batch, detail::one_each::response);
  if (s.ok()) s = call.take(known);
  advantage_states made;
  if (s.ok()) s = call.sum(executor, level + 1, made);
  sums = s.ok() ? std::move(made) : detail::refused_states();
  return s;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
