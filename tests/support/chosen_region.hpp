// The regions of the paper and of its ablations, chosen as a test runs, with the numbers that it chooses.
#pragma once

#include <cppo/cppo.hpp>
#include <cppo/described.hpp>

#include <optional>
#include <string_view>

namespace cppo_test {

inline constexpr std::string_view region_names[] = {
    "unrestricted", "ppo", "dppo", "cppo", "cppo_calibrated", "cppo_no_budget", "cppo_no_weight", "cppo_shuffled",
    "cppo_soft", "cppo_calibrated_soft", "trm_max", "trm_mean"};

// A number that is not given has the default of the library's own region. One that the region does not use is ignored.
struct chosen_region {
  std::string_view region = "cppo";           // one of `region_names`
  std::string_view divergence = "binary_tv";  // one of `divergence_names()`; unrestricted and ppo only report it
  std::optional<double> delta = {}, delta_b = {};
  double w_min = 0.8;
  std::optional<double> epsilon_low = {}, epsilon_high = {};
  cppo::calibration calibrate = {};
  std::uint64_t seed = 0;
};

// The region as data. A divergence that nobody knows is in it, and refused where it is used.
constexpr cppo::described_region described(chosen_region const& c) {
  using namespace cppo;
  named_divergence const d = named_divergence::find(c.divergence);
  ppo_options const clip{.epsilon_low = c.epsilon_low.value_or(0.2), .epsilon_high = c.epsilon_high.value_or(0.2)};
  double const delta = c.delta.value_or(cppo_options{}.delta);
  auto const fixed = fixed_cppo({delta, c.delta_b.value_or(cppo_options{}.delta_b), c.w_min}, d);
  double const floor = c.delta_b.value_or(calibrated_cppo_options{}.delta_b);
  auto const calibrated = calibrated_cppo({delta, floor, c.w_min}, d, c.calibrate);
  trm_options const trm{c.delta.value_or(trm_options{}.delta)};
  auto const within = toward_rollout | divergence_within(delta);
  if (c.region == "unrestricted") return described_region(reporting(unrestricted(), d));
  if (c.region == "ppo") return described_region(reporting(ppo(clip), d));
  if (c.region == "dppo") return described_region(dppo({.delta = delta}, d));
  if (c.region == "cppo_calibrated") return described_region(calibrated);
  if (c.region == "cppo_no_budget") return described_region(trust_region(d, fixed.weight(), within));
  if (c.region == "cppo_no_weight") return described_region(trust_region(d, linear_weight(1.0), fixed.mask()));
  if (c.region == "cppo_shuffled")
    return described_region(trust_region(d, permuted(fixed.weight(), c.seed), fixed.mask()));
  if (c.region == "cppo_soft") return described_region(softened(fixed, reciprocal_gate));
  if (c.region == "cppo_calibrated_soft") return described_region(softened(calibrated, reciprocal_gate));
  if (c.region == "trm_max") return described_region(trm_max(trm, d));
  if (c.region == "trm_mean") return described_region(trm_mean(trm, d));
  return described_region(fixed);
}

// f(region) for the region written out, if it is one of those that stand for all; for the others as data. Its
// divergence is chosen as it runs either way.
template <class F>
constexpr void with_region(chosen_region const& c, F const& f) {
  using namespace cppo;
  named_divergence const d = named_divergence::find(c.divergence);
  double const delta = c.delta.value_or(0.15), epsilon_low = c.epsilon_low.value_or(0.2);
  cppo_options const fixed{delta, c.delta_b.value_or(0.015), c.w_min};
  calibrated_cppo_options const floor{delta, c.delta_b.value_or(0.02), c.w_min};
  ppo_options const clip{.epsilon_low = epsilon_low, .epsilon_high = c.epsilon_high.value_or(0.2)};
  if (c.region == "ppo") f(reporting(ppo(clip), d));
  else if (c.region == "cppo") f(fixed_cppo(fixed, d));
  else if (c.region == "cppo_calibrated") f(calibrated_cppo(floor, d, c.calibrate));
  else if (c.region == "cppo_soft") f(softened(fixed_cppo(fixed, d), reciprocal_gate));
  else if (c.region == "trm_max") f(trm_max({c.delta.value_or(0.05)}, d));
  else f(described(c));
}

}  // namespace cppo_test
