// expect first: simd is not switched on: define CPPO_USE_XSIMD=1 before cppo is included, or link cppo::simd
// expect errors: 1
// expect lines: 15
#include <cppo/cppo.hpp>

float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const status = cppo::policy_loss(cppo::simd.with_threads(2), batch, cppo::ppo(), {.gradient = x});
