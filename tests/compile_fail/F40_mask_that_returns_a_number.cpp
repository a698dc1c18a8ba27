// expect first: operator() of a mask returns what a comparison of lanes gives
// expect errors: 1
// expect lines: 10
#include <cppo/cppo.hpp>

struct drift {
  template <class V>
  auto operator()(cppo::token<V> const& t) const {
    return t.weighted_divergence();
  }
};
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, drift{});
