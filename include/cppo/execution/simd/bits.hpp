/// @file
/// 64 slots as the bits of a word: floats taken from the slots whose bit is set or put back there, bits as bytes, bytes
/// as bits. Every function has a plain form for other instruction sets.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace cppo { inline namespace CPPO_ABI { namespace detail {

#if defined(__AVX2__) && !defined(__AVX512F__)
/// For each set of 8 lanes: where the chosen ones go to the front (compress), and where they come back from (expand).
struct lane_moves {
  alignas(64) std::uint64_t front[256] = {};
  alignas(64) std::uint64_t back[256] = {};
  consteval lane_moves() noexcept {
    for (unsigned m = 0; m < 256; ++m) {
      int n = 0;
      for (int k = 0; k < 8; ++k) {
        if ((m >> k & 1U) == 0) continue;
        front[m] |= static_cast<std::uint64_t>(k) << (8 * n);
        back[m] |= static_cast<std::uint64_t>(n) << (8 * k);
        ++n;
      }
    }
  }
};
inline constexpr lane_moves moves_of_lanes{};
CPPO_ALWAYS_INLINE __m256i lanes_from(std::uint64_t bytes) noexcept {
  return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes)));
}
#endif

/// The floats of x[0 .. 64) whose bit is set, one after the other; writes up to `simd_size` - 1 past them.
CPPO_ALWAYS_INLINE void compress(float* out, float const* x, std::uint64_t bits) noexcept {
#if defined(__AVX512F__)
  for (int k = 0; k < 64; k += 16, bits >>= 16) {
    auto const m = static_cast<__mmask16>(bits);
    _mm512_storeu_ps(out, _mm512_maskz_compress_ps(m, _mm512_maskz_loadu_ps(m, x + k)));
    out += std::popcount(static_cast<std::uint16_t>(bits));
  }
#elif defined(__AVX2__)
  for (int k = 0; k < 64; k += 8, bits >>= 8) {
    auto const m = static_cast<std::uint8_t>(bits);
    _mm256_storeu_ps(out, _mm256_permutevar8x32_ps(_mm256_loadu_ps(x + k), lanes_from(moves_of_lanes.front[m])));
    out += std::popcount(m);
  }
#else
  for (; bits != 0; bits &= bits - 1) *out++ = x[std::countr_zero(bits)];
#endif
}

/// The reverse: x[0], x[1], ... at the set bits of out[0 .. 64), 0 elsewhere; reads up to `simd_size` - 1 past them.
CPPO_ALWAYS_INLINE void expand(float* out, float const* x, std::uint64_t bits) noexcept {
#if defined(__AVX512F__)
  for (int k = 0; k < 64; k += 16, bits >>= 16) {
    _mm512_storeu_ps(out + k, _mm512_maskz_expand_ps(static_cast<__mmask16>(bits), _mm512_loadu_ps(x)));
    x += std::popcount(static_cast<std::uint16_t>(bits));
  }
#elif defined(__AVX2__)
  __m256i const lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  for (int k = 0; k < 64; k += 8, bits >>= 8) {
    auto const m = static_cast<std::uint8_t>(bits);
    __m256i const here = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(m), lane), lane);
    __m256 const moved = _mm256_permutevar8x32_ps(_mm256_loadu_ps(x), lanes_from(moves_of_lanes.back[m]));
    _mm256_storeu_ps(out + k, _mm256_and_ps(moved, _mm256_castsi256_ps(here)));
    x += std::popcount(m);
  }
#else
  for (int k = 0; k < 64; ++k) out[k] = (bits >> k & 1U) != 0 ? *x++ : 0.0F;
#endif
}

/// Bit i of `bits` moved to the i-th set bit of `places`.
CPPO_ALWAYS_INLINE std::uint64_t deposit(std::uint64_t bits, std::uint64_t places) noexcept {
#if defined(__BMI2__) && defined(__x86_64__)
  return _pdep_u64(bits, places);
#else
  std::uint64_t out = 0;
  for (; places != 0; places &= places - 1, bits >>= 1) out |= (bits & 1U) != 0 ? places & (~places + 1) : 0;
  return out;
#endif
}

/// Eight bits as eight bytes, 0 or 1, the lowest first.
constexpr std::uint64_t spread(std::uint64_t bits) noexcept {
  std::uint64_t const here = (bits & 0xff) * 0x0101010101010101ULL & 0x8040201008040201ULL;
  return (here + 0x7f7f7f7f7f7f7f7fULL) >> 7 & 0x0101010101010101ULL;
}
/// The lowest n of 64 bits as bytes, 0 or 1.
CPPO_ALWAYS_INLINE void bits_to_bytes(std::uint8_t* out, std::uint64_t bits, int n) noexcept {
  if constexpr (std::endian::native != std::endian::little) {
    for (int k = 0; k < n; ++k) out[k] = static_cast<std::uint8_t>(bits >> k & 1U);
    return;
  }
  int k = 0;
#if defined(__AVX512BW__)
  if (n == 64) {
    _mm512_storeu_si512(out, _mm512_maskz_set1_epi8(static_cast<__mmask64>(bits), 1));
    return;
  }
#elif defined(__AVX2__)
  __m256i const from = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  __m256i const bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201ULL));
  for (; k + 32 <= n; k += 32, bits >>= 32) {
    __m256i const here = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), from);
    __m256i const set = _mm256_cmpeq_epi8(_mm256_and_si256(here, bit), bit);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + k), _mm256_and_si256(set, _mm256_set1_epi8(1)));
  }
#endif
  for (; k < n; k += 8, bits >>= 8) {
    std::uint64_t const bytes = spread(bits);
    std::memcpy(out + k, &bytes, static_cast<std::size_t>(n - k < 8 ? n - k : 8));
  }
}
/// The bytes of the whole eights among n <= 64 bytes as bits; `binary` becomes false where one is neither 0 nor 1.
CPPO_WRAPS inline std::uint64_t eights_to_bits(std::uint8_t const* p, int n, bool& binary) noexcept {
  std::uint64_t all = 0, out = 0;
  for (int k = 0; k + 8 <= n; k += 8) {
    std::uint64_t bytes = 0;
    for (int j = 0; j < 8; ++j) bytes |= std::uint64_t{p[k + j]} << (8 * j);
    all |= bytes;
    out |= (bytes * 0x0102040810204080ULL >> 56) << k;
  }
  binary = binary && (all & ~0x0101010101010101ULL) == 0;
  return out;
}
/// 64 bytes as bits; `binary` becomes false where one is neither 0 nor 1.
CPPO_WRAPS CPPO_ALWAYS_INLINE std::uint64_t bytes_to_bits(std::uint8_t const* p, bool& binary) noexcept {
#if defined(__AVX512BW__)
  __m512i const v = _mm512_loadu_si512(p), one = _mm512_set1_epi8(1);
  std::uint64_t const neither = _cvtmask64_u64(_mm512_cmpgt_epu8_mask(v, one));
  binary = binary && neither == 0;
  return _cvtmask64_u64(_mm512_test_epi8_mask(v, one));
#elif defined(__AVX2__)
  __m256i const low = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p));
  __m256i const high = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p + 32));
  binary = binary && _mm256_testz_si256(_mm256_or_si256(low, high), _mm256_set1_epi8(-2)) != 0;
  auto const bits = [](__m256i v) { return static_cast<unsigned>(_mm256_movemask_epi8(_mm256_slli_epi16(v, 7))); };
  return bits(low) | std::uint64_t{bits(high)} << 32;
#else
  return eights_to_bits(p, 64, binary);
#endif
}

/// x, loaded by itself: where numbers have just been stored one by one, a load of several of them waits.
CPPO_ALWAYS_INLINE std::int64_t alone(std::int64_t x) noexcept {
  asm("" : "+r"(x));
  return x;
}

#if defined(__AVX2__)
/// How many bits of each of four words are set.
CPPO_ALWAYS_INLINE __m256i popcounts(__m256i x) noexcept {
  __m256i const of_nibble = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  __m256i const nibble = _mm256_set1_epi8(15);
  __m256i const low = _mm256_shuffle_epi8(of_nibble, _mm256_and_si256(x, nibble));
  __m256i const high = _mm256_shuffle_epi8(of_nibble, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble));
  return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}
#endif
/// Counts of 20 bins.
using bin_counts = std::int64_t[20];
/// The bits set before each of four words.
struct bits_before {
  std::uint64_t word[4];
  explicit bits_before(std::uint64_t const (&bits)[4]) noexcept : word{} {
    for (int w = 1; w < 4; ++w) word[w] = word[w - 1] + static_cast<unsigned>(std::popcount(bits[w - 1]));
  }
};

#if defined(__AVX2__)
/// Ends of four bins, and how many bits are set before each.
struct four_bins {
  __m256i end, set;
};
/// Bins that end at ceil(units/20), rounded already: `units` holds 19 more.
CPPO_ALWAYS_INLINE four_bins close_bins(__m256i units, __m256i words, __m256i before) noexcept {
  __m256i const end = _mm256_srli_epi64(_mm256_mul_epu32(units, _mm256_set1_epi64x(52429)), 20);  // 2^20/20
  __m256i const last = _mm256_add_epi64(end, _mm256_set1_epi64x(-1));
  __m256i const half = _mm256_slli_epi64(_mm256_srli_epi64(last, 6), 1);  // words are taken by their halves
  __m256i const odd = _mm256_set1_epi64x(std::int64_t{1} << 32);
  __m256i const halves = _mm256_or_si256(half, _mm256_add_epi64(_mm256_slli_epi64(half, 32), odd));
  __m256i const up_to = _mm256_srlv_epi64(_mm256_set1_epi64x(-1), _mm256_andnot_si256(last, _mm256_set1_epi64x(63)));
  __m256i const here = popcounts(_mm256_and_si256(_mm256_permutevar8x32_epi32(words, halves), up_to));
  return {end, _mm256_add_epi64(_mm256_permutevar8x32_epi32(before, halves), here)};
}
/// x less the one before each; before the first comes the last of `earlier`.
CPPO_ALWAYS_INLINE __m256i steps(__m256i x, __m256i earlier) noexcept {
  return _mm256_sub_epi64(
      x, _mm256_blend_epi32(_mm256_permute4x64_epi64(x, 0x90), _mm256_permute4x64_epi64(earlier, 0xff), 3));
}
CPPO_ALWAYS_INLINE __m256i four_words(std::uint64_t const (&x)[4]) noexcept {
  auto const one = [&x](int k) { return static_cast<long long>(alone(static_cast<std::int64_t>(x[k]))); };
  return _mm256_setr_epi64x(one(0), one(1), one(2), one(3));
}
/// For 20 bins of the first n of 256 bits, 1 <= n, bin i of them up to ceil((i + 1) n/20): adds how many bits are
/// there, and how many of them are 0.
inline void add_bins(std::uint64_t const (&bits)[4], int n, bin_counts& there, bin_counts& zeros) noexcept {
  auto const add = [](std::int64_t* p, __m256i x) {
    auto* const at = reinterpret_cast<__m256i*>(p);
    _mm256_storeu_si256(at, _mm256_add_epi64(_mm256_loadu_si256(at), x));
  };
  __m256i const words = four_words(bits), before = four_words(bits_before(bits).word);
  __m256i units = _mm256_setr_epi64x(n + 19, 2 * n + 19, 3 * n + 19, 4 * n + 19);
  four_bins earlier{_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (int i = 0; i < 20; i += 4) {
    four_bins const now = close_bins(units, words, before);
    __m256i const size = steps(now.end, earlier.end);
    add(there + i, size);
    add(zeros + i, _mm256_sub_epi64(size, steps(now.set, earlier.set)));
    earlier = now;
    units = _mm256_add_epi64(units, _mm256_set1_epi64x(4 * n));
  }
}
#else
/// For 20 bins of the first n of 256 bits, 1 <= n, bin i of them up to ceil((i + 1) n/20): adds how many bits are
/// there, and how many of them are 0.
inline void add_bins(std::uint64_t const (&bits)[4], int n, bin_counts& there, bin_counts& zeros) noexcept {
  bits_before const before(bits);
  std::int64_t from = 0, set_from = 0;
  for (unsigned i = 0; i < 20; ++i) {
    unsigned const end = ((i + 1) * static_cast<unsigned>(n) + 19) / 20, last = end - 1;
    std::uint64_t const here = bits[last / 64] & (~std::uint64_t{0} >> (63 - last % 64));
    auto const set = static_cast<std::int64_t>(before.word[last / 64]) + std::popcount(here);
    std::int64_t const size = static_cast<std::int64_t>(end) - from;
    there[i] += size;
    zeros[i] += size - (set - set_from);
    from += size;
    set_from = set;
  }
}
#endif

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
