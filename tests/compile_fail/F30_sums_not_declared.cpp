// expect first: prefix_drift() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::prefix_values;` into the mask
// expect errors: 1
#include <cppo/cppo.hpp>

struct low_drift {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.prefix_drift() <= V(0.01f);
  }
};
auto const region = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, low_drift{});
