// e^x and log x: accuracy, the ends of their ranges, one answer on every width.
#include "support/catch_compat.hpp"
#include "support/lane_sets.hpp"

#include <cppo/core/exponential.hpp>

#include <cmath>

namespace {

using namespace cppo;
using cppo_test::gather;
using cppo_test::same_number;
using cppo_test::scatter;

constexpr int width = simd_lane::size;

// |got - want| in units of the last place of `want` as a T.
template <class T, class Wide>
double ulps(T got, Wide want) {
  int const exponent = std::ilogb(want);
  return static_cast<double>(std::fabs(static_cast<Wide>(got) - want) /
                             std::ldexp(Wide(1), exponent + 1 - std::numeric_limits<T>::digits));
}

float exp_of(float x) { return exp(float_lane(x)).raw(); }
double exp_of(double x) { return exp(double_lane(x)).raw(); }

}  // namespace

TEST_CASE("float exp is right over all bit patterns, taken in strides", "[core][exponential]") {
  constexpr std::uint64_t stride = 1021;
  double worst = 0.0, worst_above = 0.0;
  int wrong = 0;
  for (std::uint64_t u = 0; u < (std::uint64_t{1} << 32); u += stride) {
    float const x = std::bit_cast<float>(static_cast<std::uint32_t>(u));
    float const y = exp_of(x);
    if (x != x) wrong += y != y ? 0 : 1;
    else if (x < -86.5F) wrong += std::bit_cast<std::uint32_t>(y) == 0 ? 0 : 1;
    else if (x > 88.8F) wrong += std::isinf(y) && y > 0.0F ? 0 : 1;
    else if (x <= 88.0F) worst = std::max(worst, ulps(y, std::exp(static_cast<double>(x))));
    else if (x < 88.72F) worst_above = std::max(worst_above, ulps(y, std::exp(static_cast<double>(x))));
  }
  CHECK(wrong == 0);
  CHECK(worst <= 2.0);
  CHECK(worst > 0.5);  // the walk did reach inputs that are hard
  CHECK(worst_above <= 3.0);
}

TEST_CASE("float exp at its turning points", "[core][exponential]") {
  float const infinity = std::numeric_limits<float>::infinity();
  CHECK(exp_of(0.0F) == 1.0F);
  CHECK(exp_of(-0.0F) == 1.0F);
  CHECK(exp_of(std::nextafterf(-86.5F, -100.0F)) == 0.0F);
  CHECK(exp_of(-86.5F) == cppo_test::approx(2.70e-38).epsilon(0.01));
  CHECK(exp_of(-infinity) == 0.0F);
  CHECK(exp_of(88.72F) < infinity);
  CHECK(exp_of(88.73F) == infinity);
  CHECK(exp_of(infinity) == infinity);
  CHECK(std::isnan(exp_of(-std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("exp has the same bits on scalars and registers over all bit patterns, taken in strides",
          "[core][exponential]") {
  int wrong = 0;
  for (std::uint64_t u = 0; u < (std::uint64_t{1} << 32); u += std::uint64_t{width} * 8191) {
    float x[width], y[width];
    for (int k = 0; k < width; ++k)
      x[k] = std::bit_cast<float>(static_cast<std::uint32_t>(u + static_cast<unsigned>(k) * 8191U));
    scatter(y, exp(gather(x)));
    for (int k = 0; k < width; ++k) wrong += same_number(y[k], exp_of(x[k])) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("exp in double against long double", "[core][exponential]") {
  testing::random_source random(11);
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    double const size = i % 2 == 0 ? 700.0 : 1.0;
    double const x = random.uniform(-size, size);
    worst = std::max(worst, ulps(exp_of(x), std::exp(static_cast<long double>(x))));
  }
  CHECK(worst <= 1.5);
  CHECK(exp_of(-701.0) == 0.0);
  CHECK(exp_of(700.5) == 0x1.8625c7d4f56c3p+1010);  // in two factors, from 700 on
  CHECK(std::isinf(exp_of(710.0)));
  CHECK(std::isnan(exp_of(std::numeric_limits<double>::quiet_NaN())));
}

TEST_CASE("log in double against long double", "[core][exponential]") {
  testing::random_source random(12);
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    auto const bits = random.bits() >> 1;  // any positive number
    double const x = i % 2 == 0 ? std::bit_cast<double>(bits) : random.uniform(0.5, 2.0);
    if (!std::isfinite(x) || x == 1.0 || x == 0.0) continue;
    worst = std::max(worst, ulps(detail::log(x), std::log(static_cast<long double>(x))));
  }
  CHECK(worst <= 2.0);
  CHECK(detail::log(1.0) == 0.0);
  CHECK(detail::log(0.0) == -std::numeric_limits<double>::infinity());
  CHECK(std::isinf(detail::log(std::numeric_limits<double>::infinity())));
  CHECK(std::isnan(detail::log(-1.0)));
  CHECK(std::isnan(detail::log(std::numeric_limits<double>::quiet_NaN())));
}

namespace {

// w - log(1 + w), of which nothing cancels.
long double log_deficit(long double w) {
  if (w > 0.1L) return w - std::log1p(w);
  long double sum = 0.0L, power = w * w;
  for (int n = 2; n < 40; ++n, power *= -w) sum += power / n;
  return sum;
}
// The largest relative error of log(1 + w) and of w - log(1 + w), to be rounded to Real.
template <class Real>
double worst_log1p() {
  testing::random_source random(13);
  double worst = 0.0;
  auto const see = [&worst](double got, long double want) {
    worst = std::max(worst, std::fabs(static_cast<double>((static_cast<long double>(got) - want) / want)));
  };
  for (int i = 0; i < 200000; ++i) {
    double const w = std::pow(10.0, random.uniform(-18.0, 40.0));
    detail::log1p_parts<Real, double_lane> const parts{double_lane(w)};
    see(parts.value.raw(), std::log1p(static_cast<long double>(w)));
    see(parts.deficit.raw(), log_deficit(w));
  }
  return worst;
}

}  // namespace

TEST_CASE("log(1 + w), and w less it, do not cancel anywhere", "[core][exponential]") {
  CHECK(worst_log1p<double>() <= 2e-15);
  CHECK(worst_log1p<float>() <= 2e-11);
  detail::log1p_parts<double, double_lane> const none{double_lane(0)};
  CHECK(none.value.raw() == 0.0);
  CHECK(none.deficit.raw() == 0.0);
}

TEST_CASE("e^x, to be rounded to float, keeps ten digits in all its parts", "[core][exponential]") {
  testing::random_source random(15);
  double worst = 0.0;
  for (int i = 0; i < 200000; ++i) {
    double const x = -std::pow(10.0, random.uniform(-9.0, 2.8));
    auto const y = detail::exp_core_for<float>(double_lane(x));
    auto const see = [&worst](double got, double want) { worst = std::max(worst, std::fabs(got / want - 1.0)); };
    see(y.value().raw(), std::exp(x));
    see(y.complement().raw(), -std::expm1(x));
    if (x > -0.3 && x < -1e-4) see(y.tail.raw(), std::expm1(x) - x);
  }
  CHECK(worst <= 2e-10);
  CHECK(detail::exp_core_for<double>(double_lane(-0.7)).value().raw() == exp(double_lane(-0.7)).raw());
}

TEST_CASE("1 - e^x keeps its relative accuracy near 0", "[core][exponential]") {
  testing::random_source random(14);
  double worst = 0.0;
  for (int i = 0; i < 100000; ++i) {
    float const x = -static_cast<float>(std::pow(10.0, random.uniform(-12.0, 1.9)));
    double const want = -std::expm1(static_cast<double>(x));
    worst = std::max(worst,
                     std::fabs(static_cast<double>(detail::exp_core(float_lane(x)).complement().raw()) - want) / want);
  }
  CHECK(worst <= 2.5e-7);
}
