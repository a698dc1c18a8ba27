// expect: a comparison of lanes has an answer for each lane: join two by & or |
#include <cppo/cppo.hpp>

struct both {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.ratio() < 1 && t.divergence() <= 0.1;
  }
};
auto const rule = cppo::toward_rollout | both{};
