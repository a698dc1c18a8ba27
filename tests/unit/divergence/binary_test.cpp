// Binary-TV and Binary-KL against long double, at their limits, and against each other.
#include "support/lane_sets.hpp"
#include "support/property.hpp"

#include <cppo/divergence/binary.hpp>

#include <cmath>

namespace {

using namespace cppo;

// D of a token, before saturation.
template <class T, class D>
T divergence_of(D const& d, T log_p, T log_q) {
  return detail::divergence_of(d, token<lane<T>>(lane<T>(log_p), lane<T>(log_q), lane<T>(1))).raw();
}

// e^x - 1 - x and x - log(1 + x), by their series where they would cancel.
long double exp_rest(long double x) {
  if (std::fabs(x) > 0.1L) return std::expm1(x) - x;
  long double sum = 0.0L, term = x * x / 2.0L;
  for (int n = 3; n < 25; term *= x / n++) sum += term;
  return sum;
}
long double log_rest(long double x) {
  if (std::fabs(x) > 0.1L) return x - std::log1p(x);
  long double sum = 0.0L, power = x * x;
  for (int n = 2; n < 40; ++n, power *= -x) sum += power / n;
  return sum;
}

// KL of Bernoulli(e^a) from Bernoulli(e^b): q (e^d - 1 - d) + (1 - q) (x - log(1 + x)) with q = e^a, d = b - a, and
// 1 + x = (1 - e^b) / (1 - q). Both terms are positive.
long double wide_kl(double a, double b) {
  if (a == b) return 0.0L;
  long double const d = static_cast<long double>(b) - a, q = std::exp(static_cast<long double>(a));
  long double const rest = -std::expm1(static_cast<long double>(a));
  if (rest == 0.0L) return -d;
  long double const other = -std::expm1(static_cast<long double>(b)), x = -q * std::expm1(d) / rest;
  long double const log_ratio = std::log(other / rest);
  return q * exp_rest(d) + rest * (std::fabs(x) > 0.1L ? x - log_ratio : log_rest(x));
}

// A log-prob on any scale: near 0, moderate, far below.
double draw_log_prob(testing::random_source& random) {
  return -std::pow(10.0, random.uniform(-8.0, 2.0));
}

struct pair_of_log_probs {
  double p, q;
};
template <class F>
void for_pairs(int n, F const& f) {
  testing::random_source random(1);
  for (int i = 0; i < n; ++i) {
    double const q = draw_log_prob(random);
    bool const near = random.chance(0.5);
    double const p = near ? std::min(q * random.uniform(0.9, 1.1), 0.0) : draw_log_prob(random);
    f(pair_of_log_probs{static_cast<double>(static_cast<float>(p)), static_cast<double>(static_cast<float>(q))});
  }
}

}  // namespace

TEST_CASE("Binary-TV is |pi - mu| to a ten-millionth, symmetric to the bit, in [0, 1]", "[divergence]") {
  double worst = 0.0, worst_wide = 0.0;
  int wrong = 0;
  for_pairs(100000, [&](pair_of_log_probs x) {
    auto const p = static_cast<float>(x.p), q = static_cast<float>(x.q);
    double const want = std::fabs(std::exp(x.p) - std::exp(x.q));
    float const got = divergence_of(binary_tv, p, q);
    worst = std::max(worst, std::fabs(static_cast<double>(got) - want));
    worst_wide = std::max(worst_wide, std::fabs(divergence_of(binary_tv, x.p, x.q) - want));
    wrong += got >= 0.0F && got <= 1.0F && cppo_test::same_number(got, divergence_of(binary_tv, q, p)) ? 0 : 1;
    wrong += divergence_of(binary_tv, p, p) == 0.0F ? 0 : 1;
  });
  CHECK(worst <= 1e-7);
  CHECK(worst_wide <= 5e-16);
  CHECK(wrong == 0);
}

TEST_CASE("Binary-KL is rounded once on every scale, both ways", "[divergence]") {
  double worst = 0.0, worst_wide = 0.0;
  int wrong = 0;
  for_pairs(100000, [&](pair_of_log_probs x) {
    auto const p = static_cast<float>(x.p), q = static_cast<float>(x.q);
    auto const want = static_cast<double>(wide_kl(x.q, x.p));
    float const got = divergence_of(binary_kl, p, q);
    if (want > 1e-30 && want < 3e38) {
      worst = std::max(worst, std::fabs(static_cast<double>(got) / want - 1.0));
      worst_wide = std::max(worst_wide, std::fabs(divergence_of(binary_kl, x.p, x.q) / want - 1.0));
    }
    wrong += got >= 0.0F && cppo_test::same_number(got, divergence_of(binary_kl_reverse, q, p)) ? 0 : 1;
    wrong += divergence_of(binary_kl, p, p) == 0.0F ? 0 : 1;
  });
  CHECK(worst <= 6e-8);
  CHECK(worst_wide <= 1e-14);
  CHECK(wrong == 0);
}

TEST_CASE("F29_binary_kl_near_one", "[divergence]") {
  auto const close = [](double log_p, double log_q) {
    CHECK(divergence_of(binary_kl, log_p, log_q) ==
          cppo_test::approx(static_cast<double>(wide_kl(log_q, log_p))).epsilon(1e-9));
  };
  close(-3.2e-8, -1.8e-7);
  close(-1.8e-7, -3.2e-8);
  close(-1e-12, -0.01);
  close(-1e-300, -0.5);
  CHECK(divergence_of(binary_kl, -1e-12, -0.01) == cppo_test::approx(0.219).epsilon(0.01));
  // pi = 1 exactly while mu leaves something to other tokens: infinite, and 1000 once saturated.
  CHECK(std::isinf(divergence_of(binary_kl, 0.0F, -0.01F)));
  CHECK(detail::saturate(float_lane(divergence_of(binary_kl, 0.0F, -0.01F))).raw() == 1000.0F);
  // mu = 1 exactly: -log pi, finite.
  CHECK(divergence_of(binary_kl, -0.25F, 0.0F) == 0.25F);
  CHECK(divergence_of(binary_kl, 0.0F, 0.0F) == 0.0F);
}

TEST_CASE("F29_binary_divergences_near_zero", "[divergence]") {
  // mu = 0: only what pi took from the other tokens counts, -log(1 - pi).
  CHECK(divergence_of(binary_kl, -0.5, -800.0) == cppo_test::approx(-std::log1p(-std::exp(-0.5))).epsilon(1e-12));
  CHECK(divergence_of(binary_kl, -800.0, -0.5) ==
        cppo_test::approx(static_cast<double>(wide_kl(-0.5, -800.0))).epsilon(1e-12));
  CHECK(divergence_of(binary_kl, -900.0, -800.0) == 0.0);
  CHECK(divergence_of(binary_tv, -0.5F, -300.0F) == cppo_test::approx(std::exp(-0.5)).epsilon(1e-6));
  CHECK(divergence_of(binary_tv, -300.0F, -200.0F) < 1e-37F);
  CHECK(divergence_of(binary_tv, 0.0F, -1e30F) == 1.0F);
}

TEST_CASE("Pinsker: TV is at most sqrt(KL / 2) in either direction", "[divergence]") {
  int wrong = 0;
  for_pairs(50000, [&](pair_of_log_probs x) {
    double const tv = divergence_of(binary_tv, x.p, x.q);
    for (double const kl : {divergence_of(binary_kl, x.p, x.q), divergence_of(binary_kl_reverse, x.p, x.q)}) {
      wrong += tv <= std::sqrt(kl / 2.0) * (1.0 + 1e-9) + 2e-8 ? 0 : 1;
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE("binary divergences have the same bits on registers", "[divergence]") {
  constexpr int width = simd_lane::size;
  testing::random_source random(2);
  int wrong = 0;
  for (int i = 0; i < 5000; ++i) {
    float p[width], q[width], tv[width], kl[width];
    for (int k = 0; k < width; ++k) {
      p[k] = static_cast<float>(draw_log_prob(random));
      q[k] = static_cast<float>(draw_log_prob(random));
    }
    token<simd_lane> const t(cppo_test::gather(p), cppo_test::gather(q), simd_lane(1));
    cppo_test::scatter(tv, detail::divergence_of(binary_tv, t));
    cppo_test::scatter(kl, detail::divergence_of(binary_kl, t));
    for (int k = 0; k < width; ++k) {
      wrong += cppo_test::same_number(tv[k], divergence_of(binary_tv, p[k], q[k])) ? 0 : 1;
      wrong += cppo_test::same_number(kl[k], divergence_of(binary_kl, p[k], q[k])) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Binary-KL takes a log-prob that was rounded past 0 as 0", "[divergence]") {
  for (double const over : {1e-9, 1e-7, 1e-6, 0.5}) {
    for (double const other : {-1.0, -1e-6, 0.0, 1e-6}) {
      double const below = std::min(other, 0.0);
      CHECK(cppo_test::same_number(divergence_of(binary_kl, over, other), divergence_of(binary_kl, 0.0, below)));
      CHECK(cppo_test::same_number(divergence_of(binary_kl, other, over), divergence_of(binary_kl, below, 0.0)));
    }
    auto const narrow = static_cast<float>(over);
    CHECK(std::isinf(divergence_of(binary_kl, narrow, -1.0F)));
    CHECK(divergence_of(binary_kl, -1.0F, narrow) == 1.0F);
  }
}
