// expect: operator&
// expect unsatisfied: mask_not_number
#include <cppo/cppo.hpp>

auto const rule = cppo::toward_rollout | cppo::divergence_within(0.1) & cppo::ratio_within(0.8, 1.2) & 0.15;
