/// @file
/// PPO with its clipped, dual-clipped and rolled-back losses: a clipped token keeps its loss and loses its slope.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/rules/objective.hpp>
#include <cppo/surrogate/forms.hpp>

#include <optional>

namespace cppo { inline namespace CPPO_ABI {

// How a status names the bounds of the functions below.
namespace detail::words {
struct ppo_clip { static constexpr char const* name = "1 - epsilon_low of ppo_clip(epsilon, ...)"; };
}  // namespace detail::words

/// Parameters of PPO's clipped loss. The defaults are verl's.
struct ppo_clip_options {
  detail::by_name names = {};               ///< no number goes here
  double epsilon = 0.2;                     ///< rho is clipped to [1 - epsilon, 1 + epsilon]
  std::optional<double> epsilon_low = {};   ///< the lower one; not given: epsilon
  std::optional<double> epsilon_high = {};  ///< the upper one; not given: epsilon
  double dual_clip = 3.0;                   ///< where A < 0 no loss above -A times this; infinity: no dual clip
};

/// PPO's loss max(-A rho, -A clip(rho)), with verl's dual clip. `ppo` has the same slope, and loss 0 where it clips.
constexpr auto ppo_clip(ppo_clip_options const& o = {}) noexcept {
  double const low = 1.0 - o.epsilon_low.value_or(o.epsilon), high = 1.0 + o.epsilon_high.value_or(o.epsilon);
  return objective(dual_clipped(quantities::call_it<detail::words::ppo_clip>(clipped(low, high)), o.dual_clip));
}

/// Parameters of PPO-RB. The defaults are the paper's.
struct ppo_rb_options {
  detail::by_name names = {};               ///< no number goes here
  double epsilon = 0.2;                     ///< rho is free in [1 - epsilon, 1 + epsilon]
  std::optional<double> epsilon_low = {};   ///< the lower one; not given: epsilon
  std::optional<double> epsilon_high = {};  ///< the upper one; not given: epsilon
  double alpha = 0.3;                       ///< how steeply the loss turns back outside
};

/// PPO with rollback: outside the clip range the loss turns back. [Wang et al. 2019]
constexpr auto ppo_rb(ppo_rb_options const& o = {}) noexcept {
  double const low = 1.0 - o.epsilon_low.value_or(o.epsilon), high = 1.0 + o.epsilon_high.value_or(o.epsilon);
  return objective(rolled_back(low, high, o.alpha));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
