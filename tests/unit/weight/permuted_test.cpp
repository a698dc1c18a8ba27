// Shuffled weights: a bijection that depends on seed and length alone, the same multiset, no trace of the order.
#include "support/lane_sets.hpp"
#include "support/catch_compat.hpp"

#include <cppo/weight/linear.hpp>
#include <cppo/weight/permuted.hpp>

#include <algorithm>

namespace {

using namespace cppo;

std::vector<index_t> permutation(index_t n, std::uint64_t seed) {
  std::vector<index_t> all;
  for (index_t i = 0; i < n; ++i) all.push_back(detail::permute_index(i, n, seed));
  return all;
}

template <class W>
std::vector<float> weights(W const& w, index_t length) {
  std::vector<float> all;
  for (index_t t = 1; t <= length; ++t) all.push_back(w.at(position<float_lane>(t), length).raw());
  return all;
}

constexpr std::uint64_t seeds[] = {0, 1, 2, 42, 0xffffffffffffffffULL};

static_assert(detail::permute_index(0, 1, 5) == 0);
static_assert(detail::permute_index(-3, 10, 5) == -3 && detail::permute_index(10, 10, 5) == 10);  // outside: as it is

}  // namespace

TEST_CASE("permute_index is a bijection for every length", "[weight]") {
  int wrong = 0;
  for (std::uint64_t const seed : seeds) {
    for (index_t n = 1; n <= 300; ++n) {
      std::vector<index_t> all = permutation(n, seed);
      std::sort(all.begin(), all.end());
      for (index_t i = 0; i < n; ++i) wrong += all[static_cast<std::size_t>(i)] == i ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("indices outside a response are returned as they are, at run time too", "[weight]") {
  for (index_t const n : {index_t{0}, index_t{1}, index_t{10}}) {
    for (index_t const outside : {index_t{-3}, index_t{-1}, n, n + 7})
      CHECK(detail::permute_index(outside, n, 5) == outside);
  }
}

TEST_CASE("permutations differ by seed and by length", "[weight]") {
  CHECK(permutation(100, 1) == permutation(100, 1));
  CHECK(permutation(100, 1) != permutation(100, 2));
  std::vector<index_t> const a = permutation(250, 1), b = permutation(251, 1);
  int alike = 0;
  for (std::size_t i = 0; i < a.size(); ++i) alike += a[i] == b[i] ? 1 : 0;
  CHECK(alike < 20);  // about one by chance
}

TEST_CASE("every place is as likely as any other", "[weight]") {
  constexpr index_t n = 10;
  constexpr int draws = 4000;
  for (index_t const from : {index_t{0}, index_t{4}, index_t{9}}) {
    std::vector<int> hits(n);
    for (std::uint64_t seed = 0; seed < draws; ++seed)
      ++hits[static_cast<std::size_t>(detail::permute_index(from, n, seed))];
    double chi_square = 0.0;
    for (int const h : hits) chi_square += (h - 400.0) * (h - 400.0) / 400.0;
    CHECK(chi_square < 33.7);  // 9 degrees of freedom: one in ten thousand
  }
}

TEST_CASE("shuffled weights are the same multiset in another order", "[weight]") {
  for (index_t const length : {index_t{1}, index_t{2}, index_t{30}, index_t{257}}) {
    for (std::uint64_t const seed : seeds) {
      std::vector<float> plain = weights(linear_weight(0.8), length);
      std::vector<float> shuffled = weights(permuted(linear_weight(0.8), seed), length);
      if (length >= 30) CHECK(shuffled != plain);
      std::sort(plain.begin(), plain.end());
      std::sort(shuffled.begin(), shuffled.end());
      CHECK(shuffled == plain);
    }
  }
}

TEST_CASE("shuffled weights have the same bits on registers", "[weight]") {
  constexpr int width = simd_lane::size;
  constexpr index_t length = 70;
  auto const w = permuted(linear_weight(0.5), 9);
  std::vector<float> const want = weights(w, length);
  int wrong = 0;
  for (index_t t = 1; t <= length; ++t) {
    float got[width];
    cppo_test::scatter(got, w.at(position<simd_lane>(t), length));
    for (int k = 0; k < width && t + k <= length; ++k)
      wrong += got[k] == want[static_cast<std::size_t>(t + k - 1)] ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a shuffled schedule is checked as the one inside", "[weight]") {
  CHECK(permuted(linear_weight(0.5), 1).check());
  CHECK_FALSE(permuted(linear_weight(0.0), 1).check());
}
