// One part of each kind written by a user, bound into a region, and put through the library's own checks.
#include <cppo/cppo.hpp>
#include <cppo/testing/check_region.hpp>
#include <cppo/testing/gate_check.hpp>

#include <cassert>
#include <cstdio>

//! [divergence]
struct squared_hellinger {  // of the partition {y_t, everything else}, first cell only: (sqrt pi - sqrt mu)^2 / 2
  template <class V>
  CPPO_HOST_DEVICE constexpr V between(V log_p, V log_q) const {
    V const gap = exp(V(0.5) * log_p) - exp(V(0.5) * log_q);
    return V(0.5) * (gap * gap);
  }
};
static_assert(cppo::divergence_score<squared_hellinger>);
//! [divergence]

//! [weight]
struct hyperbolic_weight {  // 1, 1/(1 + rate), 1/(1 + 2 rate), ...: independent of T
  double rate;
  constexpr cppo::parameter_check check() const {
    return {rate >= 0.0 && rate <= 1.0, "hyperbolic_weight(rate)", rate, "in [0, 1]: 0 weighs every position the same"};
  }
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(cppo::position<V> t, cppo::index_t) const {
    return V(1) / (V(1) + V(rate) * t.before());
  }
};
static_assert(cppo::weight_schedule<hyperbolic_weight>);
//! [weight]

//! [budget]
struct median_budget {  // the response's own median, but at most `ceiling`
  static constexpr cppo::needs needed = cppo::needs::quantile;
  double ceiling;
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve(Statistics const& response) const {
    double const median = response.quantile(0.5);
    return median < ceiling ? median : ceiling;
  }
};
static_assert(cppo::budget<median_budget>);
//! [budget]

//! [mask]
struct warm_up {  // the first tokens of a response are kept whatever they do
  static constexpr cppo::clause kind = cppo::clause::other;
  int tokens;
  template <class V>
  CPPO_HOST_DEVICE constexpr auto operator()(cppo::token<V> const& t) const {
    return t.at().value() <= V(tokens);
  }
};
static_assert(cppo::token_mask<warm_up>);
//! [mask]

//! [gate]
struct squared_gate {  // steeper than 1/x
  template <class V>
  CPPO_HOST_DEVICE constexpr V operator()(V x) const {
    return select(x > V(1), V(1) / x / x, V(1));
  }
};
static_assert(cppo::gate<squared_gate>);
//! [gate]

int main() {
  using namespace cppo;
  //! [region]
  auto const within = divergence_within(0.02) & prefix_budget(0.02, median_budget{0.004});
  auto const mine = softened(trust_region(squared_hellinger{}, hyperbolic_weight{0.001},
                                          any_of(toward_rollout, warm_up{3}, within)), squared_gate{});
  testing::check_result const checked = testing::check_region(mine, {.batches = 10});
  if (!checked.ok) std::printf("%s\n", checked.message.c_str());
  //! [region]
  assert(checked.ok && !testing::check_gate(squared_gate{}).found);
  std::printf("%td values compared: the same bits on every executor, layout, padding and cut\n", checked.compared);
}
