/// @file
/// What registers of floats need and xsimd does not offer: bits of a mask, running sums, streaming stores. Every
/// function has a plain form for other instruction sets.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/registers.hpp>

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

#if defined(__AVX__) && !defined(__AVX512F__)
/// Lanes below n of 8, for loads and stores of some.
CPPO_ALWAYS_INLINE __m256i first_lanes(int n) noexcept {
  alignas(32) static constexpr std::int32_t ends[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256(reinterpret_cast<__m256i const*>(ends + 8 - (n < 0 ? 0 : n < 8 ? n : 8)));
}
#endif
#if defined(__AVX512F__)
/// The same of 16.
CPPO_ALWAYS_INLINE __mmask16 first_lanes(int n) noexcept {
  return static_cast<__mmask16>(n <= 0 ? 0U : n < 16 ? (1U << n) - 1U : 0xffffU);
}
#endif
/// Copies n of up to `room` floats, and `pad` to the rest of them; `room` in whole registers.
inline void copy_padded(float* out, float const* x, int n, int room, float pad) noexcept {
#if defined(__AVX512F__)
  for (int k = 0; k < room; k += 16)
    _mm512_storeu_ps(out + k, _mm512_mask_loadu_ps(_mm512_set1_ps(pad), first_lanes(n - k), x + k));
#elif defined(__AVX__)
  for (int k = 0; k < room; k += 8) {
    __m256i const lanes = first_lanes(n - k);
    _mm256_storeu_ps(out + k, _mm256_blendv_ps(_mm256_set1_ps(pad), _mm256_maskload_ps(x + k, lanes),
                                               _mm256_castsi256_ps(lanes)));
  }
#else
  std::memcpy(out, x, static_cast<std::size_t>(n) * sizeof(float));
  for (int k = n; k < room; ++k) out[k] = pad;
#endif
}
/// Copies n floats; some past them are read, none is written.
inline void copy_some(float* out, float const* x, int n) noexcept {
#if defined(__AVX512F__)
  for (int k = 0; k < n; k += 16) _mm512_mask_storeu_ps(out + k, first_lanes(n - k), _mm512_loadu_ps(x + k));
#elif defined(__AVX__)
  for (int k = 0; k < n; k += 8) _mm256_maskstore_ps(out + k, first_lanes(n - k), _mm256_loadu_ps(x + k));
#else
  std::memcpy(out, x, static_cast<std::size_t>(n) * sizeof(float));
#endif
}

/// Running sums: lane k holds x_0 + ... + x_k.
template <class Ints>
CPPO_ALWAYS_INLINE Ints running_sum(Ints x) noexcept {
#if defined(__AVX512F__)
  if constexpr (simd_size == 16) {
    __m512i v = x.data;
    __m512i const zero = _mm512_setzero_si512();
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 14));
    v = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 12));
    return Ints(_mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 8)));
  }
#endif
#if defined(__AVX2__)
  if constexpr (simd_size == 8) {
    __m256i v = x.data;
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 4));
    v = _mm256_add_epi32(v, _mm256_slli_si256(v, 8));
    __m256i const ends = _mm256_shuffle_epi32(v, 0xff);
    return Ints(_mm256_add_epi32(v, _mm256_permute2x128_si256(ends, ends, 0x08)));
  }
#endif
#if defined(__SSE2__)
  if constexpr (simd_size == 4) {
    __m128i const v = _mm_add_epi32(x.data, _mm_slli_si128(x.data, 4));
    return Ints(_mm_add_epi32(v, _mm_slli_si128(v, 8)));
  }
#endif
  alignas(64) std::int32_t a[simd_size];
  simd_ops::save(a, x);
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  for (int k = 1; k < simd_size; ++k) a[k] = static_cast<std::int32_t>(std::uint32_t(a[k]) + std::uint32_t(a[k - 1]));
  return Ints::load_unaligned(a);
}

/// Lane `simd_size - 1`.
CPPO_ALWAYS_INLINE std::int32_t last_lane(simd_ops::ints x) noexcept {
  alignas(64) std::int32_t a[simd_size];
  simd_ops::save(a, x);
  return a[simd_size - 1];
}

/// Lane `simd_size - 1` in every lane.
template <class Ints>
CPPO_ALWAYS_INLINE Ints in_every_lane_the_last(Ints x) noexcept {
#if defined(__AVX512F__)
  if constexpr (simd_size == 16) return Ints(_mm512_permutexvar_epi32(_mm512_set1_epi32(15), x.data));
#endif
#if defined(__AVX2__)
  if constexpr (simd_size == 8) return Ints(_mm256_permutevar8x32_epi32(x.data, _mm256_set1_epi32(7)));
#endif
#if defined(__SSE2__)
  if constexpr (simd_size == 4) return Ints(_mm_shuffle_epi32(x.data, 0xff));
#endif
  return Ints(last_lane(x));
}

/// Lane k - n in lane k, and lane 0 where there is none.
template <class Register>
CPPO_ALWAYS_INLINE lane<Register> earlier_lanes(lane<Register> x, int n) noexcept {
#if defined(__AVX2__) || defined(__AVX512F__)
  alignas(64) static constexpr std::int32_t from[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  0,  0,
                                                        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  [[maybe_unused]] std::int32_t const* const lanes = from + 16 - n;
#endif
#if defined(__AVX512F__)
  if constexpr (simd_size == 16)
    return lane<Register>::from_raw(Register(_mm512_permutexvar_ps(_mm512_loadu_si512(lanes), x.raw().data)));
#elif defined(__AVX2__)
  if constexpr (simd_size == 8) {
    __m256i const places = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(lanes));
    return lane<Register>::from_raw(Register(_mm256_permutevar8x32_ps(x.raw().data, places)));
  }
#endif
  alignas(64) float a[2 * simd_size];
  simd_ops::save(a + simd_size, x.raw());
  // uncovered: targets without AVX2: the digest on SSE2 and AArch64 runs it
  for (int k = 0; k < simd_size; ++k) a[k] = a[simd_size];
  return lane<Register>::from_raw(simd_ops::load(a + simd_size - n));
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

/// The sum of 16 floats in double, by the tree of `lane_sums`.
CPPO_ALWAYS_INLINE double tree_sum(float const* x) noexcept {
#if defined(__AVX__)
  auto const four = [x](int k) { return _mm256_cvtps_pd(_mm_loadu_ps(x + k)); };
  __m256d const t = _mm256_add_pd(_mm256_add_pd(four(0), four(8)), _mm256_add_pd(four(4), four(12)));
  __m128d const h = _mm_add_pd(_mm256_castpd256_pd128(t), _mm256_extractf128_pd(t, 1));
  return _mm_cvtsd_f64(_mm_add_sd(h, _mm_unpackhi_pd(h, h)));
#else
  double t[4];
  for (int j = 0; j < 4; ++j) {
    auto const at = [x, j](int k) { return static_cast<double>(x[j + k]); };
    t[j] = (at(0) + at(8)) + (at(4) + at(12));
  }
  return (t[0] + t[2]) + (t[1] + t[3]);
#endif
}

/// Adds 16 floats to 16 doubles.
CPPO_ALWAYS_INLINE void add_floats(double* to, float const* x) noexcept {
#if defined(__AVX512F__)
  for (int k = 0; k < 16; k += 8)
    _mm512_storeu_pd(to + k, _mm512_add_pd(_mm512_loadu_pd(to + k), _mm512_cvtps_pd(_mm256_loadu_ps(x + k))));
#elif defined(__AVX__)
  for (int k = 0; k < 16; k += 4)
    _mm256_storeu_pd(to + k, _mm256_add_pd(_mm256_loadu_pd(to + k), _mm256_cvtps_pd(_mm_loadu_ps(x + k))));
#else
  for (int k = 0; k < 16; ++k) to[k] += static_cast<double>(x[k]);
#endif
}

/// The largest lane.
inline float largest_lane(simd_lane x) noexcept {
  alignas(64) float a[simd_size];
  simd_ops::save(a, x.raw());
  float m = a[0];
  for (float y : a) m = y > m ? y : m;
  return m;
}

/// True if a register can be written past the caches. Only a register as wide as a cache line can: a part of a line
/// would wait for the rest of it, which takes too long to come.
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

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
