// The same batch under each rule, and what each report shows: the calls of docs/which_rule.md.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <vector>

using namespace cppo;

constexpr index_t B = 64, T = 512;

struct rollouts {  // likely tokens and rare ones; half of the responses has drifted ten times as far as the others
  std::vector<float> pi, mu, adv;
  std::uint32_t state = 7;
  double uniform() { return ((state = state * 1664525U + 1013904223U) >> 8) / 16777216.0; }
  rollouts() {
    for (index_t b = 0; b < B; ++b) {
      double const scale = b % 2 == 0 ? 0.02 : 0.2;
      for (index_t t = 0; t < T; ++t) {
        double const u = uniform();
        mu.push_back(static_cast<float>(-0.2 - 6.0 * u * u * u));
        double const drift = scale * (1.0 - static_cast<double>(mu.back())) * (uniform() + uniform() - 1.0);
        float const p = mu.back() + static_cast<float>(drift);
        pi.push_back(p < 0.0f ? p : 0.0f);
        adv.push_back(b % 4 < 2 ? 1.0f : -1.0f);
      }
    }
  }
};

int main() {
  rollouts const lent;
  auto const batch = rollout_batch(padded(B, T), log_prob(lent.pi), rollout_log_prob(lent.mu), advantage(lent.adv));
  std::printf("%-17s masked %%   high    low   budget  response   mean gate   delta_b\n", "");
  auto const show = [&](char const* name, auto const& region) {
    report r;
    status const s = policy_loss(seq, batch, region, {.report = &r}, {.aggregate = token_mean});
    assert(s.ok());
    double const percent = 100.0 / static_cast<double>(r.counts.tokens);
    std::printf("%-17s %8.1f  %5.1f  %5.1f   %6.1f  %8.1f   %9.3f   %7.3f\n", name, 100.0 * r.masked_fraction(),
                100.0 * r.masked_high_fraction(), 100.0 * r.masked_low_fraction(),
                percent * static_cast<double>(r.masked_budget), percent * static_cast<double>(r.masked_response),
                r.mean_gate(), r.mean_delta_b());
    return r;
  };

  //! [regions]
  report const reports[] = {
      show("none",             reporting(unrestricted(), binary_tv)),
      show("PPO",              reporting(ppo(), binary_tv)),
      show("PPO, Clip-Higher", reporting(ppo({.epsilon_high = 0.28}), binary_tv)),
      show("DPPO",             dppo()),
      show("CPPO",             presets::dense_post_trained()),
      show("CPPO, calibrated", presets::dense_base()),
      show("CPPO, soft gate",  softened(fixed_cppo(), reciprocal_gate)),
      show("TRM-Max",          trm_max()),
      show("TRM-Avg",          trm_mean()),
  };
  //! [regions]
  auto const& [none, clip, higher, threshold, fixed, calibrated, soft, largest, average] = reports;
  std::printf("mean D %.3f, largest D %.3f\n", clip.mean_divergence(), clip.max_divergence);
  assert(none.masked() == 0 && higher.masked() < clip.masked() && threshold.masked() < fixed.masked());
  assert(calibrated.masked() < fixed.masked());
  assert(soft.masked() == fixed.masked() && soft.mean_gate() > fixed.mean_gate());
  assert(largest.masked_response == largest.masked() && average.masked() < largest.masked());
}
