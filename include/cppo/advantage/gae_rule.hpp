/// @file
/// Generalized advantage estimation and lambda-returns, as a rule: its two numbers. The call is in gae.hpp.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/parameter_check.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Generalized advantage estimation. [arXiv 1506.02438]
///
///     delta_t = r_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1}
///
/// over the valid tokens of a response, from the last to the first; after the last, V is `bootstrap_value` and A is 0.
struct gae_rule {
  double gamma;   ///< discount, in [0, 1]
  double lambda;  ///< in [0, 1]: 0 is the difference of one step, 1 the rewards to come minus V
  /// Checks both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({{gamma >= 0.0 && gamma <= 1.0, "gamma", gamma, "in [0, 1]: 1 does not discount"},
                                {lambda >= 0.0 && lambda <= 1.0, "lambda", lambda, "in [0, 1]: 0.95 is usual"}});
  }
};
/// Generalized advantage estimation; language models are trained with 1 and 0.95 to 1.
constexpr gae_rule gae(double gamma = 1.0, double lambda = 0.95) noexcept { return {gamma, lambda}; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
