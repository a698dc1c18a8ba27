// expect: a mask of lanes has a truth value for each token: join masks by & and |
// expect: masks are joined by & and |, or by all_of(a, b) and any_of(a, b)
// expect errors: 3
// expect lines: 60
#include <cppo/cppo.hpp>
#include <cppo/quantity.hpp>

using namespace cppo;

struct in_band {
  template <class V>
  constexpr auto operator()(token<V> const& t) const { return t.ratio() > 0.8 && t.ratio() < 1.2; }
};
float x[4];
auto const tokens = rollout_batch(padded(1, 4), log_prob(x), rollout_log_prob(x), advantage(x));
auto const a = compute_mask(seq, tokens, trust_region(binary_tv, uniform_weight, in_band{}), x);

struct by_side {
  template <class V>
  constexpr V operator()(token<V> const& t) const { return select(t.ratio() > 1.2 || t.ratio() < 0.8, V(1), V(0)); }
};
static_assert(quantity<by_side>);

auto const b = trust_region(binary_tv, uniform_weight, toward_rollout && divergence_within(0.1));
auto const c = trust_region(binary_tv, uniform_weight, at_most(ratio, 1.2) || in_band{});
