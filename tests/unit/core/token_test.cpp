// What a mask sees of a token: the ratio without infinities, the direction by signs alone, the position.
#include "support/lane_sets.hpp"
#include "support/catch_compat.hpp"

#include <cppo/core/token.hpp>

#include <cmath>

namespace {

using namespace cppo;

token<float_lane> make(float log_p, float log_q, float advantage = 1.0F) {
  return {float_lane(log_p), float_lane(log_q), float_lane(advantage)};
}
bool toward(float log_p, float log_q, float advantage) {
  return make(log_p, log_q, advantage).moves_toward_rollout().raw();
}

}  // namespace

TEST_CASE("toward mu is A (rho - 1) <= 0, by signs", "[core]") {
  CHECK(toward(-1.0F, -0.5F, 1.0F));
  CHECK(toward(-0.5F, -1.0F, -1.0F));
  CHECK_FALSE(toward(-0.5F, -1.0F, 1.0F));
  CHECK_FALSE(toward(-1.0F, -0.5F, -1.0F));
  for (float const a : {-1.0F, -0.0F, 0.0F, 1.0F}) CHECK(toward(-0.5F, -0.5F, a));  // rho = 1
  for (float const zero : {-0.0F, 0.0F}) {
    CHECK(toward(-0.5F, -1.0F, zero));
    CHECK(toward(-1.0F, -0.5F, zero));
  }
}

TEST_CASE("a token is the first of its response until it is placed", "[core]") {
  CHECK(make(-1.0F, -0.5F).at()[0] == 1);
}

TEST_CASE("the direction survives where the product underflows or the ratio rounds to 1", "[core]") {
  float const tiny = std::numeric_limits<float>::denorm_min();
  CHECK_FALSE(toward(-0.5F, std::nextafter(-0.5F, -1.0F), tiny));
  CHECK(toward(std::nextafter(-0.5F, -1.0F), -0.5F, tiny));
  CHECK_FALSE(toward(-tiny, -2.0F * tiny, tiny));
  CHECK_FALSE(toward(-2.0F * tiny, -tiny, -tiny));
  CHECK_FALSE(toward(0.0F, -1e-30F, 1e-30F));
}

TEST_CASE("the ratio is exp of the log ratio and never infinite", "[core]") {
  testing::random_source random(1);
  double worst = 0.0;
  for (int i = 0; i < 50000; ++i) {
    auto const p = static_cast<float>(-random.uniform(0.0, 40.0)), q = static_cast<float>(-random.uniform(0.0, 40.0));
    auto const t = make(p, q);
    double const want = std::exp(static_cast<double>(t.log_ratio().raw()));
    worst = std::max(worst, std::fabs(static_cast<double>(t.ratio().raw()) - want) / want);
  }
  CHECK(worst <= 2e-7);
  CHECK(make(-0.5F, -0.5F).ratio().raw() == 1.0F);
  CHECK(make(0.0F, -1000.0F).ratio().raw() == cppo_test::approx(std::exp(86.5)).epsilon(1e-6));
  CHECK(make(0.0F, std::numeric_limits<float>::lowest()).ratio().raw() == make(0.0F, -87.0F).ratio().raw());
  CHECK(make(-1000.0F, 0.0F).ratio().raw() > 0.0F);
  CHECK(make(-0.25F, -3.0F).prob().raw() == cppo_test::approx(std::exp(-0.25)).epsilon(1e-6));
  CHECK(make(-0.25F, -3.0F).rollout_prob().raw() == cppo_test::approx(std::exp(-3.0)).epsilon(1e-6));
}

TEST_CASE("a token has the same bits on registers", "[core]") {
  constexpr int width = simd_lane::size;
  testing::random_source random(2);
  int wrong = 0;
  for (int i = 0; i < 3000; ++i) {
    float p[width], q[width], a[width], ratio[width], gap[width], side[width];
    for (int k = 0; k < width; ++k) {
      p[k] = -static_cast<float>(std::pow(10.0, random.uniform(-9.0, 2.5)));
      q[k] = random.chance(0.2) ? p[k] : -static_cast<float>(std::pow(10.0, random.uniform(-9.0, 2.5)));
      a[k] = static_cast<float>(random.below(3) - 1);
    }
    token<simd_lane> const t(cppo_test::gather(p), cppo_test::gather(q), cppo_test::gather(a));
    cppo_test::scatter(ratio, t.ratio());
    cppo_test::scatter(gap, t.ratio_gap());
    cppo_test::scatter(side, select(t.moves_toward_rollout(), simd_lane(1), simd_lane(0)));
    for (int k = 0; k < width; ++k) {
      auto const one = make(p[k], q[k], a[k]);
      wrong +=
          cppo_test::same_number(ratio[k], one.ratio().raw()) && cppo_test::same_number(gap[k], one.ratio_gap().raw())
              ? 0
              : 1;
      wrong += (side[k] == 1.0F) == one.moves_toward_rollout().raw() ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("a position knows t and t - 1 exactly, and maps functions of t", "[core]") {
  position<double_lane> const at(index_t{1} << 40);
  CHECK(at[0] == index_t{1} << 40);
  CHECK(at.value().raw() == 0x1p40);
  CHECK(at.before().raw() == 0x1p40 - 1.0);
  float squares[simd_lane::size];
  cppo_test::scatter(squares, position<simd_lane>(3).map([](index_t t) { return static_cast<double>(t * t); }));
  for (int k = 0; k < simd_lane::size; ++k) CHECK(squares[k] == static_cast<float>((3 + k) * (3 + k)));
}

TEST_CASE("weighted divergence saturates like the divergence", "[core]") {
  auto t = make(-0.5F, -1.0F);
  response_summary const whole{2, 0.0, {}, 0.015, 0};
  t.set_divergence(float_lane(std::numeric_limits<float>::infinity()));
  t.set_weight(position<float_lane>(2), whole, float_lane(0.8F));
  CHECK(t.divergence().raw() == 1000.0F);
  CHECK(t.weighted_divergence().raw() == 800.0F);
  CHECK(t.length() == 2);
  CHECK(t.at()[0] == 2);
  CHECK(t.response_delta_b().raw() == 0.015F);
}
