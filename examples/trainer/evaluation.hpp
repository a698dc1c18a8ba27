// How good a policy is on prompts that it was not trained on.
#pragma once

#include "model.hpp"
#include "task.hpp"

namespace trainer {

/// Means over responses at temperature 1 to the prompts held out.
struct evaluation {
  double success = 0.0;   ///< mean reward
  double base_nll = 0.0;  ///< mean of -log p of their tokens under the weights `base`, nats
  double length = 0.0;    ///< mean tokens of a response
};

/// `responses` to each prompt held out. The random numbers are those of `seed`: the same at every call, so that two
/// policies differ by what they are and not by chance alone. No bit depends on threads.
evaluation evaluated(task const& t, parameters<float> const& weights, parameters<float> const& base,
                     std::size_t responses, std::uint64_t seed, int threads);

}  // namespace trainer
