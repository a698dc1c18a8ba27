// Without CPPO_USE_XSIMD: the umbrella, then the executor's own header. One `simd`, and a call that runs on it.
#include <cppo/cppo.hpp>

#include <cppo/execution/simd.hpp>

cppo::status run(float* x) {
  auto const batch =
      cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
  return cppo::policy_loss(cppo::simd.with_threads(2), batch, cppo::ppo(), {.gradient = x});
}
