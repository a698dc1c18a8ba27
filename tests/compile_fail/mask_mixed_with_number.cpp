// expect: operator|
// expect unsatisfied: mask_not_number
#include <cppo/cppo.hpp>

auto const rule = cppo::toward_rollout | 0.15;
