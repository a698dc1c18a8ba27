/// @file
/// What registers of floats need and xsimd does not offer: bits of a mask, running sums, compress, expand, streaming
/// stores. With simd_lanes.hpp the only file with intrinsics; every function has a plain form for other instruction sets.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/registers.hpp>

#include <bit>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace cppo { inline namespace CPPO_ABI { namespace detail {

using simd_ops = simd_lane::ops;
inline constexpr int simd_size = simd_ops::size;

/// Bit k: lane k.
template <class Register>
CPPO_ALWAYS_INLINE std::uint64_t lane_bits(lane_mask<Register> m) noexcept {
#if defined(__AVX512F__)
  if constexpr (simd_size == 16) return _cvtmask16_u32(m.raw().data);
#endif
#if defined(__AVX__)
  if constexpr (simd_size == 8) return static_cast<unsigned>(_mm256_movemask_ps(m.raw().data));
#endif
#if defined(__SSE2__)
  if constexpr (simd_size == 4) return static_cast<unsigned>(_mm_movemask_ps(m.raw().data));
#endif
  alignas(64) float x[simd_size];
  simd_ops::save(x, simd_ops::select(m.raw(), simd_ops::broadcast(1.0F), simd_ops::broadcast(0.0F)));
  std::uint64_t bits = 0;
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  for (int k = 0; k < simd_size; ++k) bits |= std::uint64_t{x[k] > 0.0F} << k;
  return bits;
}

/// The same for four registers, one after the other.
template <class Register>
CPPO_ALWAYS_INLINE std::uint64_t lane_bits(lane_mask<Register> const (&m)[4]) noexcept {
#if defined(__AVX512BW__)
  if constexpr (simd_size == 16) {
    __mmask32 const low = _mm512_kunpackw(_cvtu32_mask32(_cvtmask16_u32(m[1].raw().data)),
                                          _cvtu32_mask32(_cvtmask16_u32(m[0].raw().data)));
    __mmask32 const high = _mm512_kunpackw(_cvtu32_mask32(_cvtmask16_u32(m[3].raw().data)),
                                           _cvtu32_mask32(_cvtmask16_u32(m[2].raw().data)));
    return _cvtmask64_u64(_mm512_kunpackd(_cvtu64_mask64(high), _cvtu64_mask64(low)));
  }
#endif
#if defined(__AVX2__)
  if constexpr (simd_size == 8) {
    auto const ints = [&m](int u) { return _mm256_castps_si256(m[u].raw().data); };
    __m256i const packed =
        _mm256_packs_epi16(_mm256_packs_epi32(ints(0), ints(1)), _mm256_packs_epi32(ints(2), ints(3)));
    __m256i const ordered = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    return static_cast<unsigned>(_mm256_movemask_epi8(ordered));
  }
#endif
#if defined(__SSE2__)
  if constexpr (simd_size == 4) {
    auto const ints = [&m](int u) { return _mm_castps_si128(m[u].raw().data); };
    __m128i const packed = _mm_packs_epi16(_mm_packs_epi32(ints(0), ints(1)), _mm_packs_epi32(ints(2), ints(3)));
    return static_cast<unsigned>(_mm_movemask_epi8(packed));
  }
#endif
  std::uint64_t bits = 0;
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  for (int u = 0; u < 4; ++u) bits |= lane_bits(m[u]) << (u * simd_size);
  return bits;
}

/// Lanes below 0, for `lane_bits` alone; of those that are 0, any.
template <class Register>
CPPO_ALWAYS_INLINE lane_mask<Register> signs(lane<Register> x) noexcept {
#if defined(__AVX512DQ__)
  if constexpr (simd_size == 16) {
    return lane_mask<Register>(typename simd_ops::mask_type(_mm512_movepi32_mask(_mm512_castps_si512(x.raw().data))));
  }
#elif defined(__SSE2__) && !defined(__AVX512F__)
  return lane_mask<Register>(typename simd_ops::mask_type(x.raw().data));
#endif
  return x < lane<Register>(0);
}

/// Running sums: lane k holds x_0 + ... + x_k.
template <class Ints>
CPPO_ALWAYS_INLINE Ints running_sum(Ints x) noexcept {
  using ints = Ints;
#if defined(__AVX512F__)
  if constexpr (simd_size == 16) {
    __m512i v = x.data;
    __m512i const zero = _mm512_setzero_si512();
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 14));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 12));
    return ints(_mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 8)));
  }
#endif
#if defined(__AVX2__)
  if constexpr (simd_size == 8) {
    __m256i v = x.data;
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
    __m256i const ends = _mm256_shuffle_epi32(v, 0xff);
    return ints(_mm256_add_epi32(v, _mm256_permute2x128_si256(ends, ends, 0x08)));
  }
#endif
#if defined(__SSE2__)
  if constexpr (simd_size == 4) {
    __m128i v = x.data;
    v = _mm_add_epi32(v, _mm_slli_si128(v, 4));
    return ints(_mm_add_epi32(v, _mm_slli_si128(v, 8)));
  }
#endif
  alignas(64) std::int32_t a[simd_size];
  simd_ops::save(a, x);
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  for (int k = 1; k < simd_size; ++k) a[k] += a[k - 1];
  return ints::load_unaligned(a);
}

/// Lane `simd_size - 1`.
CPPO_ALWAYS_INLINE std::int32_t last_lane(simd_ops::ints x) noexcept {
  alignas(64) std::int32_t a[simd_size];
  simd_ops::save(a, x);
  return a[simd_size - 1];
}

/// Sum of the lanes; no overflow on the way.
template <class Ints>
CPPO_ALWAYS_INLINE index_t wide_sum(Ints x) noexcept {
#if defined(__AVX512F__)
  if constexpr (simd_size == 16) {
    __m512i const low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(x.data));
    __m512i const high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(x.data, 1));
    return _mm512_reduce_add_epi64(_mm512_add_epi64(low, high));
  }
#endif
#if defined(__AVX2__)
  if constexpr (simd_size == 8) {
    __m256i const v = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_castsi256_si128(x.data)),
                                       _mm256_cvtepi32_epi64(_mm256_extracti128_si256(x.data, 1)));
    __m128i const h = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return _mm_cvtsi128_si64(h) + _mm_cvtsi128_si64(_mm_unpackhi_epi64(h, h));
  }
#endif
  alignas(64) std::int32_t a[simd_size];
  simd_ops::save(a, x);
  index_t total = 0;
  for (std::int32_t y : a) total += y;
  return total;
}

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

/// Can a register be written past the caches? Only where it is a whole line: a part of one waits for the others, and
/// the tokens between them take too long.
#if defined(__AVX512F__)
inline constexpr bool can_stream = simd_size == 16;
#else
inline constexpr bool can_stream = false;
#endif
/// Writes a register; past the caches if it is to and can, `out` aligned to it then.
template <class Register>
CPPO_ALWAYS_INLINE void put(float* out, lane<Register> x, [[maybe_unused]] bool past_caches) noexcept {
#if defined(__AVX512F__)
  if constexpr (can_stream) {
    if (past_caches) return _mm512_stream_ps(out, x.raw().data);
  }
#endif
  simd_ops::save(out, x.raw());
}
/// Orders what was streamed before what is written later.
inline void end_streaming() noexcept {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

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
/// 64 bytes as bits; `sound` becomes false where one is neither 0 nor 1.
CPPO_WRAPS CPPO_ALWAYS_INLINE std::uint64_t bytes_to_bits(std::uint8_t const* p, bool& sound) noexcept {
#if defined(__AVX512BW__)
  __m512i const v = _mm512_loadu_si512(p), one = _mm512_set1_epi8(1);
  std::uint64_t const neither = _cvtmask64_u64(_mm512_cmpgt_epu8_mask(v, one));
  sound = sound && neither == 0;
  return _cvtmask64_u64(_mm512_test_epi8_mask(v, one));
#elif defined(__AVX2__)
  __m256i const low = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p));
  __m256i const high = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p + 32));
  sound = sound && _mm256_testz_si256(_mm256_or_si256(low, high), _mm256_set1_epi8(-2)) != 0;
  auto const bits = [](__m256i v) { return static_cast<unsigned>(_mm256_movemask_epi8(_mm256_slli_epi16(v, 7))); };
  return bits(low) | std::uint64_t{bits(high)} << 32;
#else
  std::uint64_t all = 0, out = 0;
  for (int k = 0; k < 64; k += 8) {
    std::uint64_t bytes = 0;
    for (int j = 0; j < 8; ++j) bytes |= std::uint64_t{p[k + j]} << (8 * j);
    all |= bytes;
    out |= (bytes * 0x0102040810204080ULL >> 56) << k;
  }
  sound = sound && (all & ~0x0101010101010101ULL) == 0;
  return out;
#endif
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
