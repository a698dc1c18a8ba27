// Summarizes the runs of each trust region, for the terminal table and the report.
#pragma once

#include "run/training.hpp"

namespace demo {

/// The mean over seeds, with the lowest and the highest value.
struct spread {
  double mean = 0.0;
  double low = 0.0;
  double high = 0.0;
};

/// Steps over which "final" and "best" success are averaged: single steps of 64 responses are noisy.
inline constexpr std::size_t window = 4;

/// One trust region over all its seeds.
struct training_summary {
  std::size_t which = 0;       ///< index into `training::settings`
  std::size_t seeds = 0;
  std::size_t fewest_steps = 0;
  spread final_success;        ///< mean of the last `window` steps
  spread best_success;         ///< the best mean of `window` consecutive steps
  spread final_nll;            ///< -log p per token under the base model, last `window` steps
  spread worst_drift;          ///< the largest mean D of a step
  cppo::report report;         ///< of all updates
  trainer::position_counts positions{};
  trainer::time_spent time;    ///< of all steps
  std::size_t steps = 0;       ///< of all seeds
  std::string story;           ///< of the first seed
  std::vector<seen_divergence> seen;  ///< of the first seed
};

/// The summaries in the order of `training::settings`, without those that have no finished step.
std::vector<training_summary> summaries(training const& t);

/// A number of every step.
using step_value = double (*)(trainer::step_record const&);
std::vector<spread> curve(training const& t, std::size_t which, step_value value);

/// The numbers that are drawn as curves.
double success_of(trainer::step_record const& s);
double drift_of(trainer::step_record const& s);
double nll_of(trainer::step_record const& s);
double masked_of(trainer::step_record const& s);
/// Share of tokens that the prefix budget alone masked.
double masked_by_budget_of(trainer::step_record const& s);

}  // namespace demo
