/// @file
/// PPO and GRPO: an interval on the importance ratio.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/none.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/policy/trust_region.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo::inline CPPO_ABI {

/// Clip range; asymmetric for Clip-Higher (0.2, 0.28).
struct ppo_options {
  double epsilon_low = 0.2;   ///< 1 - epsilon_low <= rho, in (0, 1)
  double epsilon_high = 0.2;  ///< rho <= 1 + epsilon_high
};

/// The PPO / GRPO mask: toward mu, or 1 - epsilon_low <= rho <= 1 + epsilon_high. [Eq. 2]
constexpr auto ppo(ppo_options o = {}) noexcept {
  return trust_region(no_divergence, uniform_weight,
                      toward_rollout | ratio_within(1.0 - o.epsilon_low, 1.0 + o.epsilon_high));
}

/// No trust region: every token counts (plain importance-weighted policy gradient).
constexpr auto unrestricted() noexcept { return trust_region(no_divergence, uniform_weight, keep_all); }

}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
