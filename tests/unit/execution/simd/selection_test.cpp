// The clamped quantile by counting and narrowing, against the quantile by sorting and a clamp.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/selection.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace cppo;

struct divergences {
  std::vector<float> x;  // n of them, then what must not matter
  index_t n = 0;

  divergences(std::mt19937& random, index_t count, bool ties)
      : x(static_cast<std::size_t>(count) + detail::selection_word - 1), n(count) {
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
    divergences const s(random, 1 + below(i % 10 == 0 ? 9000 : 300), i % 3 == 0);
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

TEST_CASE("a clamped quantile of one divergence, of equal ones, and with a scale of 0", "[execution][simd]") {
  std::mt19937 random(5);
  divergences one(random, 1, false);
  one.x[0] = 0.25F;
  CHECK(one.clamped(0.9, 1.0, 0.0, 1.0) == 0.25);
  CHECK(one.clamped(0.9, 1.0, 0.5, 1.0) == 0.5);
  CHECK(one.clamped(0.9, 0.0, 0.1, 1.0) == 0.1);
  CHECK(divergences(random, 700, false).clamped(0.9, 0.0, 0.0, 1.0) == 0.0);
  CHECK(divergences(random, 700, false).clamped(0.9, 0.0, 0.1, 1.0) == 0.1);
  CHECK(divergences(random, 700, false).clamped(0.9, 1e-310, 0.0, 0.0) == 0.0);  // with one that takes products to 0
  divergences equal(random, 5000, false);
  std::fill(equal.x.begin(), equal.x.begin() + 5000, 0.03F);
  CHECK(equal.clamped(0.9, 1.0, 0.02, 0.04) == static_cast<double>(0.03F));
}

TEST_CASE("the largest float whose product stays below a limit", "[execution][simd]") {
  std::mt19937_64 random(23);
  auto const uniform = [&random](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  int wrong = 0, at_least = 0, at_most = 0, equal = 0;
  for (int i = 0; i < 20000; ++i) {
    double const scale = std::pow(10.0, uniform(-3.0, 3.0));
    // A product that is met exactly, any limit, and limits that no float in reach meets or misses.
    double const limit = i % 4 == 0   ? scale * static_cast<double>(static_cast<float>(uniform(-900.0, 900.0)))
                         : i % 4 == 1 ? scale * uniform(-1000.0, 1000.0)
                         : i % 4 == 2 ? scale * uniform(1001.0, 1e5)
                                      : scale * uniform(-1e5, -1001.0);
    bool const strict = i % 8 < 4;
    float const x = detail::largest_below(scale, limit, strict ? detail::limit_is::out : detail::limit_is::in);
    auto const below = [=](float y) {
      double const product = scale * static_cast<double>(y);
      return strict ? product < limit : product <= limit;
    };
    if (x == -1001.0F) {
      ++at_least;
    } else if (x == 1001.0F) {
      ++at_most;
      wrong += below(x) ? 0 : 1;
    } else {
      equal += scale * static_cast<double>(x) == limit ? 1 : 0;
      wrong += below(x) && !below(std::nextafter(x, 2000.0F)) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
  CHECK(at_least == 5000);
  CHECK(at_most == 5000);
  CHECK(equal > 2000);
}

TEST_CASE("divergences that all lie inside the bounds have room for what is loaded past them", "[execution][simd]") {
  std::vector<float> pi;
  for (index_t n = 1; n <= 700; ++n) {
    CHECK(detail::simd_statistics::room(n) / 2 >= static_cast<std::size_t>(n) + detail::selection_word - 1);
    pi.resize(static_cast<std::size_t>(n));
    for (index_t i = 0; i < n; ++i) {
      double const d = 0.021 + 0.018 * static_cast<double>(i * 37 % n) / static_cast<double>(n);
      pi[static_cast<std::size_t>(i)] = static_cast<float>(std::log(std::exp(-0.5) - d));
    }
    std::vector<float> const mu(pi.size(), -0.5F), a(pi.size(), 1.0F);
    std::vector<float> want(pi.size()), got(pi.size());
    auto const batch = rollout_batch(padded(1, n), log_prob(pi), rollout_log_prob(mu), advantage(a));
    CHECK(policy_loss(seq, batch, calibrated_cppo(), {.trace = {.threshold = want}}).ok());
    CHECK(policy_loss(simd, batch, calibrated_cppo(), {.trace = {.threshold = got}}).ok());  // under ASan it shows
    CHECK(got == want);
  }
}
