// expect unsatisfied: token_mask
// expect unsatisfied: returns_mask_of_lanes
#include <cppo/cppo.hpp>

struct drift {
  template <class V>
  auto operator()(cppo::token<V> const& t) const {
    return t.weighted_divergence();
  }
};
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, drift{});
