// expect first: what derives from cppo::host_executor has the public member `template <class Real, class Region>
// expect errors: 1
// expect lines: 15
#include <cppo/cppo.hpp>

struct without_loop : cppo::host_executor<without_loop> {};
float x[4];
auto const batch =
    cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x), cppo::advantage(x));
auto const status = cppo::policy_loss(without_loop{}, batch, cppo::ppo(), {.gradient = x});
