// expect first: within_prefix_budget() needs a declaration: write `static constexpr cppo::needs needed = cppo::needs::prefix_budget;` into the mask
// expect errors: 1
#include <cppo/cppo.hpp>

struct inside {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.within_prefix_budget();
  }
};
static_assert(cppo::token_mask<inside>);
