/// @file
/// The calls of an advantage rule that is data: of which kind it is, is known where it runs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/compute.hpp>
#include <cppo/advantage/gae.hpp>
#include <cppo/described_advantage/rule.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Writes what `compute_advantage` does for the rule written out, to the bit. `options` are for `gae`: another rule
/// refuses those that are lent. `sum_rewards` and `levels_of` are those of rules on responses; `gae` has 0 levels.
template <detail::runs_on_this_host Executor>
status compute_advantage(Executor const& executor, response_batch_view const& batch, described_advantage const& rule,
                         advantage_output const& out, gae_options const& options) {
  if (rule.is_gae()) return compute_advantage(executor, batch, rule.gae(), out, options);
  if (options.returns.source().rank != 0 || !options.after.empty() || !options.first.empty()) {
    return detail::wrong_shape(argument::options, "no returns, after or first: this rule is not gae(...)");
  }
  return detail::run_rule(executor, batch, rule, out,
                          [&](auto& call) { return detail::take_own_levels(executor, call); });
}
/// The same without options.
template <detail::runs_on_this_host Executor>
status compute_advantage(Executor const& executor, response_batch_view const& batch, described_advantage const& rule,
                         advantage_output const& out) {
  return compute_advantage(executor, batch, rule, out, gae_options{});
}
/// The same with the folds of a larger batch, of which this one is a part: `known` has all levels.
template <detail::runs_on_this_host Executor>
status compute_advantage(Executor const& executor, response_batch_view const& batch, described_advantage const& rule,
                         advantage_output const& out, advantage_states const& known) {
  if (known.level != levels_of(rule)) return {status_code::states_mismatch};
  if (rule.is_gae()) return compute_advantage(executor, batch, rule.gae(), out);
  return detail::run_rule(executor, batch, rule, out, [&](auto& call) { return call.take(known); });
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
