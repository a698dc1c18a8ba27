// expect first: a comparison of lanes has an answer for each lane: join two by & or |
#include <cppo/cppo.hpp>

struct steps {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    if (t.ratio() < 1) return t.divergence() <= 0.1;
    return t.divergence() <= 0.2;
  }
};
auto const rule = cppo::toward_rollout | steps{};
