// Scans of a chunk on registers, against the states of a fold added one after the other: every length, bit for bit.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/folds.hpp>
#include <cppo/quantity/root.hpp>

#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace {

using namespace cppo;
using detail::own_term;

// n terms, then what must not matter but may be read.
std::vector<float> terms(std::mt19937& random, int n, float size) {
  std::uniform_real_distribution<float> some(-size, size);
  std::vector<float> x(static_cast<std::size_t>(n) + 64, std::numeric_limits<float>::quiet_NaN());
  for (int k = 0; k < n; ++k) x[static_cast<std::size_t>(k)] = k % 7 == 3 ? -0.0F : some(random);
  return x;
}

template <class Statistic>
bool same_as_one_by_one(own_term own, fold_state const& before, std::vector<float> const& x, int n) {
  std::vector<float> got(x.size(), 7.0F), want(x.size(), 7.0F);
  detail::scan<Statistic>(own, before, x.data(), n, got.data());
  detail::scan_one_by_one<Statistic>(own, before, x.data(), n, want.data());
  return std::memcmp(got.data(), want.data(), static_cast<std::size_t>(n) * sizeof(float)) == 0;
}
bool all_same(fold_state const& before, std::vector<float> const& x, int n) {
  using namespace quantities;
  bool same = true;
  for (own_term const own : {own_term::left_out, own_term::taken}) {
    same = same && same_as_one_by_one<summed>(own, before, x, n);
    same = same && same_as_one_by_one<smallest>(own, before, x, n);
    same = same && same_as_one_by_one<largest>(own, before, x, n);
    same = same && same_as_one_by_one<averaged>(own, before, x, n);
  }
  return same;
}

}  // namespace

TEST_CASE("scans of a chunk have the bits of one term after the other", "[execution][simd][fold]") {
  std::mt19937 random(3);
  for (int n = 0; n <= detail::chunk_size; n += n < 70 ? 1 : 37) {
    for (float const size : {1e-6F, 0.03F, 3.0F, 1000.0F}) {
      fold_state before;
      for (int rounds = 0; rounds < 3; ++rounds) {
        std::vector<float> const x = terms(random, n, size);
        INFO("terms " << n << " up to " << size << ", after " << before.count);
        CHECK(all_same(before, x, n));
        for (int k = 0; k < n; ++k) before = before + fold_state::of(x[static_cast<std::size_t>(k)]);
      }
    }
  }
}

TEST_CASE("scans go on after sums of any size", "[execution][simd][fold]") {
  std::mt19937 random(5);
  std::vector<float> const x = terms(random, 100, 1000.0F);
  for (index_t const high : {index_t{1} << 40, index_t{1} << 50, index_t{1} << 52, -(index_t{1} << 55)}) {
    for (index_t const low : {index_t{0}, index_t{-1}, index_t{1} << 50, -(index_t{1} << 54) - 12345}) {
      fold_state before = fold_state::of(1.0F);
      before.sum = {high, low};
      INFO(high << ", " << low);
      CHECK(all_same(before, x, 100));
    }
  }
}

TEST_CASE("roots on registers are those of numbers", "[execution][simd]") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    alignas(64) float x[detail::simd_size], y[detail::simd_size];
    for (float& f : x) {
      auto const bits = static_cast<std::uint32_t>(random());
      std::memcpy(&f, &bits, sizeof f);
      if (round % 3 == 0) f = static_cast<float>(bits % 1000) * 1e-3F;
    }
    detail::put_lanes(y, 0, quantities::square_root::value(detail::lanes_at(x, 0)));
    for (int k = 0; k < detail::simd_size; ++k) {
      float const want = quantities::square_root::value(lane<float>(x[k])).raw();
      CHECK(std::memcmp(&y[k], &want, sizeof want) == 0);
    }
  }
}
