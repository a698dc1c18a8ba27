// expect: a mask of lanes has a truth value for each token: join masks by & and |
// expect errors: 1
// expect lines: 60
#include <cppo/cppo.hpp>
#include <cppo/quantity.hpp>

using namespace cppo;

struct ratio_in_band {
  template <class V>
  constexpr V operator()(token<V> const& t) const { return t.ratio(); }
  template <class V>
  constexpr V slope(token<V> const& t) const { return select(t.ratio() > 0.8 && t.ratio() < 1.2, t.ratio(), V(0)); }
};
static_assert(differentiable<ratio_in_band>);
