/// @file
/// Elements of half types as a register of floats, without a copy in memory.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/elements.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// As many elements of a half type as V, a register, holds floats. A NaN stays a NaN, but may become quiet.
template <class V>
CPPO_ALWAYS_INLINE V widened(void const* in, element_type type) noexcept {
#if defined(__AVX512F__)
  if constexpr (V::size == 16) {
    __m256i const x = _mm256_loadu_si256(static_cast<__m256i const*>(in));
    if (type == element_type::f16) return V::from_raw(V::ops::of(_mm512_cvtph_ps(x)));
    return V::from_raw(V::ops::of(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16))));
  }
#endif
#if defined(__AVX2__) && defined(__F16C__)
  if constexpr (V::size == 8) {
    __m128i const x = _mm_loadu_si128(static_cast<__m128i const*>(in));
    if (type == element_type::f16) return V::from_raw(V::ops::of(_mm256_cvtph_ps(x)));
    return V::from_raw(V::ops::of(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16))));
  }
#endif
#if defined(__SSE2__)
  if constexpr (V::size == 4) {
    if (type == element_type::bf16) {
      __m128i const x = _mm_loadl_epi64(static_cast<__m128i const*>(in));
      return V::from_raw(V::ops::of(_mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), x))));
    }
  }
#endif
  alignas(64) float x[std::size_t{V::size}];
  for (int k = 0; k < V::size; ++k) x[k] = cppo::detail::load<float>(in, type, k);
  return V::from_raw(V::ops::load(x));
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
