/// @file
/// PPO and GRPO: an interval on the importance ratio.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/none.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/region/trust_region.hpp>
#include <cppo/weight/uniform.hpp>

#include <optional>

namespace cppo { inline namespace CPPO_ABI {

/// Parameters of PPO: the clip range. Written by name; `{.epsilon_high = 0.28}` is Clip-Higher.
struct ppo_options {
  detail::by_name names = {};              ///< no number goes here: `{0.2, 0.28}` does not compile
  double epsilon = 0.2;                    ///< 1 - epsilon <= rho <= 1 + epsilon, in (0, 1)
  std::optional<double> epsilon_low = {};  ///< 1 - epsilon_low <= rho, in (0, 1); not given: epsilon
  std::optional<double> epsilon_high = {}; ///< rho <= 1 + epsilon_high; not given: epsilon
};

/// The PPO / GRPO region: keeps tokens that move toward mu or have 1 - epsilon_low <= rho <= 1 + epsilon_high. [Eq. 2]
constexpr auto ppo(ppo_options const& o = {}) noexcept {
  auto const within = ratio_within(1.0 - o.epsilon_low.value_or(o.epsilon), 1.0 + o.epsilon_high.value_or(o.epsilon));
  return trust_region(no_divergence, uniform_weight, toward_rollout | within);
}

/// No trust region: keeps every token (the plain importance-weighted policy gradient).
constexpr auto unrestricted() noexcept { return trust_region(no_divergence, uniform_weight, keep_all); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
