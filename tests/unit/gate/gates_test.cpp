// The gates of App. C, value by value.
#include "support/lane_sets.hpp"
#include "support/catch_compat.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/gate/gates.hpp>
#include <cppo/region.hpp>

#include <cmath>

namespace {

template <class G>
float at(G const& g, float x) {
  return g(cppo::float_lane(x)).raw();
}

}  // namespace

TEST_CASE("the hard gate is 1 up to the boundary, inclusive, and 0 past it", "[gate]") {
  CHECK(at(cppo::hard_gate, 0.0F) == 1.0F);
  CHECK(at(cppo::hard_gate, 1.0F) == 1.0F);
  CHECK(at(cppo::hard_gate, std::nextafter(1.0F, 2.0F)) == 0.0F);
}

TEST_CASE("the reciprocal gate is min(1, 1/x), finite everywhere, the same bits on registers", "[gate]") {
  CHECK(at(cppo::reciprocal_gate, 0.0F) == 1.0F);
  CHECK(at(cppo::reciprocal_gate, 1.0F) == 1.0F);
  CHECK(at(cppo::reciprocal_gate, 4.0F) == 0.25F);
  CHECK(at(cppo::reciprocal_gate, -3.0F) == 1.0F);
  CHECK(at(cppo::reciprocal_gate, 3e38F) > 0.0F);
  cppo::testing::random_source random(1);
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    float x[cppo::simd_lane::size], y[cppo::simd_lane::size];
    for (float& v : x) v = static_cast<float>(random.exponential() * 3.0);
    cppo_test::scatter(y, cppo::reciprocal_gate(cppo_test::gather(x)));
    for (int k = 0; k < cppo::simd_lane::size; ++k) {
      wrong += y[k] == at(cppo::reciprocal_gate, x[k]) && (x[k] <= 1.0F || y[k] * x[k] <= 1.0F + 1e-7F) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

namespace {

// A mask that cannot say how far a token is past it.
struct silent {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.divergence() <= V(0.01);
  }
};
// Never quite 0, whatever the excess.
struct stubborn_gate {
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(1), V(0.5), V(1));
  }
};

}  // namespace

TEMPLATE_TEST_CASE("where no excess can be said, a soft gate is exactly 0", "", float, double) {
  using cppo::toward_rollout;
  std::vector<TestType> const pi{TestType(-0.5), TestType(-0.999), TestType(-0.5)}, mu(3, TestType(-1));
  std::vector<TestType> const a{TestType(1), TestType(1), TestType(-1)};
  auto const batch = cppo::rollout_batch(cppo::padded(1, 3), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  auto const gates = [&batch](auto const& g, auto const& mask) {
    auto const region = softened(trust_region(cppo::binary_tv, cppo::uniform_weight, mask), g);
    std::vector<TestType> plain(3, TestType(9)), fast(3, TestType(9)), gradient(3, TestType(9));
    REQUIRE(policy_loss(cppo::seq, batch, region, {.gradient = gradient, .gate = plain}).ok());
    REQUIRE(policy_loss(cppo::simd, batch, region, {.gate = fast}).ok());
    CHECK(plain == fast);
    CHECK(gradient[0] == TestType(0));
    CHECK_FALSE(std::signbit(gradient[0]));
    return plain;
  };
  std::vector<TestType> const hard{TestType(0), TestType(1), TestType(0)};
  CHECK(gates(cppo::reciprocal_gate, silent{}) == hard);
  CHECK(gates(stubborn_gate{}, silent{}) == hard);
  CHECK(gates(cppo::reciprocal_gate, cppo::divergence_within(0.2) & !toward_rollout & silent{})[0] == TestType(0));
}

namespace {

// A gate of a user's own that checks its parameter.
struct power_gate {
  double power = 1.0;
  constexpr bool check() const { return power >= 1.0; }
  template <class V>
  constexpr V operator()(V x) const {
    return select(x > V(1), V(1) / (x * x), V(1));
  }
};

}  // namespace

TEST_CASE("a gate's parameters are checked with the region's, and the region gives the gate back", "[gate]") {
  auto const good = softened(cppo::fixed_cppo(), power_gate{2.0});
  CHECK(good.check());
  CHECK(good.gate().power == 2.0);
  CHECK_FALSE(softened(cppo::fixed_cppo(), power_gate{0.5}).check());
  CHECK_FALSE(softened(cppo::fixed_cppo({.delta = 0.0}), power_gate{2.0}).check());
}
