// expect first: a divergence is copied byte by byte
// expect errors: 1
// expect lines: 10
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
