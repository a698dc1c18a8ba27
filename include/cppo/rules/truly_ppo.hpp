/// @file
/// Trust-region PPO, Truly PPO and TRGPPO: PPO with a KL threshold in place of the clip range, or beside it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/binary.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/rules/objective.hpp>
#include <cppo/surrogate/forms.hpp>
#include <cppo/surrogate/kl.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// The region whose surrogate is `inside` where the token moves toward mu or D < delta, else `outside`.
template <class D, class S, class P>
constexpr auto by_threshold(D measure, double delta, S inside, P outside) noexcept {
  auto const within = toward_rollout | at_most(cppo::divergence, below(delta));
  return objective(trust_region(measure, uniform_weight, keep_all), where(within, inside, outside));
}
}  // namespace detail

/// Parameters of TR-PPO. The defaults of this rule and the next two are the papers'.
struct tr_ppo_options {
  double delta = 0.035;  ///< threshold on D_t; at it a token is outside
};
/// Parameters of TR-PPO with rollback.
struct tr_ppo_rb_options {
  double delta = 0.035;  ///< threshold on D_t; at it a token is outside
  double alpha = 0.05;   ///< how steeply the loss turns back outside
};
/// Parameters of Truly PPO.
struct truly_ppo_options {
  double delta = 0.03;      ///< threshold on D_t; at it a token is outside
  double alpha = 5.0;       ///< coefficient of the KL outside
  double likelihood = 1.0;  ///< factor on -A rho outside
};

/// TR-PPO: where D >= delta and the token moves away from mu, the loss is held. [Wang et al. 2019]
template <divergence_score D = binary_kl_t>
constexpr auto tr_ppo(tr_ppo_options const& o = {}, D measure = {}) noexcept {
  return detail::by_threshold(measure, o.delta, ratio_form, held(ratio_form));
}
/// TR-PPO with rollback: there its slope is alpha A rho. [Wang et al. 2019]
template <divergence_score D = binary_kl_t>
constexpr auto tr_ppo_rb(tr_ppo_rb_options const& o = {}, D measure = {}) noexcept {
  return detail::by_threshold(measure, o.delta, ratio_form, with_slope_of(ratio_form, -o.alpha * ratio_form));
}
/// Truly PPO: there the loss is -likelihood A rho + alpha KL(mu || pi), the KL differentiated. [Wang et al. 2019]
constexpr auto truly_ppo(truly_ppo_options const& o = {}) noexcept {
  auto const measured = with_slope_of(cppo::divergence, detail::as_quantity(binary_kl));  // D is there already
  return detail::by_threshold(binary_kl, o.delta, ratio_form,
                              o.likelihood * ratio_form + penalty(measured, o.alpha));
}

/// Parameters of TRGPPO. The defaults are the paper's.
struct trgppo_options {
  double delta = 0.03;   ///< threshold on Binary KL, in [2^-126, 1000]
  double epsilon = 0.2;  ///< the band that is kept in any case
};

/// TRGPPO: keeps tokens that move toward mu, have D_t <= delta, or a ratio in PPO's band. [Wang et al. 2019]
constexpr auto trgppo(trgppo_options const& o = {}) noexcept {
  auto const within = divergence_within(o.delta) | ratio_within(1.0 - o.epsilon, 1.0 + o.epsilon);
  return trust_region(binary_kl, uniform_weight, toward_rollout | within);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
