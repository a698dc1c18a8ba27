// expect: all_of
// expect unsatisfied: token_mask
#include <cppo/cppo.hpp>

auto const rule = cppo::all_of(cppo::toward_rollout, cppo::divergence_within(0.1), 0.15);
