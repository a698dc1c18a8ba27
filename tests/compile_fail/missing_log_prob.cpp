// expect: rollout_batch needs log_prob(...) once
#include <cppo/cppo.hpp>

float mu[4], a[4];
auto const batch = cppo::rollout_batch(cppo::padded(1, 4), cppo::rollout_log_prob(mu), cppo::advantage(a));
