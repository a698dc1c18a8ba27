/// @file
/// What registers of x86 ask of the compiler's vectors. xsimd's functions give the same instructions, but each passes
/// through five others by reference, which the compiler inlines and cleans up at every use.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/config.hpp>

#include <cstddef>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if `vector_ops` are there for the registers of the build's target.
#if defined(__SSE2__)
inline constexpr bool plain_vectors = true;
#else
inline constexpr bool plain_vectors = false;
#endif

/// Operations on vectors of this type and size that are no operators.
template <class T, std::size_t Bytes>
struct vector_ops;

#define CPPO_DETAIL_OPS(vector, T, ints, mm, type)                                                                    \
  CPPO_ALWAYS_INLINE static vector broadcast(T x) noexcept { return mm##_set1_##type(x); }                            \
  CPPO_ALWAYS_INLINE static vector load(T const* p) noexcept { return mm##_loadu_##type(p); }                         \
  CPPO_ALWAYS_INLINE static void save(T* p, vector x) noexcept { mm##_storeu_##type(p, x); }                          \
  CPPO_ALWAYS_INLINE static vector min(vector a, vector b) noexcept { return mm##_min_##type(a, b); }                 \
  CPPO_ALWAYS_INLINE static vector max(vector a, vector b) noexcept { return mm##_max_##type(a, b); }                 \
  CPPO_ALWAYS_INLINE static vector sqrt(vector a) noexcept { return mm##_sqrt_##type(a); }                            \
  CPPO_ALWAYS_INLINE static vector to_number(ints x) noexcept { return mm##_cvtepi32_##type(x); }                     \
  CPPO_ALWAYS_INLINE static ints nearest(vector x) noexcept { return mm##_cvt##type##_epi32(x); }
// A mask is a vector, whose lanes are 0 or all ones.
#define CPPO_DETAIL_VECTOR_MASKS(vector, mm, type)                                                                    \
  CPPO_ALWAYS_INLINE static vector lt(vector a, vector b) noexcept { return reinterpret_cast<vector>(a < b); }        \
  CPPO_ALWAYS_INLINE static vector le(vector a, vector b) noexcept { return reinterpret_cast<vector>(a <= b); }       \
  CPPO_ALWAYS_INLINE static vector eq(vector a, vector b) noexcept { return reinterpret_cast<vector>(a == b); }       \
  CPPO_ALWAYS_INLINE static vector both(vector a, vector b) noexcept { return mm##_and_##type(a, b); }                \
  CPPO_ALWAYS_INLINE static vector either(vector a, vector b) noexcept { return mm##_or_##type(a, b); }               \
  CPPO_ALWAYS_INLINE static vector only(vector m, vector a) noexcept { return mm##_and_##type(m, a); }
// A mask is an integer with a bit for each lane.
#define CPPO_DETAIL_BIT_MASKS(vector, mask, type)                                                                     \
  CPPO_ALWAYS_INLINE static mask lt(vector a, vector b) noexcept {                                                    \
    return _mm512_cmp_##type##_mask(a, b, _CMP_LT_OQ);                                                                \
  }                                                                                                                   \
  CPPO_ALWAYS_INLINE static mask le(vector a, vector b) noexcept {                                                    \
    return _mm512_cmp_##type##_mask(a, b, _CMP_LE_OQ);                                                                \
  }                                                                                                                   \
  CPPO_ALWAYS_INLINE static mask eq(vector a, vector b) noexcept {                                                    \
    return _mm512_cmp_##type##_mask(a, b, _CMP_EQ_OQ);                                                                \
  }                                                                                                                   \
  CPPO_ALWAYS_INLINE static mask both(mask a, mask b) noexcept { return static_cast<mask>(a & b); }                   \
  CPPO_ALWAYS_INLINE static mask either(mask a, mask b) noexcept { return static_cast<mask>(a | b); }                 \
  CPPO_ALWAYS_INLINE static vector only(mask m, vector a) noexcept { return _mm512_maskz_mov_##type(m, a); }          \
  CPPO_ALWAYS_INLINE static vector select(mask m, vector a, vector b) noexcept {                                      \
    return _mm512_mask_blend_##type(m, b, a);                                                                         \
  }

#if defined(__SSE2__)
template <>
struct vector_ops<float, 16> {
  CPPO_DETAIL_OPS(__m128, float, __m128i, _mm, ps)
  CPPO_DETAIL_VECTOR_MASKS(__m128, _mm, ps)
  CPPO_ALWAYS_INLINE static __m128 select(__m128 m, __m128 a, __m128 b) noexcept {
#if defined(__SSE4_1__)
    return _mm_blendv_ps(b, a, m);
#else
    return _mm_or_ps(_mm_and_ps(m, a), _mm_andnot_ps(m, b));
#endif
  }
};
template <>
struct vector_ops<double, 16> {
  CPPO_DETAIL_OPS(__m128d, double, __m128i, _mm, pd)
  CPPO_DETAIL_VECTOR_MASKS(__m128d, _mm, pd)
  CPPO_ALWAYS_INLINE static __m128d select(__m128d m, __m128d a, __m128d b) noexcept {
#if defined(__SSE4_1__)
    return _mm_blendv_pd(b, a, m);
#else
    return _mm_or_pd(_mm_and_pd(m, a), _mm_andnot_pd(m, b));
#endif
  }
};
#endif
#if defined(__AVX__)
template <>
struct vector_ops<float, 32> {
  CPPO_DETAIL_OPS(__m256, float, __m256i, _mm256, ps)
  CPPO_DETAIL_VECTOR_MASKS(__m256, _mm256, ps)
  CPPO_ALWAYS_INLINE static __m256 select(__m256 m, __m256 a, __m256 b) noexcept { return _mm256_blendv_ps(b, a, m); }
};
template <>
struct vector_ops<double, 32> {
  CPPO_DETAIL_OPS(__m256d, double, __m128i, _mm256, pd)
  CPPO_DETAIL_VECTOR_MASKS(__m256d, _mm256, pd)
  CPPO_ALWAYS_INLINE static __m256d select(__m256d m, __m256d a, __m256d b) noexcept {
    return _mm256_blendv_pd(b, a, m);
  }
};
#endif
#if defined(__AVX512F__)
template <>
struct vector_ops<float, 64> {
  CPPO_DETAIL_OPS(__m512, float, __m512i, _mm512, ps)
  CPPO_DETAIL_BIT_MASKS(__m512, __mmask16, ps)
};
template <>
struct vector_ops<double, 64> {
  CPPO_DETAIL_OPS(__m512d, double, __m256i, _mm512, pd)
  CPPO_DETAIL_BIT_MASKS(__m512d, __mmask8, pd)
};
#endif
#undef CPPO_DETAIL_OPS
#undef CPPO_DETAIL_VECTOR_MASKS
#undef CPPO_DETAIL_BIT_MASKS

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
