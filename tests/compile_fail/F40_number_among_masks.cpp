// expect first: a number is no mask: write a clause, such as cppo::divergence_within(0.15)
// expect errors: 4
// expect lines: 40
#include <cppo/cppo.hpp>

// Each of a type of its own: of one type the compiler complains once.
auto const listed = cppo::all_of(cppo::toward_rollout, cppo::divergence_within(0.1), 0.15);
auto const joined = cppo::toward_rollout | (cppo::divergence_within(0.1) & cppo::ratio_within(0.8, 1.2) & 0.15F);
auto const before = 1 | cppo::toward_rollout;
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, 2L);
