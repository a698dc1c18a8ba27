// The clamped quantile by counting and narrowing, against the quantile by sorting and a clamp.
#include "catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd_selection.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace cppo;

struct scores {
  std::vector<float> x;  // n of them, then what must not matter
  index_t n = 0;

  scores(std::mt19937& random, index_t count, bool ties) : x(static_cast<std::size_t>(count) + 64), n(count) {
    std::exponential_distribution<float> some(10.0F);
    for (float& y : x) y = std::min(1.0F, ties ? std::round(some(random) * 50.0F) / 50.0F : some(random));
    std::fill(x.begin() + static_cast<std::ptrdiff_t>(n), x.end(), std::numeric_limits<float>::quiet_NaN());
  }
  double quantile(double q) const {
    std::vector<float> copy(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(n));
    return cppo::quantile(copy.data(), n, q);
  }
  double clamped(double q, double scale, double low, double high) const {
    std::vector<float> work(x.size());
    return detail::simd_clamped_quantile(x.data(), n, work.data(), q, scale, low, high);
  }
};

}  // namespace

TEST_CASE("a clamped quantile by counting is the clamp of the quantile, bit for bit", "[execution][simd]") {
  std::mt19937 random(11);
  auto const below = [&random](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  int wrong = 0, low_side = 0, high_side = 0, inside = 0;
  for (int i = 0; i < 6000; ++i) {
    scores const s(random, 1 + below(i % 10 == 0 ? 9000 : 300), i % 3 == 0);
    double const q = i % 5 == 0 ? 1.0 : i % 7 == 0 ? 0.0 : below(1001) / 1000.0;
    double const scale = i % 11 == 0 ? 0.37 : 1.0;
    double const exact = scale * s.quantile(q);
    double const low = i % 4 == 0 ? exact : 0.02 * below(10);  // bounds that the quantile meets exactly, too
    double const high = std::max(low, i % 6 == 0 ? exact : 2.0 * low);
    double const want = exact < low ? low : exact > high ? high : exact;
    wrong += s.clamped(q, scale, low, high) == want ? 0 : 1;
    (want == low ? low_side : want == high ? high_side : inside) += 1;
  }
  CHECK(wrong == 0);
  CHECK(std::min({low_side, high_side, inside}) > 300);
}

TEST_CASE("a clamped quantile of one score, of equal ones, and with a scale of 0", "[execution][simd]") {
  std::mt19937 random(5);
  scores one(random, 1, false);
  one.x[0] = 0.25F;
  CHECK(one.clamped(0.9, 1.0, 0.0, 1.0) == 0.25);
  CHECK(one.clamped(0.9, 1.0, 0.5, 1.0) == 0.5);
  CHECK(one.clamped(0.9, 0.0, 0.1, 1.0) == 0.1);
  scores equal(random, 5000, false);
  std::fill(equal.x.begin(), equal.x.begin() + 5000, 0.03F);
  CHECK(equal.clamped(0.9, 1.0, 0.02, 0.04) == static_cast<double>(0.03F));
}
