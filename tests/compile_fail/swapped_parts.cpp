// expect unsatisfied: divergence_score
#include <cppo/cppo.hpp>

auto const region = cppo::trust_region(cppo::uniform_weight, cppo::binary_tv, cppo::toward_rollout);
