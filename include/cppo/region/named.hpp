/// @file
/// A trust region chosen at run time, by name: for trainers configured from a file.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/named.hpp>
#include <cppo/region/cppo.hpp>
#include <cppo/region/dppo.hpp>
#include <cppo/region/ppo.hpp>
#include <cppo/region/reporting.hpp>
#include <cppo/region/trm.hpp>
#include <cppo/weight/permuted.hpp>

#include <optional>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

inline constexpr std::string_view region_names[] = {
    "none", "ppo", "dppo", "cppo", "cppo_calibrated", "cppo_no_budget", "cppo_no_weight", "cppo_shuffled", "cppo_soft",
    "cppo_calibrated_soft", "trm_max", "trm_mean"};

}  // namespace detail

/// A trust region as a configuration file gives it. Fields that a region does not use are ignored. A threshold or
/// budget that is not given has the default of the region's own function (`dppo`, `fixed_cppo`, `calibrated_cppo`,
/// `trm_max`).
struct region_config {
  std::string_view region = "cppo";           ///< one of `region_names()`
  std::string_view divergence = "binary_tv";  ///< one of `divergence_names()`; under ppo and none, for the report alone
  std::optional<double> delta = {};           ///< threshold (dppo, cppo, trm)
  std::optional<double> delta_b = {};         ///< fixed budget, or the floor where calibrated
  double w_min = 0.8;                         ///< weight floor (cppo)
  double epsilon = 0.2;                       ///< clip range (ppo)
  std::optional<double> epsilon_low = {};     ///< the same below 1; not given: epsilon
  std::optional<double> epsilon_high = {};    ///< the same above 1; not given: epsilon
  calibration calibrate = {};                 ///< cppo_calibrated
  std::uint64_t seed = 0;                     ///< cppo_shuffled
};

/// The names `region_config::region` may hold.
constexpr auto const& region_names() noexcept { return detail::region_names; }

namespace detail {

constexpr auto named_ppo(region_config const& c) noexcept {
  double const e = c.epsilon;  // no optional is copied: g++ 12 would warn of the number that it may not hold
  return ppo({.epsilon_low = c.epsilon_low.value_or(e), .epsilon_high = c.epsilon_high.value_or(e)});
}

// D is a `named_divergence`. Its regions are compiled where they are visited, not where they are declared.
template <class D, class F>
constexpr bool visit_cppo(region_config const& c, D d, F& f) {
  cppo_options const o;
  calibrated_cppo_options const from;
  double const delta = c.delta.value_or(o.delta);
  auto const within = divergence_within(delta);
  auto const fixed = fixed_cppo({delta, c.delta_b.value_or(o.delta_b), c.w_min}, d);
  auto const calibrated =
      calibrated_cppo({c.delta.value_or(from.delta), c.delta_b.value_or(from.delta_b), c.w_min}, d, c.calibrate);
  if (c.region == "cppo") f(fixed);
  else if (c.region == "cppo_calibrated") f(calibrated);
  else if (c.region == "cppo_no_budget") f(trust_region(d, fixed.weight(), toward_rollout | within));
  else if (c.region == "cppo_no_weight") f(trust_region(d, linear_weight(1.0), fixed.mask()));
  else if (c.region == "cppo_shuffled") f(trust_region(d, permuted(fixed.weight(), c.seed), fixed.mask()));
  else if (c.region == "cppo_soft") f(softened(fixed, reciprocal_gate));
  else if (c.region == "cppo_calibrated_soft") f(softened(calibrated, reciprocal_gate));
  else return false;
  return true;
}
template <class D, class F>
constexpr bool visit_named(region_config const& c, D d, F& f) {
  if (c.region == "none") f(reporting(unrestricted(), d));
  else if (c.region == "ppo") f(reporting(named_ppo(c), d));
  else if (c.region == "dppo") f(dppo({.delta = c.delta.value_or(dppo_options{}.delta)}, d));
  else if (c.region == "trm_max") f(trm_max({c.delta.value_or(trm_options{}.delta)}, d));
  else if (c.region == "trm_mean") f(trm_mean({c.delta.value_or(trm_options{}.delta)}, d));
  else return visit_cppo(c, d, f);
  return true;
}

}  // namespace detail

/// Calls `f(region)` with the trust region that `c` names. Returns false, without a call, if a name is unknown.
///
/// Each region is a type of its own, so `f` is generic. The divergence is chosen at run time and adds no types.
template <class F>
constexpr bool visit_region(region_config const& c, F&& f) {
  named_divergence const d = named_divergence::find(c.divergence);
  return d.check() && detail::visit_named(c, d, f);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
