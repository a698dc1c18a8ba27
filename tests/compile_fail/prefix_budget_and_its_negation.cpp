// expect first: a trust region holds at most one prefix_budget
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight,
                                       cppo::prefix_budget(0.1, 0.01) | !cppo::prefix_budget(0.2, 0.02));
auto const slack = region.budget_slack();
