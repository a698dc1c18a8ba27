// The exact prefix against 128-bit integers: every value, every order, every cut, the sign, the range.
#include "support/lane_sets.hpp"
#include "support/property.hpp"

#include <cppo/core/prefix_sums.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace {

using namespace cppo;
__extension__ using wide_int = __int128;

constexpr index_t grid = index_t{1} << 25;  // units of the low limb in one of the high

// The sum in units of 2^-40.
wide_int units(exact_sum s) { return static_cast<wide_int>(s.high) * grid + s.low; }
// x to the nearest unit, ties to even. Pre: |x| <= 1000; 64 bits of significand hold x 2^40 exactly.
wide_int nearest_units(double x) {
  return static_cast<wide_int>(std::nearbyint(std::ldexp(static_cast<long double>(x), 40)));
}

// A divergence or budget as it reaches the prefix: any scale, ties, both signs, the ends.
double draw_divergence(testing::random_source& random) {
  switch (random.below(6)) {
    case 0: return static_cast<double>(random.below(1 << 20)) * 0x1p-41;  // ties of the grid
    case 1: return 1000.0;
    case 2: return -random.uniform(0.0, 1000.0);
    case 3: return random.uniform(0.0, 1e-9);
    default: return random.uniform(0.0, 1.0) * std::pow(10.0, random.uniform(-6.0, 3.0));
  }
}

prefix_sums step(double drift, double weight, double budget) {
  return {detail::to_grid(drift), detail::to_grid(weight), detail::to_grid(budget), 1};
}

exact_sum total(std::vector<double> const& x) {
  exact_sum s;
  for (double const v : x) s = s + detail::to_grid(v);
  return s;
}

bool same_limbs(exact_sum a, exact_sum b) { return a.high == b.high && a.low == b.low; }

}  // namespace

namespace rc {
template <>
struct Arbitrary<exact_sum> {
  static Gen<exact_sum> arbitrary() {
    auto const limb = gen::inRange<index_t>(-(index_t{1} << 55), index_t{1} << 55);
    return gen::build<exact_sum>(gen::set(&exact_sum::high, limb), gen::set(&exact_sum::low, limb));
  }
};
template <>
struct Arbitrary<prefix_sums> {
  static Gen<prefix_sums> arbitrary() {
    return gen::build<prefix_sums>(gen::set(&prefix_sums::drift), gen::set(&prefix_sums::weight),
                                   gen::set(&prefix_sums::allowance),
                                   gen::set(&prefix_sums::count, gen::inRange<index_t>(0, index_t{1} << 31)));
  }
};
}  // namespace rc

TEST_CASE("a value on the grid is the nearest multiple of 2^-40, ties to even", "[core][prefix_sums]") {
  testing::random_source random(1);
  int wrong = 0;
  for (int i = 0; i < 300000; ++i) {
    double const x = draw_divergence(random);
    auto const y = static_cast<float>(x);
    wrong += units(detail::to_grid(x)) == nearest_units(x) ? 0 : 1;
    wrong += units(detail::to_grid(y)) == nearest_units(static_cast<double>(y)) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("registers put values on the grid as scalars do", "[core][prefix_sums]") {
  using ops = simd_lane::ops;
  testing::random_source random(2);
  int wrong = 0;
  for (int i = 0; i < 50000; ++i) {
    float x[ops::size];
    std::int32_t high[ops::size], low[ops::size];
    for (float& v : x) v = static_cast<float>(draw_divergence(random));
    ops::ints h, l;
    ops::to_grid(ops::load(x), h, l);
    ops::save(high, h);
    ops::save(low, l);
    std::uint64_t in_units[ops::size];
    ops::units first, second;
    ops::to_units(ops::load(x), first, second);
    first.store_unaligned(in_units);
    second.store_unaligned(in_units + ops::size / 2);
    for (int k = 0; k < ops::size; ++k) {
      exact_sum const want = detail::to_grid(x[k]);
      wrong += same_limbs({high[k], low[k]}, want) ? 0 : 1;
      wrong += static_cast<index_t>(in_units[k] - ops::unit_bias) == (want.high << 25) + want.low ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("sums of grid values equal 128-bit integers in any order and any cut", "[core][prefix_sums]") {
  testing::random_source random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> x(static_cast<std::size_t>(1 + random.below(300)));
    for (double& v : x) v = draw_divergence(random);
    wide_int want = 0;
    for (double const v : x) want += nearest_units(v);
    exact_sum const straight = total(x);
    CHECK(units(straight) == want);
    auto const cut = x.begin() + random.below(static_cast<index_t>(x.size()) + 1);
    CHECK(same_limbs(total({cut, x.end()}) + total({x.begin(), cut}), straight));
    for (std::size_t i = x.size(); i > 1; --i)
      std::swap(x[i - 1], x[static_cast<std::size_t>(random.below(static_cast<index_t>(i)))]);
    CHECK(same_limbs(total(x), straight));
  }
}

TEST_CASE("prefix sums are a commutative monoid", "[core][prefix_sums]") {
  cppo_test::property("associative", [](prefix_sums const& a, prefix_sums const& b, prefix_sums const& c) {
    return (a + b) + c == a + (b + c);
  });
  cppo_test::property("commutative", [](prefix_sums const& a, prefix_sums const& b) { return a + b == b + a; });
  cppo_test::property("identity",
                      [](prefix_sums const& a) { return a + prefix_sums{} == a && prefix_sums{} + a == a; });
  cppo_test::property("every field counts", [](prefix_sums const& a) {
    exact_sum const unit{0, 1};
    return !(a + prefix_sums{unit, {}, {}, 0} == a) && !(a + prefix_sums{{}, unit, {}, 0} == a) &&
           !(a + prefix_sums{{}, {}, unit, 0} == a) && !(a + prefix_sums{{}, {}, {}, 1} == a);
  });
}

TEST_CASE("the sign of a sum is exact, and equality is of values", "[core][prefix_sums]") {
  cppo_test::property("sign", [](exact_sum a) { return a.nonnegative() == (units(a) >= 0); });
  cppo_test::property("difference", [](exact_sum a, exact_sum b) { return units(a - b) == units(a) - units(b); });
  cppo_test::property("equal values", [](exact_sum a) {
    exact_sum const other{a.high - 3, a.low + 3 * grid};
    return a == other && !(a == exact_sum{a.high, a.low + 1});
  });
  cppo_test::property("sign next to zero", [] {
    index_t const k = *rc::gen::inRange<index_t>(-(index_t{1} << 29), index_t{1} << 29);
    return exact_sum{-k, k * grid}.nonnegative() && exact_sum{-k, k * grid + 1}.nonnegative() &&
           !exact_sum{-k, k * grid - 1}.nonnegative();
  });
}

TEST_CASE("a sum reads as its number", "[core][prefix_sums]") {
  cppo_test::property("value", [](exact_sum a) {
    long double const want = std::ldexp(static_cast<long double>(units(a)), -40);
    long double const size =
        std::fabs(static_cast<long double>(a.high)) * 0x1p-15L + std::fabs(static_cast<long double>(a.low)) * 0x1p-40L;
    return std::fabs(static_cast<long double>(a.value()) - want) <= size * 4e-16L;
  });
  CHECK(detail::to_grid(0.15).value() == cppo_test::approx(0.15).margin(0x1p-41));
}

TEST_CASE("2^31 tokens of size 1000 stay in range", "[core][prefix_sums]") {
  for (double const x : {1000.0, -1000.0, 999.99993896484375, 0x1.fffffep8, 1.0 / 3.0}) {
    exact_sum const one = detail::to_grid(x);
    CHECK(std::abs(one.high) < index_t{1} << 25);
    CHECK(std::abs(one.low) <= index_t{1} << 24);
    exact_sum s = one;
    for (int doubling = 0; doubling < 31; ++doubling) s = s + s;
    CHECK(std::abs(s.high) < index_t{1} << 56);
    CHECK(std::abs(s.low) < index_t{1} << 56);
    CHECK(units(s) == units(one) * (index_t{1} << 31));
    CHECK(s.nonnegative() == (x > 0.0));
    CHECK((s - s).nonnegative());
    CHECK_FALSE((s - s - exact_sum{0, 1}).nonnegative());
  }
}

TEST_CASE("the budget test is inclusive to the last unit", "[core][prefix_sums]") {
  prefix_sums const before = step(0.25, 1.0, 0.125) + step(0.5, 0.75, 0.0625);
  exact_sum const delta = detail::to_grid(0.75);
  exact_sum const room = detail::to_grid(0.75 + 0.1875 - 0.75);
  CHECK(before.admits(room, delta));
  CHECK_FALSE(before.admits(room + exact_sum{0, 1}, delta));
  CHECK(prefix_sums{}.admits(delta, delta));
  CHECK(before.count == 2);
}

TEST_CASE("divergences saturate at 1000, NaN too", "[core][prefix_sums]") {
  auto const saturated = [](double x) { return detail::saturate(double_lane(x)).raw(); };
  double const infinity = std::numeric_limits<double>::infinity();
  CHECK(saturated(infinity) == 1000.0);
  CHECK(saturated(-infinity) == -1000.0);
  CHECK(saturated(std::numeric_limits<double>::quiet_NaN()) == 1000.0);
  CHECK(saturated(1000.0000001) == 1000.0);
  CHECK(saturated(-0.25) == -0.25);
  float x[simd_lane::size];
  cppo_test::scatter(x, detail::saturate(simd_lane(std::numeric_limits<float>::quiet_NaN())));
  CHECK(x[0] == 1000.0F);
}
