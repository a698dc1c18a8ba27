// expect first: operator() of a mask must be const
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

struct counts {
  int calls = 0;
  template <class V>
  auto operator()(cppo::token<V> const& t) {
    ++calls;
    return t.weighted_divergence() <= V(0.1);
  }
};
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, counts{});
