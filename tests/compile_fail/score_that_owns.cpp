// expect unsatisfied: divergence_score
// expect unsatisfied: trivially_copyable_value
#include <cppo/cppo.hpp>

#include <vector>

struct scaled {
  std::vector<float> table;
  template <class V>
  V between(V p, V q) const {
    return V(table[0]) * (q - p);
  }
};
auto const region = cppo::trust_region(scaled{}, cppo::uniform_weight, cppo::toward_rollout);
