// What registers do beyond arithmetic, against loops over one lane.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/bits.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

#include <array>
#include <bit>
#include <random>

namespace {

using namespace cppo;
using detail::simd_ops;
using detail::simd_size;

simd_lane load(float const* p) { return simd_lane::from_raw(simd_ops::load(p)); }

// 64 random bits of each density.
std::uint64_t some_bits(std::mt19937_64& random, int i) {
  if (i % 5 == 0) return ~std::uint64_t{0};
  if (i % 5 == 1) return 0;
  return i % 5 == 2 ? random() & random() & random() : i % 5 == 3 ? random() : random() | random() | random();
}

}  // namespace

TEST_CASE("bits of masks, of one register and of four", "[execution][simd]") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 200; ++i) {
    std::uint64_t const bits = random();
    alignas(64) float x[4 * simd_size];
    for (int k = 0; k < 4 * simd_size; ++k) x[k] = (bits >> k & 1U) != 0 ? 1.0F : -1.0F;
    simd_lane::mask const masks[4] = {load(x) > simd_lane(0), load(x + simd_size) > simd_lane(0),
                                      load(x + 2 * simd_size) > simd_lane(0), load(x + 3 * simd_size) > simd_lane(0)};
    std::uint64_t const all = 4 * simd_size == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (4 * simd_size)) - 1;
    CHECK(detail::lane_bits(masks) == (bits & all));
    CHECK(detail::lane_bits(masks[0]) == (bits & ((std::uint64_t{1} << simd_size) - 1)));
  }
}

TEST_CASE("sums over the lanes of a register", "[execution][simd]") {
  alignas(64) std::int32_t x[simd_size], got[simd_size];
  for (int k = 0; k < simd_size; ++k) x[k] = (k % 2 == 0 ? 1000003 : -77) * (k + 1);
  auto const ints = simd_ops::ints::load_unaligned(x);
  simd_ops::save(got, detail::running_sum(ints));
  std::int32_t sum = 0;
  for (int k = 0; k < simd_size; ++k) {
    sum += x[k];
    CHECK(got[k] == sum);
  }
  CHECK(detail::wide_sum(ints) == sum);
  CHECK(detail::last_lane(ints) == x[simd_size - 1]);
  CHECK(detail::wide_sum(simd_ops::ints(std::int32_t{2000000000})) == index_t{simd_size} * 2000000000);
}

TEST_CASE("compress closes holes, expand opens them again with zeros", "[execution][simd]") {
  std::mt19937_64 random(7);
  std::array<float, 64> x{};
  for (std::size_t k = 0; k < 64; ++k) x[k] = static_cast<float>(k) + 0.5F;
  for (int i = 0; i < 300; ++i) {
    std::uint64_t const bits = some_bits(random, i);
    std::array<float, 64 + 16> together{};
    std::array<float, 64> back{};
    detail::compress(together.data(), x.data(), bits);
    detail::expand(back.data(), together.data(), bits);
    std::size_t n = 0;
    bool right = true;
    for (std::size_t k = 0; k < 64; ++k) {
      bool const here = (bits >> k & 1U) != 0;
      if (here) right = right && together[n++] == x[k];
      right = right && back[k] == (here ? x[k] : 0.0F);
    }
    CHECK(right);
  }
}

TEST_CASE("bits to bytes and back, and bits to places", "[execution][simd]") {
  std::mt19937_64 random(9);
  for (int i = 0; i < 300; ++i) {
    std::uint64_t const bits = some_bits(random, i), places = some_bits(random, i / 5);
    std::array<std::uint8_t, 65> bytes{};
    int const n = i % 3 == 0 ? 64 : i % 65;
    bytes.fill(9);
    detail::bits_to_bytes(bytes.data(), bits, n);
    bool right = bytes[static_cast<std::size_t>(n)] == 9;  // nothing past the end
    for (int k = 0; k < n; ++k) right = right && bytes[static_cast<std::size_t>(k)] == (bits >> k & 1U);
    CHECK(right);
    if (n == 64) {
      bool binary = true;
      CHECK(detail::bytes_to_bits(bytes.data(), binary) == bits);
      CHECK(binary);
      bytes[static_cast<std::size_t>(i) % 64] = i % 2 == 0 ? 2 : 0x80;
      (void)detail::bytes_to_bits(bytes.data(), binary);
      CHECK_FALSE(binary);
      bytes.fill(1);
      CHECK(detail::bytes_to_bits(bytes.data(), binary) == ~std::uint64_t{0});
      CHECK_FALSE(binary);  // as it was
    }
    std::uint64_t const moved = detail::deposit(bits, places);
    std::uint64_t again = 0;
    int at = 0;
    for (std::uint64_t rest = places; rest != 0; rest &= rest - 1, ++at)
      again |= (moved >> std::countr_zero(rest) & 1U) << at;
    CHECK((moved & ~places) == 0);
    CHECK(again == (std::popcount(places) == 64 ? bits : bits & ((std::uint64_t{1} << std::popcount(places)) - 1)));
  }
}

TEST_CASE("a register put past the caches is where one is that is not", "[execution][simd]") {
  alignas(64) float x[simd_size], out[2][simd_size] = {};
  for (int k = 0; k < simd_size; ++k) x[k] = static_cast<float>(k) - 1.5F;
  detail::put(out[0], load(x), true);
  detail::put(out[1], load(x), false);
  detail::end_streaming();
  for (int k = 0; k < simd_size; ++k) CHECK((out[0][k] == x[k] && out[1][k] == x[k]));
}
