// Every named special case as one line: a trust region is a value made of parts.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <type_traits>
#include <vector>

using namespace cppo;

constexpr index_t B = 64, T = 512;

struct rollouts {
  std::vector<float> pi, mu, adv;
  std::uint32_t state = 7;
  double uniform() { return ((state = state * 1664525U + 1013904223U) >> 8) / 16777216.0; }
  rollouts() {
    for (index_t b = 0; b < B; ++b) {
      double const a = uniform() < 0.5 ? -1.0 : 1.0;
      double const scale = 0.01 + 0.08 * uniform();  // some responses drifted further than others
      for (index_t t = 0; t < T; ++t) {
        double const u = uniform();
        double const drift = (uniform() < 0.03 ? 12 : 1) * scale * (uniform() + uniform() - 1.0);
        mu.push_back(static_cast<float>(-0.05 - 2.0 * u * u));
        pi.push_back(std::fmin(mu.back() + static_cast<float>(drift), 0.0f));
        adv.push_back(static_cast<float>(a));
      }
    }
  }
};

index_t show(char const* name, auto const& batch, auto const& region) {
  report r;
  status const s = policy_loss(seq, batch, region, {.report = &r});
  assert(s.ok());
  std::printf("%-22s masked %5.2f %%, of these by the prefix budget %3.0f %%\n", name, 100 * r.masked_fraction(),
              100 * r.budget_mask_share());
  return r.masked();
}

int main() {
  rollouts const lent;
  auto const batch = rollout_batch(padded(B, T), log_prob(lent.pi), rollout_log_prob(lent.mu), advantage(lent.adv));
  double const delta = 0.15, delta_b = 0.015, delta_kl = 0.05;

  //! [ablations]
  auto const w      = linear_weight(0.8);
  auto const within = divergence_within(delta) & prefix_budget(delta, fixed_budget(delta_b));
  auto const base   = divergence_within(delta) & prefix_budget(delta, calibrated_budget(0.02));
  auto const kl     = divergence_within(0.1) & prefix_budget(0.1, 0.002);

  auto const full       = trust_region(binary_tv,     w,              toward_rollout | within);
  auto const calibrated = trust_region(binary_tv,     w,              toward_rollout | base);
  auto const no_budget  = trust_region(binary_tv,     w,              toward_rollout | divergence_within(delta));
  auto const no_weight  = trust_region(binary_tv,     uniform_weight, toward_rollout | within);
  auto const shuffled   = trust_region(binary_tv,     permuted(w, 7), toward_rollout | within);
  auto const rising     = trust_region(binary_tv,     reversed(w),    toward_rollout | within);
  auto const kl_version = trust_region(binary_kl,     w,              toward_rollout | kl);
  auto const soft       = softened(full,      reciprocal_gate);
  auto const dppo_mask  = trust_region(binary_tv,     uniform_weight, toward_rollout | divergence_within(delta));
  auto const grpo       = trust_region(no_divergence, uniform_weight, toward_rollout | ratio_within(0.8, 1.28));
  auto const trm_max    = trust_region(binary_kl,     uniform_weight, response_max_within(delta_kl));
  auto const trm_avg    = trust_region(binary_kl,     uniform_weight, response_mean_within(delta_kl));
  //! [ablations]
  static_assert(std::is_trivially_copyable_v<decltype(soft)>);  // a kernel argument

  index_t const masked = show("CPPO", batch, full);
  assert(show("CPPO, calibrated", batch, calibrated) <= masked);  // its budget is nowhere smaller
  assert(show("CPPO, no prefix budget", batch, no_budget) <= masked);
  show("CPPO, no weight", batch, no_weight);
  show("CPPO, shuffled weights", batch, shuffled), show("CPPO, reversed weights", batch, rising);
  show("CPPO, KL", batch, kl_version);
  assert(show("CPPO, soft gate", batch, soft) == masked);  // the same tokens, damped instead of dropped
  show("DPPO", batch, dppo_mask);
  show("PPO / GRPO", batch, grpo);
  show("TRM-Max", batch, trm_max);
  show("TRM-Avg", batch, trm_avg);
}
