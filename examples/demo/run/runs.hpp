// Runs one trust region on one batch: what it decides, where, and how long it takes.
#pragma once

#include "../trainer/positions.hpp"
#include "input/lent_batch.hpp"

namespace demo {

/// The results of a trust region on a batch.
struct outcome {
  setting what;
  cppo::report report;
  trainer::position_counts by_position{};
  double seq_ns = 0.0;   ///< per token; median of several runs
  double simd_ns = 0.0;  ///< the same
};

/// True if one has a loss of its own.
bool any_own_loss(std::vector<outcome> const& rows);

/// All that was recorded of the tokens of one response: one entry a slot, holes included.
struct trace {
  std::vector<float> divergence, weight, weighted_divergence, drift, prefix_weight, threshold, gate;
  std::vector<std::uint8_t> decision;
  cppo::report report;
  cppo::decision at(std::size_t i) const { return static_cast<cppo::decision>(decision[i]); }
};

/// The number of runs whose median is reported.
inline constexpr int timed_runs = 9;

/// Masks a batch. Throws `input_error`, which names the line, if the library finds bad input.
outcome run(std::vector<rollout> const& rollouts, lent_batch const& batch, setting const& s);
/// Records how every token of response `which` was decided.
trace follow(std::vector<rollout> const& rollouts, std::size_t which, int updates, setting const& s);

}  // namespace demo
