/// @file
/// Rows of Top-K lists: four numbers of each row turned into four registers, and ids compared with the sampled one.
/// Every function has a plain form for other instruction sets.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/element.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

#if defined(__AVX512F__)
CPPO_ALWAYS_INLINE void turn_sixteen_rows(float const* const* rows, int j, float* out) noexcept {
  __m512 v[4];
  for (int r = 0; r < 4; ++r) {
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(rows[r] + j));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(rows[4 + r] + j), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(rows[8 + r] + j), 2);
    v[r] = _mm512_insertf32x4(x, _mm_loadu_ps(rows[12 + r] + j), 3);
  }
  __m512 const a = _mm512_unpacklo_ps(v[0], v[1]), b = _mm512_unpackhi_ps(v[0], v[1]);
  __m512 const c = _mm512_unpacklo_ps(v[2], v[3]), d = _mm512_unpackhi_ps(v[2], v[3]);
  _mm512_storeu_ps(out, _mm512_shuffle_ps(a, c, 0x44));
  _mm512_storeu_ps(out + 16, _mm512_shuffle_ps(a, c, 0xee));
  _mm512_storeu_ps(out + 32, _mm512_shuffle_ps(b, d, 0x44));
  _mm512_storeu_ps(out + 48, _mm512_shuffle_ps(b, d, 0xee));
}
#elif defined(__AVX__)
CPPO_ALWAYS_INLINE void turn_eight_rows(float const* const* rows, int j, float* out) noexcept {
  __m256 v[4];
  for (int r = 0; r < 4; ++r) v[r] = _mm256_loadu2_m128(rows[4 + r] + j, rows[r] + j);
  __m256 const a = _mm256_unpacklo_ps(v[0], v[1]), b = _mm256_unpackhi_ps(v[0], v[1]);
  __m256 const c = _mm256_unpacklo_ps(v[2], v[3]), d = _mm256_unpackhi_ps(v[2], v[3]);
  _mm256_storeu_ps(out, _mm256_shuffle_ps(a, c, 0x44));
  _mm256_storeu_ps(out + 8, _mm256_shuffle_ps(a, c, 0xee));
  _mm256_storeu_ps(out + 16, _mm256_shuffle_ps(b, d, 0x44));
  _mm256_storeu_ps(out + 24, _mm256_shuffle_ps(b, d, 0xee));
}
#endif

/// Numbers j to j + 3 of as many rows as a register has lanes, as four registers.
CPPO_ALWAYS_INLINE void turn_four(float const* const* rows, int j, float* out) noexcept {
#if defined(__AVX512F__)
  static_assert(simd_size == 16);
  turn_sixteen_rows(rows, j, out);
#elif defined(__AVX__)
  static_assert(simd_size == 8);
  turn_eight_rows(rows, j, out);
#elif defined(__SSE2__)
  static_assert(simd_size == 4);
  __m128 v[4] = {_mm_loadu_ps(rows[0] + j), _mm_loadu_ps(rows[1] + j), _mm_loadu_ps(rows[2] + j),
                 _mm_loadu_ps(rows[3] + j)};
  _MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]);
  for (int r = 0; r < 4; ++r) _mm_storeu_ps(out + 4 * r, v[r]);
#else
  for (int i = 0; i < 4; ++i) {
    for (int t = 0; t < simd_size; ++t) out[i * simd_size + t] = rows[t][j + i];
  }
#endif
}

/// Which of up to 32 ids are the sampled one, and which are below 0, as bits.
struct id_bits {
  std::uint32_t same = 0, negative = 0;
  CPPO_ALWAYS_INLINE void add(int i, index_t id, index_t sampled) noexcept {
    same |= std::uint32_t{id == sampled} << i;
    negative |= std::uint32_t{id < 0} << i;
  }
  /// The bits of n ids of 32 bits, and of 64, from element `first`.
  /// @{
  CPPO_ALWAYS_INLINE void add_ints(void const* ids, index_t first, int n, index_t sampled) noexcept {
    int i = 0;
#if defined(__AVX2__)
    if (auto const wanted = static_cast<std::int32_t>(sampled); wanted == sampled) {
      for (; i + 8 <= n; i += 8) {
        __m256i const x = eight_words(static_cast<std::int32_t const*>(ids) + first + i);
        add_eight(i, _mm256_cmpeq_epi32(x, _mm256_set1_epi32(wanted)), x);
      }
    }
#endif
    for (; i < n; ++i) add(i, element_at<std::int32_t>(ids, first + i), sampled);
  }
  CPPO_ALWAYS_INLINE void add_longs(void const* ids, index_t first, int n, index_t sampled) noexcept {
    int i = 0;
#if defined(__AVX2__)
    __m256i const wanted = _mm256_set1_epi64x(sampled);
    auto const* const from = static_cast<std::int64_t const*>(ids) + first;
    for (; i + 8 <= n; i += 8) {
      __m256i const a = eight_words(from + i), b = eight_words(from + i + 4);
      add_eight(i, halves<0x88>(_mm256_cmpeq_epi64(a, wanted), _mm256_cmpeq_epi64(b, wanted)), halves<0xdd>(a, b));
    }
    if (i + 4 <= n) {
      __m256i const a = eight_words(from + i), zero = _mm256_setzero_si256();
      add_eight(i, halves<0x88>(_mm256_cmpeq_epi64(a, wanted), zero), halves<0xdd>(a, zero));
      i += 4;
    }
#endif
    for (; i < n; ++i) add(i, element_at<std::int64_t>(ids, first + i), sampled);
  }
  /// @}

 private:
#if defined(__AVX2__)
  CPPO_ALWAYS_INLINE static __m256i eight_words(void const* p) noexcept {
    return _mm256_loadu_si256(static_cast<__m256i const*>(p));
  }
  /// The lower (0x88) or upper (0xdd) halves of the numbers of a and then of b.
  template <int Which>
  CPPO_ALWAYS_INLINE static __m256i halves(__m256i a, __m256i b) noexcept {
    __m256 const mixed = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), Which);
    return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
  }
  CPPO_ALWAYS_INLINE void add_eight(int i, __m256i equal, __m256i sign) noexcept {
    same |= static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(equal))) << i;
    negative |= static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(sign))) << i;
  }
#endif
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
