// expect first: this mask decides by sums, means or maxima of a divergence, but the region has one for its report alone: write trust_region(divergence, weight, mask)
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

auto const none = cppo::trust_region(cppo::no_divergence, cppo::uniform_weight, cppo::prefix_budget(0.1, 0.01));
auto const region = cppo::reporting(none, cppo::binary_tv);
auto const slack = region.budget_slack();
