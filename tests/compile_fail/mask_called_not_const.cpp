// expect unsatisfied: token_mask
// expect unsatisfied: const_call_operator
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
