// expect: the fourth argument of policy_loss is what it writes: {.gradient = g, .mask = m}
// expect: the last argument of a call is its options: {.aggregate = cppo::token_mean}
// expect: policy_loss takes an executor, a batch, a region and outputs, in this order, and may take options
// expect: compute_mask takes an executor, a batch, a region and a mask, in this order, and may take options
// expect: the fourth argument of compute_mask is what it writes: a pointer, an array, a container or a view
// expect errors: 12
// expect lines: 180
#include <cppo/cppo.hpp>

float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const region = cppo::ppo();
cppo::loss_outputs const outputs{.gradient = x};
struct not_lent {};
auto const a = cppo::policy_loss(cppo::seq, batch, region, 4);
auto const b = cppo::policy_loss(cppo::seq, batch, region, x, {.aggregate = cppo::token_mean});
auto const c = cppo::policy_loss(cppo::seq, batch, region, {.gradient = x}, cppo::token_mean);
auto const d = cppo::policy_loss(cppo::seq, batch, region, outputs, 4);
auto const e = cppo::policy_loss(cppo::seq, batch, region);
auto const f = cppo::policy_loss(cppo::seq, batch, {.gradient = x});
auto const g = cppo::policy_loss();
auto const h = cppo::compute_mask(cppo::seq, batch, region, not_lent{});
auto const i = cppo::compute_mask(cppo::seq, batch, region, x, 4);
auto const j = cppo::compute_mask(cppo::seq, batch, region);
auto const k = cppo::policy_loss(cppo::seq, batch, region, outputs, cppo::loss_options{}, 4);
auto const l = cppo::policy_loss(4L, batch, region, outputs);
