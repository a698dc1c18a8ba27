#include "rule.hpp"

rules::rows rules::of_other_regions() {
  using namespace cppo;
  using info = bench_rule_info;
  thresholds const tv{0.15, 0.0};
  return {
      make("unrestricted", "no_divergence", no_divergence, {}, [](info const&) { return unrestricted(); }),
      make("ppo", "no_divergence", no_divergence, {0.05, 0.0},
           [](info const& i) { return ppo({.epsilon_low = i.delta, .epsilon_high = i.delta}); }),
      make("dppo", "binary_tv", binary_tv, tv, [](info const& i) { return dppo({.delta = i.delta}); }),
      make("trm_max", "binary_kl", binary_kl, {0.12, 0.0}, [](info const& i) { return trm_max({i.delta}); }),
      make("trm_mean", "binary_kl", binary_kl, {0.0027, 0.0}, [](info const& i) { return trm_mean({i.delta}); }),
  };
}
