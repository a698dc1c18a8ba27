/// @file
/// Rules without an edge: SAPO, SPO, DRPO and the quadratic penalty beside DPPO.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/binary.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/rules/objective.hpp>
#include <cppo/surrogate/forms.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Parameters of SAPO. The defaults are the paper's.
struct sapo_options {
  double tau_positive = 1.0;   ///< temperature where A > 0
  double tau_negative = 1.05;  ///< temperature elsewhere
};
/// SAPO: -A (4/tau) sigmoid(tau (rho - 1)). [arXiv 2511.20347]
constexpr auto sapo(sapo_options const& o = {}) noexcept {
  return objective(sigmoid_form(o.tau_positive, o.tau_negative));
}

/// DRPO: -A rho + |A| mu (rho - 1)^2 / (2 epsilon).
constexpr auto drpo(double epsilon = 12.5) noexcept { return objective(ratio_form + quadratic(rollout_prob, epsilon)); }
/// SPO: -A rho + |A| (rho - 1)^2 / (2 epsilon).
constexpr auto spo(double epsilon = 0.2) noexcept { return objective(ratio_form + quadratic(1, epsilon)); }

/// Parameters of prime-rl's loss: DPPO and a penalty. The defaults are prime-rl's.
struct dppo_quadratic_options {
  double delta_low = 0.2;   ///< threshold on mu - pi where A <= 0, in [2^-126, 1000]
  double delta_high = 0.2;  ///< threshold on pi - mu where A > 0, in [2^-126, 1000]
  double kl_tau = 1e-3;     ///< coefficient of d^2, at every token, kept or not
};
/// DPPO with a quadratic penalty: -A rho M + kl_tau d^2. M counts A = 0 among the negative. Set
/// `surrogate.log_ratio_clamp` to 0 for its d.
constexpr auto dppo_quadratic(dppo_quadratic_options const& o = {}) noexcept {
  auto const toward = at_most(where(positive_advantage, log_ratio, -log_ratio), 0);
  return trust_region(binary_tv, uniform_weight, toward | divergence_within(o.delta_low, o.delta_high)) +
         penalty(log_ratio * log_ratio, o.kl_tau);
}
/// The same with |pi - mu| <= `delta_high` on both sides, whichever way a token moves.
constexpr auto dppo_quadratic_symmetric(dppo_quadratic_options const& o = {}) noexcept {
  return trust_region(binary_tv, uniform_weight, divergence_within(o.delta_high)) +
         penalty(log_ratio * log_ratio, o.kl_tau);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
