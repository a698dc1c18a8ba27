// expect: outlives_the_call
#include <cppo/cppo.hpp>

#include <vector>

std::vector<float> gathered();
auto const named = cppo::log_prob(gathered());
