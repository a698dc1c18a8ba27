// expect unsatisfied: weight_schedule
// expect: w.at
#include <cppo/cppo.hpp>

struct cosine {
  float operator()(float t) const { return t; }
};
auto const region = cppo::trust_region(cppo::binary_tv, cosine{}, cppo::toward_rollout);
