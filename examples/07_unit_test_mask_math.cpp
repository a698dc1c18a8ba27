// Unit-testing mask math on a CPU: lend the divergences you want, read the trace, compare with numbers done by hand.
// Every executor gives these bits.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cmath>
#include <cstdio>

using namespace cppo;

int main() {
  // delta = 0.10, delta_b = 0.02, w_min = 0.8, T = 5: w = 1, 0.95, 0.90, 0.85, 0.80
  //   t   D     Z = w D  W before  S before  c = min(delta, delta + delta_b W - S)
  //   1  0.080  0.0800   0.00      0.0000    0.1000                  kept
  //   2  0.060  0.0570   1.00      0.0800    0.0400                  masked: over the prefix budget
  //   3  0.040  0.0360   1.95      0.1370    0.0020                  moves toward mu: kept
  //   4  0.020  0.0170   2.85      0.1730   -0.0160                  masked: negative, nothing passes
  //   5  0.500  0.4000   3.70      0.1900   -0.0160                  masked: beyond delta itself
  double const d[] = {0.08, 0.06, 0.04, 0.02, 0.5};
  double const c[] = {0.1, 0.04, 0.002, -0.016, -0.016};
  decision const expected[] = {decision::kept, decision::masked_budget, decision::kept_toward, decision::masked_budget,
                               decision::masked_divergence};

  // Only the signs of log pi - log mu matter here; D is lent.
  double const pi[] = {-1, -1, -3, -1, -1};
  double const mu[] = {-2, -2, -2, -2, -2};
  double const adv[] = {1, 1, 1, 1, 1};

  //! [trace]
  auto const batch = rollout_batch(padded(1, 5), log_prob(pi), rollout_log_prob(mu), advantage(adv),
                                   divergence_values(d));
  auto const region = fixed_cppo({.delta = 0.1, .delta_b = 0.02, .w_min = 0.8}, precomputed);
  double z[5], drift[5], weights[5], threshold[5];
  int why[5];
  status const s = policy_loss(seq, batch, region, {.trace = {.weighted_divergence = z,
                                                              .prefix_drift = drift,
                                                              .prefix_weight = weights,
                                                              .threshold = threshold,
                                                              .decision = why}});
  //! [trace]
  assert(s.ok());

  double sum = 0.0, weight = 0.0;
  for (int t = 0; t < 5; ++t) {
    double const w = 1.0 - 0.2 * t / 4;
    std::printf("t = %d  Z = %.4f  S = %.4f  W = %.2f  c = %+.4f  decision %d\n", t + 1, z[t], drift[t], weights[t],
                threshold[t], why[t]);
    assert(std::fabs(z[t] - w * d[t]) < 1e-12);
    assert(std::fabs(drift[t] - sum) < 1e-11 && std::fabs(weights[t] - weight) < 1e-11);
    assert(std::fabs(threshold[t] - c[t]) < 1e-11);
    assert(static_cast<decision>(why[t]) == expected[t]);
    sum += w * d[t];
    weight += w;
  }
}
