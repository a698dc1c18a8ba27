/// @file
/// The grid of `exact_sum` on registers: sums of 64-bit units, and limbs as numbers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/intrinsics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

using simd_units = simd_ops::units;

/// Running sums: lane k holds x_0 + ... + x_k.
CPPO_ALWAYS_INLINE simd_units running_units(simd_units x) noexcept {
#if defined(__AVX512F__)
  __m512i const zero = _mm512_setzero_si512();
  __m512i v = x.data;
  v = _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 7));
  v = _mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 6));
  return simd_units(_mm512_add_epi64(v, _mm512_alignr_epi64(v, zero, 4)));
#elif defined(__AVX2__)
  __m256i const v = _mm256_add_epi64(x.data, _mm256_slli_si256(x.data, 8));
  __m256i const ends = _mm256_unpackhi_epi64(v, v);
  return simd_units(_mm256_add_epi64(v, _mm256_permute2x128_si256(ends, ends, 0x08)));
#elif defined(__SSE2__) && !defined(__AVX__)
  return simd_units(_mm_add_epi64(x.data, _mm_slli_si128(x.data, 8)));
#else
  alignas(64) std::uint64_t a[simd_size];
  x.store_unaligned(a);
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  for (int k = 1; k < simd_size / 2; ++k) a[k] += a[k - 1];
  return simd_units::load_unaligned(a);
#endif
}
/// The last lane in every lane.
CPPO_ALWAYS_INLINE simd_units last_unit(simd_units x) noexcept {
#if defined(__AVX512F__)
  return simd_units(_mm512_permutexvar_epi64(_mm512_set1_epi64(7), x.data));
#elif defined(__AVX2__)
  return simd_units(_mm256_permute4x64_epi64(x.data, 0xff));
#elif defined(__SSE2__) && !defined(__AVX__)
  return simd_units(_mm_shuffle_epi32(x.data, 0xee));
#else
  alignas(64) std::uint64_t a[simd_size];
  x.store_unaligned(a);
  return simd_units(a[simd_size / 2 - 1]);
#endif
}
/// The sum of the lanes.
CPPO_ALWAYS_INLINE std::uint64_t sum_of_units(simd_units x) noexcept {
#if defined(__AVX512F__)
  return static_cast<std::uint64_t>(_mm512_reduce_add_epi64(x.data));
#elif defined(__AVX2__)
  __m128i const h = _mm_add_epi64(_mm256_castsi256_si128(x.data), _mm256_extracti128_si256(x.data, 1));
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_add_epi64(h, _mm_unpackhi_epi64(h, h))));
#else
  alignas(64) std::uint64_t a[simd_size];
  x.store_unaligned(a);
  std::uint64_t sum = 0;
  for (int k = 0; k < simd_size / 2; ++k) sum += a[k];
  return sum;
#endif
}
/// Lanes of a register that are 0 or more, as two's complement, given its halves.
CPPO_ALWAYS_INLINE simd_lane::mask nonnegative_units(simd_units low, simd_units high) noexcept {
  using mask = simd_lane::mask::raw_type;
#if defined(__AVX512F__)
  __m512i const zero = _mm512_setzero_si512();
  return simd_lane::mask(mask(
      _mm512_kunpackb(_mm512_cmpge_epi64_mask(high.data, zero), _mm512_cmpge_epi64_mask(low.data, zero))));
#elif defined(__AVX2__)
  __m256 const tops = _mm256_shuffle_ps(_mm256_castsi256_ps(low.data), _mm256_castsi256_ps(high.data), 0xdd);
  __m256i const ordered = _mm256_permute4x64_epi64(_mm256_castps_si256(tops), 0xd8);
  return simd_lane::mask(mask(_mm256_castsi256_ps(_mm256_cmpgt_epi32(ordered, _mm256_set1_epi32(-1)))));
#elif defined(__SSE2__) && !defined(__AVX__)
  __m128 const tops = _mm_shuffle_ps(_mm_castsi128_ps(low.data), _mm_castsi128_ps(high.data), 0xdd);
  return simd_lane::mask(mask(_mm_castsi128_ps(_mm_cmpgt_epi32(_mm_castps_si128(tops), _mm_set1_epi32(-1)))));
#else
  alignas(64) std::uint64_t a[simd_size];
  low.store_unaligned(a);
  high.store_unaligned(a + simd_size / 2);
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  return simd_lane::from_raw(simd_ops::generate([&a](index_t k) { return a[k] >> 63 != 0 ? -1.0F : 0.0F; })) >=
         simd_lane(0);
#endif
}

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
