/// @file
/// Limbs of sums on the grid of `exact_sum` as numbers, on registers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/intrinsics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// (base + high) * 2^25 + low rounded to double, then to float, for half of a register.
#if defined(__AVX512F__)
CPPO_ALWAYS_INLINE __m256 half_grid_units(double base, __m256i high, __m256i low) noexcept {
  __m512d const from = _mm512_add_pd(_mm512_cvtepi32_pd(high), _mm512_set1_pd(base));
  return _mm512_cvtpd_ps(_mm512_add_pd(_mm512_mul_pd(from, _mm512_set1_pd(0x1p25)), _mm512_cvtepi32_pd(low)));
}
#endif
#if defined(__AVX2__)
CPPO_ALWAYS_INLINE __m128 half_grid_units(double base, __m128i high, __m128i low) noexcept {
  __m256d const from = _mm256_add_pd(_mm256_cvtepi32_pd(high), _mm256_set1_pd(base));
  return _mm256_cvtpd_ps(_mm256_add_pd(_mm256_mul_pd(from, _mm256_set1_pd(0x1p25)), _mm256_cvtepi32_pd(low)));
}
#elif defined(__SSE2__)
CPPO_ALWAYS_INLINE __m128 half_grid_units(double base, __m128i high, __m128i low) noexcept {
  __m128d const from = _mm_add_pd(_mm_cvtepi32_pd(high), _mm_set1_pd(base));
  return _mm_cvtpd_ps(_mm_add_pd(_mm_mul_pd(from, _mm_set1_pd(0x1p25)), _mm_cvtepi32_pd(low)));
}
#endif
/// The same for a register.
/// @{
template <class Ints>
simd_register grid_units_one_by_one(double base, Ints high, Ints low) noexcept {
  alignas(64) std::int32_t h[simd_size], l[simd_size];
  simd_ops::save(h, high);
  simd_ops::save(l, low);
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  return simd_ops::generate([&](index_t k) {
    return static_cast<float>((base + static_cast<double>(h[k])) * 0x1p25 + static_cast<double>(l[k]));
  });
}
template <class Ints>
CPPO_ALWAYS_INLINE simd_register grid_units(double base, Ints high, Ints low) noexcept {
#if defined(__AVX512F__)
  if constexpr (simd_size == 16) {
    __m256 const first = half_grid_units(base, _mm512_castsi512_si256(high.data), _mm512_castsi512_si256(low.data));
    __m256 const second =
        half_grid_units(base, _mm512_extracti64x4_epi64(high.data, 1), _mm512_extracti64x4_epi64(low.data, 1));
    __m512d const both = _mm512_castpd256_pd512(_mm256_castps_pd(first));
    return simd_register(_mm512_castpd_ps(_mm512_insertf64x4(both, _mm256_castps_pd(second), 1)));
  }
#elif defined(__AVX2__)
  if constexpr (simd_size == 8) {
    __m128 const first = half_grid_units(base, _mm256_castsi256_si128(high.data), _mm256_castsi256_si128(low.data));
    __m128 const second =
        half_grid_units(base, _mm256_extracti128_si256(high.data, 1), _mm256_extracti128_si256(low.data, 1));
    return simd_register(_mm256_set_m128(second, first));
  }
#elif defined(__SSE2__)
  if constexpr (simd_size == 4) {
    __m128 const first = half_grid_units(base, high.data, low.data);
    __m128 const second =
        half_grid_units(base, _mm_shuffle_epi32(high.data, 0xee), _mm_shuffle_epi32(low.data, 0xee));
    return simd_register(_mm_movelh_ps(first, second));
  }
#endif
  return grid_units_one_by_one(base, high, low);
}
/// @}

/// (base + high) * 2^-15 + low * 2^-40 rounded to double, then to float, as `exact_sum::value` is: in units of 2^-40
/// all but the addition of low is exact. Pre: base is an integer below 2^52.
CPPO_ALWAYS_INLINE simd_lane grid_value(double base, simd_ops::ints high, simd_ops::ints low) noexcept {
  return exact_product(simd_lane::from_raw(grid_units(base, high, low)), simd_lane(0x1p-40F));
}

/// The same without a base, where 24 bits hold high and the carries of low, and 30 bits hold low. Of so few bits the
/// double is exact, so that one fused sum gives the float.
template <class Ints>
CPPO_ALWAYS_INLINE simd_lane small_grid_value(Ints high, Ints low) noexcept {
#if defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))
  Ints const carry = (low + Ints(std::int32_t{1} << 24)) >> 25;
  Ints const above = high + carry, rest = low - (carry << 25);  // rest: 24 bits and a sign
#if defined(__AVX512F__)
  if constexpr (simd_size == 16) {
    __m512 const units = _mm512_fmadd_ps(_mm512_cvtepi32_ps(above.data), _mm512_set1_ps(0x1p25F),
                                         _mm512_cvtepi32_ps(rest.data));
    return exact_product(simd_lane::from_raw(simd_register(units)), simd_lane(0x1p-40F));
  }
#else
  if constexpr (simd_size == 8) {
    __m256 const units = _mm256_fmadd_ps(_mm256_cvtepi32_ps(above.data), _mm256_set1_ps(0x1p25F),
                                         _mm256_cvtepi32_ps(rest.data));
    return exact_product(simd_lane::from_raw(simd_register(units)), simd_lane(0x1p-40F));
  }
#endif
#endif
  return grid_value(0.0, high, low);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
