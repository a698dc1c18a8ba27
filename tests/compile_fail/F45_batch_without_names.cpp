// expect first: rollout_batch takes buffers by their names: rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu)
// expect: rollout_batch begins with the layout, padded(B, T) or packed(offsets)
// expect errors: 5
// expect lines: 50
#include <cppo/cppo.hpp>

#include <vector>

float pi[4], mu[4], a[4], gradient[4];
std::vector<float> const advantages(4);
auto const pointers = cppo::rollout_batch(cppo::padded(1, 4), pi, mu, a);
auto const some = cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(pi), cppo::rollout_log_prob(mu), advantages);
auto const views = cppo::rollout_batch(cppo::padded(1, 4), cppo::matrix_view<float>(pi, 1, 4), mu, advantages);
auto const last =
    cppo::rollout_batch(cppo::log_prob(pi), cppo::rollout_log_prob(mu), cppo::advantage(a), cppo::padded(1, 4));
auto const numbers = cppo::rollout_batch(1, 4, pi, mu, a);
auto const status =
    cppo::policy_loss(cppo::seq, pointers, cppo::ppo(), {.gradient = gradient});  // nothing more is said
