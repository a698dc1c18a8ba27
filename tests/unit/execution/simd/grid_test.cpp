// Limbs as numbers on registers, against `exact_sum::value`.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/grid.hpp>

#include <random>

namespace {

using namespace cppo;
using detail::simd_ops;
using detail::simd_size;

// A random integer of up to `bits` bits and a sign, of any size below.
index_t some(std::mt19937_64& random, int bits) {
  int const fewer = static_cast<int>(random() % static_cast<unsigned>(bits + 1));
  index_t const x = static_cast<index_t>(random() >> 1) >> (63 - bits + fewer);
  return random() % 2 == 0 ? x : -x;
}

struct limb_pair {
  alignas(64) std::int32_t high[simd_size], low[simd_size];

  simd_ops::ints highs() const { return simd_ops::ints::load_unaligned(high); }
  simd_ops::ints lows() const { return simd_ops::ints::load_unaligned(low); }
  // The number of lanes whose bits are not those of the sum.
  int unlike(index_t base, simd_lane got) const {
    alignas(64) float x[simd_size];
    simd_ops::save(x, got.raw());
    int wrong = 0;
    for (int k = 0; k < simd_size; ++k) {
      auto const want = static_cast<float>(exact_sum{base + high[k], low[k]}.value());
      wrong += detail::bits_as<std::uint32_t>(x[k]) == detail::bits_as<std::uint32_t>(want) ? 0 : 1;
    }
    return wrong;
  }
};

}  // namespace

TEST_CASE("limbs above a base are the number that the sum is, rounded twice as it is", "[execution][simd]") {
  std::mt19937_64 random(21);
  int wrong = 0;
  for (int i = 0; i < 200000; ++i) {
    limb_pair x;
    index_t const base = some(random, 52);
    for (int k = 0; k < simd_size; ++k) {
      x.high[k] = static_cast<std::int32_t>(some(random, 31));
      x.low[k] = static_cast<std::int32_t>(some(random, 30));
      // Halfway between two floats, or a step beside it: where rounding twice shows.
      if (i % 4 == 1) x.high[k] = (x.high[k] | 0x2000000) & ~3, x.low[k] = static_cast<std::int32_t>(some(random, 1));
    }
    wrong += x.unlike(base, detail::grid_value(static_cast<double>(base), x.highs(), x.lows()));
  }
  CHECK(wrong == 0);
}

TEST_CASE("limbs of few bits are the number that the sum is", "[execution][simd]") {
  std::mt19937_64 random(22);
  int wrong = 0;
  for (int i = 0; i < 400000; ++i) {
    limb_pair x;
    for (int k = 0; k < simd_size; ++k) {
      x.high[k] = static_cast<std::int32_t>(some(random, 24)) / 2 + static_cast<std::int32_t>(some(random, 22));
      x.low[k] = static_cast<std::int32_t>(some(random, i % 2 == 0 ? 25 : 30));
      if (i % 4 == 1) x.low[k] = ((x.low[k] >> 24) << 24) + static_cast<std::int32_t>(random() % 3) - 1;
      if (i % 4 == 3) x.low[k] = (x.low[k] & ~0x3ff) | 0x200 | static_cast<std::int32_t>(random() % 2);
    }
    wrong += x.unlike(0, detail::small_grid_value(x.highs(), x.lows()));
  }
  CHECK(wrong == 0);
}
