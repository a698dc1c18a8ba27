// expect unsatisfied: token_mask
// expect unsatisfied: returns_mask_of_lanes
#include <cppo/cppo.hpp>

struct first_tokens {
  template <class V>
  bool operator()(cppo::token<V> const& t) const {
    return t.at()[0] < 8;
  }
};
auto const rule = cppo::toward_rollout | first_tokens{};
