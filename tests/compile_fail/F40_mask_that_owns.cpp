// expect first: no vector or string in it
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

#include <vector>

struct remembers {
  std::vector<float> seen;
  template <class V>
  auto operator()(cppo::token<V> const& t) const {
    return t.weighted_divergence() <= V(0.1);
  }
};
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, remembers{});
