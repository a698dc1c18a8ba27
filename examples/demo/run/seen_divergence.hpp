// What each divergence says of the same responses: those that a run sampled last.
#pragma once

#include "../trainer/learner.hpp"
#include "input/settings.hpp"

namespace demo {

/// One divergence over the tokens of these responses.
struct seen_divergence {
  shown_divergence measure;
  double mean = 0.0;    ///< of D
  double p90 = 0.0;     ///< the smallest D that nine tenths of the tokens do not exceed
  double masked = 0.0;  ///< share of the tokens that CPPO masks by it
};

/// The region that masks them: CPPO with the usual thresholds of a divergence.
setting masking_region(shown_divergence const& measure);
/// Those of `divergences_to_compare()`, between the policy that sampled and `pi`, the policy of each response.
std::vector<seen_divergence> seen_divergences(std::vector<trainer::experience> const& responses,
                                              std::vector<trainer::trained_policy> const& pi);

}  // namespace demo
