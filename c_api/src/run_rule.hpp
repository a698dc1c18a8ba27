// What is run of a rule as data: the call, in one of several micro-batches too, and the states of its folds.
#pragma once

#include "fold_words.hpp"
#include "region_call.hpp"

#include <cppo/described_rule/rule.hpp>
#include <cppo/rules/micro_batches.hpp>

namespace c_api {

/// Writes what a micro-batch adds to the next exchange.
template <class Real, class Executor>
void sum_folds_of(Executor const& executor, crossing const& c) {
  cppo::fold_states sums;
  lent_folds const& f = c.folds;
  to_bytes(c.status, sum_folds(executor, from_bytes<cppo::rollout_batch_view<Real>>(c.batch),
                               from_bytes<cppo::described_rule>(c.region),
                               states_of({f.known, static_cast<std::size_t>(f.known_words)}), sums,
                               from_bytes<cppo::loss_options>(c.options)));
  write_block(sums, {f.sums, static_cast<std::size_t>(f.sum_words)});
}
/// Calls policy_loss(executor) on a micro-batch, given the states of all of them.
template <class Real, class Executor>
void call_on_micro_batch(Executor const& executor, crossing const& c) {
  auto options = from_bytes<cppo::loss_options>(c.options);
  word_view const known(c.folds.known, static_cast<std::size_t>(c.folds.known_words));
  auto const plan = plan_micro_batch(executor, from_bytes<cppo::rollout_batch_view<Real>>(c.batch),
                                     from_bytes<cppo::described_rule>(c.region), states_of(known), options);
  if (!plan) return to_bytes(c.status, plan.outcome);
  options.totals = plan.totals;
  options.folds = plan.folds;
  crossing planned = c;
  planned.options = &options;
  call_on<Real, cppo::described_rule>(executor, planned);
}
/// Runs what the crossing asks for.
template <class Real, class Executor>
void run_rule(Executor const& executor, crossing const& c) {
  if (c.folds.sums != nullptr) return sum_folds_of<Real>(executor, c);
  if (c.folds.known_words != 0) return call_on_micro_batch<Real>(executor, c);
  call_on<Real, cppo::described_rule>(executor, c);
}
/// The same on registers, with the thread's memory.
template <class Real>
void run_rule_on_registers(crossing const& c) {
  static thread_local cppo::workspace memory;
  run_rule<Real>(cppo::simd.with_threads(c.threads).with_workspace(memory), c);
}

}  // namespace c_api
