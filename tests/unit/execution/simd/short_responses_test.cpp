// What responses of few tokens are made of: bins of one chunk, sums of one chunk, tails, neighbours of few values.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd/positions.hpp>
#include <cppo/execution/simd/selection.hpp>
#include <cppo/execution/simd/sums.hpp>

#include <algorithm>
#include <random>
#include <vector>

namespace {

using namespace cppo;

struct histogram {
  index_t tokens[report::bins] = {}, masked[report::bins] = {};
  bool operator==(histogram const&) const = default;
};

/// The histogram of a response whose mask is given as bits, token by token.
histogram one_by_one(std::vector<bool> const& kept) {
  histogram h;
  auto const n = static_cast<index_t>(kept.size());
  for (index_t i = 0; i < n; ++i) {
    int const bin = detail::position_bin(i + 1, n);
    ++h.tokens[bin];
    h.masked[bin] += kept[static_cast<std::size_t>(i)] ? 0 : 1;
  }
  return h;
}
/// The same by `simd_positions`, in chunks of `step` tokens.
histogram by_words(std::vector<bool> const& kept, int step) {
  report r;
  auto const n = static_cast<int>(kept.size());
  detail::simd_positions positions(1, n);
  std::uint64_t words[4] = {};
  for (int from = 0; from < n; from += step) {
    int const live = std::min(step, n - from);
    std::fill(words, words + 4, std::uint64_t{0});
    for (int k = 0; k < live; ++k)
      if (kept[static_cast<std::size_t>(from + k)]) words[k / 64] |= std::uint64_t{1} << (k % 64);
    positions.take(words, live);
  }
  positions.add_to(r);
  histogram h;
  std::copy_n(r.position_tokens, report::bins, h.tokens);
  std::copy_n(r.position_masked, report::bins, h.masked);
  return h;
}

}  // namespace

TEST_CASE("bins by words of masks are the bins token by token", "[execution][simd]") {
  std::mt19937 random(3);
  int wrong = 0;
  for (int n = 1; n <= 700; ++n) {
    std::vector<bool> kept(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = random() % 3 != 0;
    histogram const want = one_by_one(kept);
    for (int const step : {256, 64, 7}) wrong += by_words(kept, step) == want ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a sum on registers is that of lane_sums", "[execution][simd]") {
  std::mt19937 random(4);
  for (int const groups : {1, 3, 20, 40}) {
    detail::simd_sum sum;
    detail::lane_sums<float> want;
    for (int g = 0, rank = 0; g < groups * 16; ++g) {  // 16 registers make whole runs of 16 lanes at any width
      if (rank > 0 && rank % detail::chunk_size == 0) {
        if (rank == detail::chunk_size) sum.settle_first();
        else sum.settle();
      }
      alignas(64) float x[detail::simd_size];
      for (float& y : x) want.add(rank++, y = static_cast<float>(random() % 1000) * 0.37F - 100.0F);
      sum.add(g % detail::group_registers, detail::lanes_at(x, 0));
    }
    int const tokens = groups * 16 * detail::simd_size;
    CHECK((tokens <= detail::chunk_size ? sum.total_of_one() : sum.total()) == want.total());
  }
}

TEST_CASE("copies of a part of a group", "[execution][simd]") {
  constexpr int room = detail::group_size;
  int wrong = 0;
  for (int n = 0; n <= room; ++n) {
    std::vector<float> from(static_cast<std::size_t>(n)), out(room, -7.0F), back(room + 1, -5.0F);
    for (int k = 0; k < n; ++k) from[static_cast<std::size_t>(k)] = static_cast<float>(k + 1);
    detail::copy_padded(out.data(), from.data(), n, room, 9.0F);
    detail::copy_some(back.data(), out.data(), n);
    for (int k = 0; k < room; ++k) {
      auto const at = static_cast<std::size_t>(k);
      wrong += out[at] == (k < n ? static_cast<float>(k + 1) : 9.0F) ? 0 : 1;
      wrong += back[at] == (k < n ? static_cast<float>(k + 1) : -5.0F) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("neighbours of few values are those of the sorted ones", "[execution][simd]") {
  std::mt19937 random(6);
  int wrong = 0;
  for (int n = 2; n <= detail::selection_word; ++n) {
    std::vector<float> x(static_cast<std::size_t>(n) + 63, std::numeric_limits<float>::quiet_NaN());
    for (int i = 0; i < n; ++i) x[static_cast<std::size_t>(i)] = static_cast<float>(random() % 40) * 0.01F;
    std::vector<float> sorted(x.begin(), x.begin() + n);
    std::sort(sorted.begin(), sorted.end());
    for (int r = 0; r + 1 < n; ++r) {
      auto const [a, b] = detail::neighbours_of_few(x.data(), n, r);
      auto const at = static_cast<std::size_t>(r);
      wrong += a == sorted[at] && b == sorted[at + 1] ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("masks of fewer than 64 bytes as bits", "[execution][simd]") {
  std::uint8_t bytes[64];
  for (int k = 0; k < 64; ++k) bytes[k] = k % 3 == 0 ? 1 : 0;
  for (int n = 0; n < 64; ++n) {
    bool sound = true;
    std::uint64_t const bits = detail::eights_to_bits(bytes, n, sound);
    CHECK(sound);
    for (int k = 0; k < n / 8 * 8; ++k) CHECK((bits >> k & 1U) == bytes[k]);
    CHECK(bits >> (n / 8 * 8) == 0);
  }
  bytes[9] = 2;
  bool sound = true;
  (void)detail::eights_to_bits(bytes, 63, sound);
  CHECK(!sound);
}
