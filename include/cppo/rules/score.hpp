/// @file
/// Rules that differentiate log pi with a constant weight: CISPO, GPG and DRO.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/rules/objective.hpp>
#include <cppo/surrogate/forms.hpp>

namespace cppo { inline namespace CPPO_ABI {

// How a status names the bounds of the functions below.
namespace detail::words {
struct cispo { static constexpr char const* name = "cispo(low, high)"; };
struct cispo_by_epsilon {
  static constexpr char const* name = "1 - epsilon_low of cispo_by_epsilon(epsilon_low, epsilon_high)";
};
}  // namespace detail::words

/// Parameters of CISPO by the bounds on rho. The defaults are TRL's.
struct cispo_options {
  double low = 0.0;   ///< smallest weight; 0: no lower bound
  double high = 5.0;  ///< largest weight
};
/// Parameters of CISPO by the distance of the bounds from 1. The defaults are verl's.
struct cispo_by_epsilon_options {
  double epsilon_low = 0.2;   ///< the smallest weight is 1 - epsilon_low
  double epsilon_high = 0.2;  ///< the largest weight is 1 + epsilon_high
};

namespace detail {
template <class Words>
constexpr auto cispo_within(double low, double high) noexcept {
  return objective(score_form(quantities::call_it<Words>(clamped(ratio, low, high))));
}
}  // namespace detail

/// CISPO: -sg(clip(rho)) A log pi, its bounds as TRL, Liger and ms-swift write them.
constexpr auto cispo(cispo_options const& o = {}) noexcept {
  return detail::cispo_within<detail::words::cispo>(o.low, o.high);
}
/// CISPO with its bounds as verl writes them.
constexpr auto cispo_by_epsilon(cispo_by_epsilon_options const& o = {}) noexcept {
  return detail::cispo_within<detail::words::cispo_by_epsilon>(1.0 - o.epsilon_low, 1.0 + o.epsilon_high);
}

/// GPG's loss -A log pi, without a ratio.
constexpr auto gpg_loss() noexcept { return objective(score_form(1)); }

/// DRO: -A log pi + (beta / 2) d^2, with d = log pi - log mu. Set `surrogate.log_ratio_clamp` to 0 for its d.
constexpr auto dro(double beta = 0.1) noexcept {
  return objective(score_form(1) + penalty(log_ratio * log_ratio, 0.5 * beta));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
