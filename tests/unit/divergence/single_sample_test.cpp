// k1, k2 and k3: their formulas, and what their means under mu are, by summing over a whole vocabulary.
#include "support/catch_compat.hpp"

#include <cppo/divergence/single_sample.hpp>
#include <cppo/testing/random.hpp>

#include <array>
#include <cmath>
#include <numeric>

namespace {

using namespace cppo;

template <class T, class K>
T estimate(K const& k, T log_p, T log_q) {
  return k.between(lane<T>(log_p), lane<T>(log_q)).raw();
}

using law = std::array<double, 7>;

law normalised(law x) {
  double const sum = std::accumulate(x.begin(), x.end(), 0.0);
  for (double& v : x) v /= sum;
  return x;
}

law draw_law(testing::random_source& random) {
  law x;
  for (double& v : x) v = random.exponential() + 1e-3;
  return normalised(x);
}

double kl(law const& mu, law const& pi) {
  double sum = 0.0;
  for (std::size_t a = 0; a < mu.size(); ++a) sum += mu[a] * std::log(mu[a] / pi[a]);
  return sum;
}

// E_mu[k]
template <class K>
double mean(K const& k, law const& mu, law const& pi) {
  double sum = 0.0;
  for (std::size_t a = 0; a < mu.size(); ++a) sum += mu[a] * estimate(k, std::log(pi[a]), std::log(mu[a]));
  return sum;
}

// e^d - 1 - d
double wide_k3(double d) {
  auto const x = static_cast<long double>(d);
  if (std::fabs(d) >= 2.0) return static_cast<double>(std::expm1(x) - x);
  long double sum = 0.0L, term = x * x / 2.0L;
  for (int n = 3; n < 40; ++n) {
    sum += term;
    term *= x / n;
  }
  return static_cast<double>(sum);
}

}  // namespace

TEST_CASE("the means of k1 and k3 under mu are KL(mu || pi)", "[divergence]") {
  testing::random_source random(1);
  for (int i = 0; i < 500; ++i) {
    law const mu = draw_law(random), pi = draw_law(random);
    CHECK(mean(k1, mu, pi) == cppo_test::approx(kl(mu, pi)).margin(1e-14));
    CHECK(mean(k3, mu, pi) == cppo_test::approx(kl(mu, pi)).margin(1e-14));
  }
}

TEST_CASE("the mean of k2 departs from KL in third order only", "[divergence]") {
  testing::random_source random(2);
  for (int i = 0; i < 50; ++i) {
    law const mu = draw_law(random), tilt = draw_law(random);
    auto const gap = [&](double size) {
      law pi = mu;
      for (std::size_t a = 0; a < pi.size(); ++a) pi[a] *= std::exp(size * (tilt[a] - 0.3));
      pi = normalised(pi);
      return std::fabs(mean(k2, mu, pi) - kl(mu, pi));
    };
    double const coarse = gap(0.02);
    CHECK(coarse <= 1e-5);
    CHECK(gap(0.01) <= coarse / 6.0 + 1e-13);
  }
}

TEST_CASE("k1, k2 and k3 are their formulas", "[divergence]") {
  testing::random_source random(3);
  double worst = 0.0, worst_float = 0.0;
  int wrong = 0;
  for (int i = 0; i < 100000; ++i) {
    double const d = (i % 2 == 0 ? 1.0 : -1.0) * std::pow(10.0, random.uniform(-9.0, 1.5));
    double const q = -35.0 - random.uniform();
    wrong += estimate(k1, q + d, q) == -((q + d) - q) ? 0 : 1;
    wrong += estimate(k2, q + d, q) == cppo_test::approx(d * d / 2.0).epsilon(1e-4) ? 0 : 1;
    double const want = wide_k3(d);
    double const got = estimate(k3, d, 0.0);
    wrong += got >= 0.0 ? 0 : 1;
    worst = std::max(worst, std::fabs(got - want) / want);
    auto const narrow = static_cast<float>(d);
    double const want_float = wide_k3(static_cast<double>(narrow));
    worst_float =
        std::max(worst_float, std::fabs(static_cast<double>(estimate(k3, narrow, 0.0F)) - want_float) / want_float);
  }
  CHECK(wrong == 0);
  CHECK(worst <= 3e-15);
  CHECK(worst_float <= 6.1e-8);
}

TEST_CASE("k1 is signed, k3 is 0 only where nothing moved, and none of them overflows unseen", "[divergence]") {
  CHECK(estimate(k1, -1.0F, -2.0F) == -1.0F);
  CHECK(estimate(k1, -2.0F, -1.0F) == 1.0F);
  CHECK(estimate(k3, -1.0F, -1.0F) == 0.0F);
  CHECK(estimate(k3, 1e-6F, 0.0F) > 0.0F);
  CHECK(estimate(k3, -3000.0, 0.0) == 2999.0);
  CHECK(estimate(k3, 0.0, -690.0) == cppo_test::approx(std::exp(690.0)).epsilon(1e-9));
  CHECK(estimate(k3, 0.0, -800.0) == cppo_test::approx(std::exp(700.0)).epsilon(1e-9));  // as far as rho goes
  CHECK(detail::saturate(float_lane(estimate(k3, 0.0F, -3000.0F))).raw() == 1000.0F);
}

TEST_CASE("k3 of a token is right to a few ulp near 0 and the plain difference beyond", "[divergence]") {
  double worst_near = 0.0, worst_far = 0.0;
  int negative = 0;
  for (int i = 0; i < 200000; ++i) {
    double const size = std::pow(10.0, -6.0 + 7.0 * i / 200000.0);
    auto const d = static_cast<float>(i % 2 == 0 ? size : -size);
    double const want = wide_k3(static_cast<double>(d));
    token<float_lane> const t(float_lane(d), float_lane(0), float_lane(1));
    auto const got = static_cast<double>(t.k3(t.ratio()).raw());
    double& worst = std::fabs(d) <= 0.34F ? worst_near : worst_far;
    worst = std::max(worst, std::fabs(got - want) / want);
    negative += got < 0.0 ? 1 : 0;
  }
  CHECK(worst_near < 4.2e-7);
  CHECK(worst_far < 2e-6);
  CHECK(negative == 0);
  token<double_lane> const still(double_lane(-2), double_lane(-2), double_lane(1));
  CHECK(still.k3(still.ratio()).raw() == 0.0);
  token<double_lane> const small(double_lane(1e-9 - 2), double_lane(-2), double_lane(1));
  double const moved = small.log_ratio().raw();
  CHECK(small.k3(small.ratio()).raw() == cppo_test::approx(moved * moved / 2).epsilon(1e-8));
}
