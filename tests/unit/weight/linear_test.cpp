// The linear schedule of Eq. 9: its ends, its shape, its bits on registers.
#include "support/lane_sets.hpp"
#include "support/catch_compat.hpp"

#include <cppo/weight/linear.hpp>
#include <cppo/weight/uniform.hpp>

#include <cmath>

namespace {

using namespace cppo;

template <class T, class W>
T weight_of(W const& w, index_t t, index_t length) {
  return w.at(position<lane<T>>(t), length).raw();
}

constexpr index_t lengths[] = {1, 2, 3, 7, 10, 64, 1000, 32768, 1 << 20, (index_t{1} << 31) + 5};
constexpr double floors[] = {1.0, 0.999, 0.8, 0.5, 0.1, 0.01};

// f(t) over the positions of a response: all of a short one, the ends and a stride of a long one.
template <class F>
void for_positions(index_t length, F const& f) {
  index_t const stride = length / 997 + 1;
  for (index_t t = 1; t < length; t += stride) f(t);
  f(length);
}

}  // namespace

TEST_CASE("w_1 is 1, w_T is w_min, and T = 1 gives 1", "[weight]") {
  for (double const w_min : floors) {
    linear_weight_t const w = linear_weight(w_min);
    CHECK(w.check());
    for (index_t const length : lengths) {
      CHECK(weight_of<float>(w, 1, length) == 1.0F);
      CHECK(weight_of<double>(w, 1, length) == 1.0);
      if (length == 1) continue;
      CHECK(std::fabs(static_cast<double>(weight_of<float>(w, length, length)) - w_min) <= 1.2e-7);
      CHECK(std::fabs(weight_of<double>(w, length, length) - w_min) <= 2.3e-16);
    }
  }
}

TEST_CASE("weights are Eq. 9, positive, and never rise", "[weight]") {
  for (double const w_min : floors) {
    linear_weight_t const w = linear_weight(w_min);
    double worst = 0.0;
    int wrong = 0;
    for (index_t const length : lengths) {
      float before = 1.0F;
      for_positions(length, [&](index_t t) {
        float const got = weight_of<float>(w, t, length);
        double const place = length > 1 ? static_cast<double>(t - 1) / static_cast<double>(length - 1) : 0.0;
        worst = std::max(worst, std::fabs(static_cast<double>(got) - (1.0 - (1.0 - w_min) * place)));
        wrong += got > 0.0F && got <= before ? 0 : 1;
        before = got;
      });
    }
    CHECK(worst <= 1.8e-7);
    CHECK(wrong == 0);
  }
}

TEST_CASE("F27_allowance_grows_along_the_response", "[weight]") {
  float before = 0.0F;
  for (index_t t = 1; t <= 100; ++t) {
    float const allowed = 0.15F / weight_of<float>(linear_weight(0.8), t, 100);
    CHECK(allowed > before);
    before = allowed;
  }
  CHECK(before == cppo_test::approx(0.15 / 0.8).epsilon(1e-6));
}

TEST_CASE("(T - t) / w_t falls, by w_min / (w_t w_{t+1}) a step", "[weight]") {  // [Prop. 5]
  constexpr index_t length = 50;
  for (double const w_min : floors) {
    linear_weight_t const w = linear_weight(w_min);
    for (index_t t = 1; t < length; ++t) {
      double const here = weight_of<double>(w, t, length), next = weight_of<double>(w, t + 1, length);
      double const fall = static_cast<double>(length - t) / here - static_cast<double>(length - t - 1) / next;
      CHECK(fall == cppo_test::approx(w_min / (here * next)).epsilon(1e-10));
    }
  }
}

TEST_CASE("schedules have the same bits on registers, past the end of a response too", "[weight]") {
  constexpr int width = simd_lane::size;
  int wrong = 0;
  for (index_t const length : {index_t{1}, index_t{5}, index_t{70}, index_t{1} << 25}) {
    for_positions(length, [&](index_t t) {
      float linear[width], uniform[width];
      cppo_test::scatter(linear, linear_weight(0.3).at(position<simd_lane>(t), length));
      cppo_test::scatter(uniform, uniform_weight.at(position<simd_lane>(t), length));
      for (int k = 0; k < width; ++k) {
        wrong += cppo_test::same_number(linear[k], weight_of<float>(linear_weight(0.3), t + k, length)) ? 0 : 1;
        wrong += uniform[k] == 1.0F && weight_of<double>(uniform_weight, t + k, length) == 1.0 ? 0 : 1;
      }
    });
  }
  CHECK(wrong == 0);
}

TEST_CASE("a floor that is not in 0 < w_min <= 1 is refused", "[weight]") {
  CHECK(linear_weight(0.25).w_min() == 0.25);
  for (double const bad : {0.0, -0.1, 1.0000001, std::numeric_limits<double>::quiet_NaN()})
    CHECK_FALSE(linear_weight(bad).check());
  CHECK(linear_weight(1.0).check());
}
