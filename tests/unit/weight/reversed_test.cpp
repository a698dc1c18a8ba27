// Reversed weights: the weights of Eq. 9 computed here, read from the end; on every lane, bit for bit, and as data.
#include "support/lane_sets.hpp"
#include "support/catch_compat.hpp"

#include <cppo/described.hpp>
#include <cppo/weight/linear.hpp>
#include <cppo/weight/permuted.hpp>
#include <cppo/weight/reversed.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

using namespace cppo;

// A weight of 1, 1/2, 1/3, ...: it does not depend on T, and nothing about it is computed once.
struct harmonic {
  template <class V>
  constexpr V at(position<V> t, index_t) const {
    return V(1) / t.value();
  }
};

// Eq. 9 from the first token to the last, in `Real`, with a slope that is rounded once.
template <class Real>
std::vector<Real> falling(double w_min, index_t length) {
  auto const slope = static_cast<Real>(length > 1 ? (1.0 - w_min) / static_cast<double>(length - 1) : 0.0);
  std::vector<Real> w;
  for (index_t t = 1; t <= length; ++t) {
    volatile Real const product = slope * static_cast<Real>(t - 1);  // rounded before it is subtracted
    w.push_back(static_cast<Real>(1) - product);
  }
  return w;
}

template <class Real, class W>
std::vector<Real> weights(W const& w, index_t length) {
  std::vector<Real> all;
  for (index_t t = 1; t <= length; ++t) all.push_back(w.at(position<lane<Real>>(t), length).raw());
  return all;
}

template <class Real>
std::vector<Real> backwards(std::vector<Real> w) {
  std::reverse(w.begin(), w.end());
  return w;
}

// How many lanes of `w` differ from `want` where a register begins at t, and how many of those past the end are no
// weight.
template <class W>
int wrong_lanes(W const& w, std::vector<float> const& want) {
  constexpr int width = simd_lane::size;
  auto const length = static_cast<index_t>(want.size());
  int wrong = 0;
  for (index_t t = 1; t <= length; ++t) {
    float got[width];
    cppo_test::scatter(got, w.at(position<simd_lane>(t), length));
    for (int k = 0; k < width; ++k) {
      bool const inside = t + k <= length;
      bool const finite = got[k] - got[k] == 0.0F;
      wrong += inside ? got[k] != want[static_cast<std::size_t>(t + k - 1)] : !finite;
    }
  }
  return wrong;
}

constexpr index_t lengths[] = {1, 2, 3, 7, 30, 70, 257, 1000};

static_assert(detail::reverse_index(0, 1) == 0 && detail::reverse_index(0, 10) == 9);
static_assert(detail::reverse_index(9, 10) == 0);
static_assert(detail::reverse_index(-1, 10) == -1 && detail::reverse_index(10, 10) == 10);  // outside: as it is
static_assert(detail::reverse_index(0, 0) == 0 && detail::reverse_index(5, 0) == 5);
static_assert(std::is_same_v<decltype(reversed(reversed(linear_weight(0.5)))), linear_weight_t>);
static_assert(weight_schedule<reversed_weight<harmonic>> && std::is_trivially_copyable_v<reversed_weight<harmonic>>);
static_assert(sizeof(described_weight) == 24);  // a region's bytes in C are as many as they were

}  // namespace

TEST_CASE("reversed weights are those of Eq. 9 from the end, to the bit", "[weight]") {
  for (double const w_min : {0.8, 0.5, 1e-3, 1.0}) {
    for (index_t const length : lengths) {
      CAPTURE(w_min, length);
      std::vector<float> const want = backwards(falling<float>(w_min, length));
      CHECK(weights<float>(reversed(linear_weight(w_min)), length) == want);
      CHECK(weights<double>(reversed(linear_weight(w_min)), length) == backwards(falling<double>(w_min, length)));
      CHECK(weights<float>(described_weight(linear_weight(w_min)).reversed(), length) == want);
      CHECK(want.back() == 1.0F);
      CHECK(std::is_sorted(want.begin(), want.end()));
    }
  }
}

TEST_CASE("reversed weights have the same bits on registers, and lanes past the end are harmless", "[weight]") {
  for (index_t const length : lengths) {
    std::vector<float> const want = backwards(falling<float>(0.8, length));
    CHECK(wrong_lanes(reversed(linear_weight(0.8)), want) == 0);
    CHECK(wrong_lanes(described_weight(linear_weight(0.8)).reversed(), want) == 0);
  }
}

TEST_CASE("any weight may be reversed, and is checked as the one inside", "[weight]") {
  CHECK(weights<double>(reversed(harmonic{}), 4) == std::vector<double>{0.25, 1.0 / 3.0, 0.5, 1.0});
  CHECK(weights<double>(reversed(uniform_weight), 3) == std::vector<double>{1.0, 1.0, 1.0});
  CHECK(reversed(linear_weight(0.5)).check());
  CHECK_FALSE(reversed(linear_weight(0.0)).check());
}

TEST_CASE("a schedule of a horizon is reversed over the horizon", "[weight]") {
  std::vector<float> const want = backwards(falling<float>(0.5, 100));
  auto const w = detail::schedule_for(reversed(linear_weight(0.5)), 100);
  for (index_t t = 1; t <= 20; ++t) CHECK(w(position<float_lane>(t)).raw() == want[static_cast<std::size_t>(t - 1)]);
}

TEST_CASE("reversing and shuffling go on top of each other, as types and as data", "[weight]") {
  linear_weight_t const inner = linear_weight(0.3);
  described_weight const data = inner;
  for (std::uint64_t const seed : {std::uint64_t{0}, std::uint64_t{9}, ~std::uint64_t{0}}) {
    for (index_t const length : lengths) {
      CAPTURE(seed, length);
      std::vector<float> const falls = falling<float>(0.3, length), rises = backwards(falls);
      std::vector<float> shuffled_rise, shuffled_then_reversed;
      for (index_t i = 0; i < length; ++i) {
        auto const p = static_cast<std::size_t>(detail::permute_index(i, length, seed));
        shuffled_rise.push_back(rises[p]);
        shuffled_then_reversed.push_back(falls[p]);
      }
      shuffled_then_reversed = backwards(shuffled_then_reversed);
      CHECK(weights<float>(permuted(reversed(inner), seed), length) == shuffled_rise);
      CHECK(weights<float>(data.reversed().shuffled(seed), length) == shuffled_rise);
      CHECK(weights<float>(reversed(permuted(inner, seed)), length) == shuffled_then_reversed);
      CHECK(weights<float>(data.shuffled(seed).reversed(), length) == shuffled_then_reversed);
      CHECK(weights<float>(reversed(permuted(reversed(inner), seed)), length) == backwards(shuffled_rise));
      CHECK(weights<float>(data.reversed().shuffled(seed).reversed(), length) == backwards(shuffled_rise));
      CHECK(wrong_lanes(data.reversed().shuffled(seed).reversed(), backwards(shuffled_rise)) == 0);
      if (length >= 30) CHECK(shuffled_rise != shuffled_then_reversed);
    }
  }
}
