// expect: policy_loss_from_head, logits_gradient and full_divergences begin with an executor of this host: cppo::seq
// expect: in a file that nvcc compiles, also with cppo::on(stream), by <cppo/logits/cuda.cuh>
// expect: the second argument of policy_loss_from_logits is a batch whose logits are lent
// expect: the third argument of policy_loss_from_logits is a region
// expect: a batch of logits goes to policy_loss_from_logits
// expect: the second argument of logits_gradient and full_divergences is a batch of logits
// expect: rollout_batch of logits needs token_id(...) once
// expect: rollout_top_k(k, ids, ...) takes ids first
#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

float x[4], mu[1], a[1], g[4];
int y[1];
auto const region = cppo::presets::dense_base(cppo::top_k_tv);
auto const batch = cppo::rollout_batch(cppo::padded(1, 1), cppo::logits(4, x), cppo::token_id(y),
                                       cppo::rollout_log_prob(mu), cppo::advantage(a));
auto const of_log_probs = cppo::rollout_batch(cppo::padded(1, 1), cppo::log_prob(mu), cppo::rollout_log_prob(mu),
                                              cppo::advantage(a));
auto const rows = cppo::logit_batch(cppo::padded(1, 1), cppo::logits(4, x), cppo::token_id(y));
auto const b = cppo::policy_loss_from_logits(cppo::simd, batch, region, {.logits_gradient = g});
auto const c = cppo::policy_loss_from_logits(cppo::seq, of_log_probs, region, {.logits_gradient = g});
auto const d = cppo::policy_loss_from_logits(cppo::seq, batch, cppo::top_k_tv, {.logits_gradient = g});
auto const e = cppo::policy_loss(cppo::seq, batch, region, {.gradient = a});
auto const f = cppo::logits_gradient(cppo::seq, batch, {.slope = a, .log_sum_exp = a}, g);
auto const h = cppo::rollout_batch(cppo::padded(1, 1), cppo::logits(4, x), cppo::rollout_log_prob(mu),
                                   cppo::advantage(a));
auto const i = cppo::rollout_top_k(2, x, x);
auto const j = cppo::full_divergences(cppo::seq, of_log_probs, a, {}, {});
