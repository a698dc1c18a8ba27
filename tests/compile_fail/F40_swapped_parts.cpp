// expect first: trust_region takes a divergence, a weight and a mask, in this order
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

auto const region = cppo::trust_region(cppo::uniform_weight, cppo::binary_tv, cppo::toward_rollout);
