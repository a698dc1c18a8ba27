/// @file
/// CPPO: a position-weighted threshold and a prefix budget.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/budget/calibrated.hpp>
#include <cppo/divergence/binary.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/prefix_budget.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/region/trust_region.hpp>
#include <cppo/weight/linear.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Parameters of CPPO. The defaults are Table 3's for a post-trained dense model.
struct cppo_options {
  double delta = 0.15;     ///< threshold on w_t D_t, in [2^-126, 1000]
  double delta_b = 0.015;  ///< prefix-average budget
  double w_min = 0.8;      ///< weight of the last token, in (0, 1]
};

/// Parameters of CPPO with a calibrated budget. The defaults are Table 3's for a dense Base model.
struct calibrated_cppo_options {
  double delta = 0.15;    ///< threshold on w_t D_t, in [2^-126, 1000]
  double delta_b = 0.02;  ///< floor of the prefix-average budget
  double w_min = 0.8;     ///< weight of the last token, in (0, 1]
};

/// The CPPO region with any budget: keeps tokens that move toward mu or have w_t D_t <= min(delta, delta + delta_b
/// W_{t-1} - S_{t-1}). [Eq. 8-10]
template <divergence_score D, budget B>
constexpr auto cppo_with(double delta, double w_min, D measure, B source) noexcept {
  return trust_region(measure, linear_weight(w_min),
                      toward_rollout | (divergence_within(delta) & prefix_budget(delta, source)));
}

/// Chosen where an argument is no divergence or no budget: it does not compile, and says what is wrong.
constexpr auto cppo_with(double, double, detail::divergence_argument, detail::budget_argument) noexcept {
  return detail::no_region;
}

/// CPPO with a fixed budget. [Algorithm 1]
template <divergence_score D = binary_tv_t>
constexpr auto fixed_cppo(cppo_options o = {}, D measure = {}) noexcept {
  return cppo_with(o.delta, o.w_min, measure, fixed_budget(o.delta_b));
}

/// Chosen for an argument that is no divergence: it does not compile, and says what is wrong.
constexpr auto fixed_cppo(cppo_options, detail::divergence_argument) noexcept { return detail::no_region; }

/// CPPO with the budget calibrated per response; `delta_b` is the floor. [Eq. 22]
template <divergence_score D = binary_tv_t>
constexpr auto calibrated_cppo(calibrated_cppo_options o = {}, D measure = {}, calibration c = {}) noexcept {
  return cppo_with(o.delta, o.w_min, measure, calibrated_budget(o.delta_b, c));
}
/// Chosen for an argument that is no divergence: it does not compile, and says what is wrong.
constexpr auto calibrated_cppo(calibrated_cppo_options, detail::divergence_argument, calibration = {}) noexcept {
  return detail::no_region;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
