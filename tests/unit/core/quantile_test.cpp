// The interpolated order statistic against sorting, bit for bit.
#include "support/catch_compat.hpp"

#include <cppo/core/quantile.hpp>
#include <cppo/testing/random.hpp>

#include <cmath>
#include <vector>

namespace {

using cppo::index_t;

// numpy's and torch's definition, by sorting; the product is stored before it is added.
template <class Real>
double by_sorting(std::vector<Real> values, double q) {
  std::sort(values.begin(), values.end());
  double const place = q * static_cast<double>(values.size() - 1);
  auto const below = static_cast<std::size_t>(std::floor(place));
  auto const above = std::min(below + 1, values.size() - 1);
  double const a = static_cast<double>(values[below]), b = static_cast<double>(values[above]);
  double volatile const part = (b - a) * (place - static_cast<double>(below));
  return a + part;
}

template <class Real>
double quantile_of(std::vector<Real> values, double q) {
  return cppo::quantile(values.data(), static_cast<index_t>(values.size()), q);
}

template <class Real>
int differences(cppo::testing::random_source& random, std::size_t n, bool ties) {
  std::vector<Real> values(n);
  for (Real& v : values)
    v = ties ? static_cast<Real>(random.below(4)) / Real(8) : static_cast<Real>(random.exponential());
  int wrong = 0;
  for (double const q : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0, random.uniform()}) {
    wrong += quantile_of(values, q) == by_sorting(values, q) ? 0 : 1;
  }
  return wrong;
}

}  // namespace

TEST_CASE("the quantile is the sorted definition to the bit", "[budget]") {
  cppo::testing::random_source random(1);
  int wrong = 0;
  for (int round = 0; round < 60; ++round) {
    for (std::size_t const n : {1U, 2U, 3U, 10U, 11U, 64U, 301U}) {
      for (bool const ties : {false, true}) {
        wrong += differences<float>(random, n, ties) + differences<double>(random, n, ties);
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the quantile on examples that numpy documents", "[budget]") {
  std::vector<double> const tens{10, 7, 4, 3, 2, 1};
  CHECK(quantile_of(tens, 0.5) == 3.5);
  CHECK(quantile_of(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9) == cppo_test::approx(9.1));
  CHECK(quantile_of(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 0.9) == 10.0);
  CHECK(quantile_of(std::vector<float>{0.25F}, 0.9) == 0.25);
  CHECK(quantile_of(std::vector<float>{3.0F, 1.0F}, 0.0) == 1.0);
  CHECK(quantile_of(std::vector<float>{3.0F, 1.0F}, 1.0) == 3.0);
  CHECK(quantile_of(std::vector<float>{}, 0.5) == 0.0);
  CHECK_FALSE(std::signbit(quantile_of(std::vector<float>{-0.0F}, 0.5)));
  CHECK_FALSE(std::signbit(quantile_of(std::vector<float>{-0.0F, -0.0F}, 0.5)));
}

TEST_CASE("the quantile of a q out of range is that of the nearer end, of NaN the smallest", "[budget]") {
  std::vector<double> const three{3.0, 1.0, 2.0};
  for (double const low : {-0.1, -10.0, -HUGE_VAL, std::nan("")}) CHECK(quantile_of(three, low) == 1.0);
  for (double const high : {1.1, 1e300, HUGE_VAL}) CHECK(quantile_of(three, high) == 3.0);
}

// Constant evaluation refuses to look past the ends.
constexpr double first_of(index_t n, double q) {
  float values[] = {3.0F, 1.0F, 2.0F};
  return cppo::quantile(values + 3 - n, n, q);
}
static_assert(first_of(0, 0.5) == 0.0 && first_of(1, 0.0) == 2.0 && first_of(1, 1.0) == 2.0);
static_assert(first_of(3, 0.0) == 1.0 && first_of(3, 0.25) == 1.5 && first_of(3, 1.0) == 3.0);

TEST_CASE("the quantile needs neither equal scales nor positive values", "[budget]") {
  CHECK(quantile_of(std::vector<float>{-2.0F, -1.0F, 0.0F}, 0.25) == -1.5);
  CHECK(quantile_of(std::vector<float>{1e-40F, 1000.0F}, 0.5) == cppo_test::approx(500.0));
}
