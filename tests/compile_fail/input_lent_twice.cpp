// expect: rollout_batch takes each input once
#include <cppo/cppo.hpp>

float x[4];
bool first[4], second[4];
auto const batch = cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x),
                                       cppo::advantage(x), cppo::response_mask(first), cppo::response_mask(second));
