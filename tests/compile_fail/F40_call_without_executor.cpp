// expect first: a call begins with an executor: cppo::seq, cppo::simd or cppo::on(stream)
// expect errors: 1
// expect lines: 15
#include <cppo/cppo.hpp>

float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const status = cppo::policy_loss(4, batch, cppo::ppo(), {.gradient = x});
