// The state of a fold: a commutative monoid, whose mean stays inside the extremes.
#include "support/property.hpp"

#include <cppo/fold/fold_state.hpp>

#include <cmath>

namespace {

using cppo::fold_state;

double number_of(int code) { return static_cast<double>(code % 100000) / 101.0; }
fold_state state_of(std::vector<int> const& codes) {
  fold_state s;
  for (int const c : codes) s = s + fold_state::of(number_of(c));
  return s;
}

}  // namespace

TEST_CASE("property: states of parts add up to that of the whole, in any order", "[property][fold]") {
  cppo_test::property("concatenation", [](std::vector<int> a, std::vector<int> const& b) {
    fold_state const parts = state_of(a) + state_of(b), other = state_of(b) + state_of(a);
    a.insert(a.end(), b.begin(), b.end());
    return parts == state_of(a) && other == parts && parts.mean() == other.mean() && parts + fold_state{} == parts;
  });
}

TEST_CASE("property: the mean is the mean, and inside the extremes", "[property][fold]") {
  cppo_test::property("of any numbers", [](std::vector<int> const& codes) {
    fold_state const s = state_of(codes);
    long double sum = 0;
    for (int const c : codes) sum += number_of(c);
    long double const mean = codes.empty() ? 0 : sum / static_cast<long double>(codes.size());
    bool const inside = codes.empty() || (s.least <= s.mean() && s.mean() <= s.most);
    return inside && std::abs(static_cast<double>(s.mean() - mean)) <= 2e-12;
  });
}

TEST_CASE("the mean of equal values is that value, which the grid need not hold", "[fold]") {
  for (double const x : {0.1, 1.0 / 3.0, -999.99, 1e-300, 5e-324, 0.0}) {
    fold_state s;
    for (int n = 1; n < 9; ++n) {
      s = s + fold_state::of(x);
      CHECK(s.mean() == x);
      CHECK(s.unit_of_distance() == 1.0);
    }
  }
}

TEST_CASE("zeros of either sign are one value", "[fold]") {
  fold_state const a = fold_state::of(-0.0) + fold_state::of(0.0), b = fold_state::of(0.0) + fold_state::of(-0.0);
  CHECK(!std::signbit(a.least));
  CHECK(!std::signbit(b.most));
  CHECK(!std::signbit(a.mean()));
}

TEST_CASE("units are powers of two above what they measure", "[fold]") {
  for (double const spread : {1e-12, 3e-7, 0.5, 1.0, 31.7, 1999.0}) {
    fold_state const s = fold_state::of(-spread / 2) + fold_state::of(spread / 2);
    double const unit = s.unit_of_distance();
    int exponent = 0;
    CHECK(std::frexp(unit, &exponent) == 0.5);
    CHECK(unit > spread / 2);
    CHECK(unit <= spread);
  }
  fold_state const skewed = fold_state::of(0.0) + fold_state::of(0.0) + fold_state::of(0.0) + fold_state::of(4.0);
  CHECK(skewed.unit_of_distance() == 4.0);  // 3 above the mean, 1 below
  CHECK((fold_state::of(-3.0) + fold_state::of(1.0)).unit_of_size() == 4.0);
  CHECK(fold_state{}.unit_of_size() > 0.0);
  CHECK(fold_state{}.mean() == 0.0);
}
