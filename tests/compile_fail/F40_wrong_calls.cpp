// expect first: on(stream) is not switched on: define CPPO_USE_CUDA=1 before cppo is included
// expect: policy_loss takes an executor, a batch, a region and outputs, in this order
// expect: compute_mask takes an executor, a batch, a region and a mask, in this order
// expect: a call begins with an executor: cppo::seq, cppo::simd or cppo::on(stream)
// expect: the second argument of a call is a batch, as cppo::rollout_batch(...) makes it
// expect: the third argument of a call is a region: make one by cppo::trust_region(divergence, weight, mask)
// expect errors: 8
// expect lines: 95
#include <cppo/cppo.hpp>

float x[4];
int* stream;
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const region = cppo::ppo();
auto const a = cppo::policy_loss(cppo::on(stream).with_report(), batch, region, {.gradient = x});
auto const b = cppo::policy_loss(batch, region, {.gradient = x});
auto const c = cppo::policy_loss(batch, cppo::seq, region, {.gradient = x});
auto const d = cppo::compute_mask(cppo::seq, region, batch, x);
auto const e = cppo::compute_mask(batch, region, x);
auto const f = cppo::policy_loss(2, batch, region, {.gradient = x});
auto const g = cppo::compute_mask(cppo::seq, x, region, x);
auto const h = cppo::policy_loss(cppo::seq, batch, cppo::toward_rollout, {.gradient = x});
