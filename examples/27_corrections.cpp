// Corrections of the sampler: a first call computes token weights, the call that trains takes them.
#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  using namespace cppo;
  // Three policies: the engine that sampled, the trainer before its update, the trainer now. Engine and trainer compute
  // the same policy with other kernels, and sometimes disagree.
  constexpr index_t responses = 4, width = 64, n = responses * width;
  std::vector<float> engine(n), before(n), now(n), adv(n), weight(n), gradient(n), plain(n);
  for (std::size_t i = 0; i < n; ++i) {
    engine[i] = -0.8f - 0.003f * static_cast<float>(i * 37 % 211);
    before[i] = engine[i] + (i % 50 == 7 ? 0.78f : i % 50 == 31 ? -0.75f : 0.002f * static_cast<float>(i % 5));
    now[i] = before[i] + 0.004f * (static_cast<float>(i * 53 % 101) - 50.0f);
    adv[i] = i / width % 2 == 0 ? 1.0f : -1.0f;
  }
  auto const shape = padded(responses, width);
  auto const corrected = rollout_batch(shape, log_prob(before), rollout_log_prob(engine), advantage(adv));
  auto const trained = rollout_batch(shape, log_prob(now), rollout_log_prob(before), advantage(adv));
  auto const weighted = rollout_batch(shape, log_prob(now), rollout_log_prob(before), advantage(adv),
                                      token_weight(weight));
  // The bounds of the weights are their own: no clamp of d before them.
  loss_options const as_they_are{.surrogate = {.log_ratio_clamp = 0}};
  auto const ratio_of = [&](std::size_t i) {
    return std::exp(static_cast<double>(before[i]) - static_cast<double>(engine[i]));
  };

  status s = policy_loss(seq, trained, ppo_clip(), {.gradient = plain});
  assert(s.ok());
  auto const report_on = [&](char const* name, auto const& expected) {
    // 2. the call that trains: the gradient of each token times its weight
    s = policy_loss(simd, weighted, ppo_clip(), {.gradient = gradient});
    assert(s.ok());
    index_t cut = 0;
    for (std::size_t i = 0; i < n; ++i) {
      assert(std::abs(static_cast<double>(weight[i]) - expected(ratio_of(i))) < 1e-5);
      assert(std::abs(gradient[i] - weight[i] * plain[i]) < 1e-5f);
      cut += std::abs(static_cast<double>(weight[i]) - ratio_of(i)) > 1e-3 ? 1 : 0;
    }
    std::printf("%-14s %2td of %td weights are not the ratio itself\n", name, cut, n);
    return cut;
  };

  //! [tis]
  // 1. TIS: min(pi_before / pi_engine, 2). Under token_sum the losses that the call writes are the weights.
  s = policy_loss(simd, corrected, tis(2.0), {.loss = weight}, as_they_are);
  //! [tis]
  assert(s.ok() && report_on("TIS", [](double r) { return std::min(r, 2.0); }) > 0);

  // 1. IcePop: 0 outside of the band.
  s = policy_loss(simd, corrected, icepop(0.5, 2.0), {.loss = weight}, as_they_are);
  assert(s.ok() && report_on("IcePop", [](double r) { return r < 0.5 || r > 2.0 ? 0.0 : r; }) > 0);

  // 1. Decoupled PPO: the policy that bounds the step (here `before`) is not the one that sampled. The ratio of the two
  // weighs the token, clamped or masked outside of its bounds.
  auto const weights = decoupled_weights<beyond_bounds::clamps>(0.5, 2.0);
  s = policy_loss(simd, corrected, weights, {.loss = weight}, as_they_are);
  assert(s.ok() && report_on("decoupled PPO", [](double r) { return std::clamp(r, 0.5, 2.0); }) > 0);
}
