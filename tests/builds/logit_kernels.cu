// Log-probs from logits, their gradient, divergences and the whole loss, on a device: every kernel is there.
#include <cppo/cppo.hpp>
#include <cppo/logits/cuda.cuh>

cppo::status calls(float const* x, int const* y, double* total, float* entropy, float const* slope, float* gradient,
                   double* tv, double* kl, cudaStream_t stream) {
  auto const batch = cppo::logit_batch(cppo::padded(64, 128), cppo::logits(32000, x), cppo::token_id(y));
  cppo::device_workspace memory;
  auto const gpu = cppo::on(stream).with_workspace(memory);
  cppo::status s = cppo::log_probs(gpu, batch, {.log_sum_exp = total});
  if (s.ok()) s = cppo::log_probs(gpu, batch, {.log_sum_exp = total, .entropy = entropy});
  if (s.ok()) s = cppo::logits_gradient(gpu, batch, {.slope = slope, .log_sum_exp = total}, gradient);
  cppo::policy_rows const mu{.log_probs = cppo::logits(32000, x)};
  if (s.ok()) s = cppo::full_divergences(gpu, batch, total, mu, {.tv = tv});
  if (s.ok()) s = cppo::full_divergences(gpu, batch, total, mu, {.tv = tv, .kl = kl});
  return s.ok() ? cppo::fetch(gpu) : s;
}
cppo::status loss(float const* x, int const* y, float const* mu, float const* a, float* gradient, double* log_prob,
                  cudaStream_t stream) {
  auto const batch = cppo::rollout_batch(cppo::padded(64, 128), cppo::logits(32000, x), cppo::token_id(y),
                                         cppo::rollout_log_prob(mu), cppo::advantage(a));
  cppo::device_workspace memory;
  auto const gpu = cppo::on(stream).with_workspace(memory);
  cppo::status const s = cppo::policy_loss_from_logits(gpu, batch, cppo::fixed_cppo(),
                                                       {.logits_gradient = gradient, .log_prob = log_prob});
  return s.ok() ? cppo::fetch(gpu) : s;
}
