/// @file
/// Registers of floats as lanes, and their numbers as doubles and back.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/double_registers.hpp>

#include <cstddef>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Registers of floats.
template <class A>
struct register_ops<xsimd::batch<float, A>> : xsimd_ops<float, std::int32_t, 23, A> {
  using base = xsimd_ops<float, std::int32_t, 23, A>;
  using typename base::reg, typename base::ints, typename base::mask_type;
  using base::size, base::load, base::save;
  using wide = xsimd::batch<double, A>;

  CPPO_ALWAYS_INLINE static ints larger(ints a, ints b) noexcept { return xsimd::max(a, b); }
  CPPO_ALWAYS_INLINE static bool every_at_most(ints x, std::int32_t limit) noexcept {
    return xsimd::all(x <= ints(limit));
  }
  CPPO_ALWAYS_INLINE static reg to_number(ints x) noexcept {
    if constexpr (plain_vectors) return base::of(base::plain::to_number(x.data));
    else return xsimd::to_float(x);
  }
  CPPO_ALWAYS_INLINE static ints nearest(reg x) noexcept {
    if constexpr (plain_vectors) return ints(base::plain::nearest(x.data));
    else return xsimd::nearbyint_as_int(x);
  }
  CPPO_ALWAYS_INLINE static mask_type nonnegative(ints x) noexcept {
    return base::le(base::broadcast(0.0F), to_number(x));
  }

#if defined(__AVX512DQ__)
  /// x minus the whole number nearest to it, of two the even one.
  CPPO_ALWAYS_INLINE static reg past_whole(reg x) noexcept
    requires(size == 16)
  {
    return reg(_mm512_reduce_ps(x.data, _MM_FROUND_TO_NEAREST_INT));
  }
#endif

  /// Both limbs of x on the grid of `exact_sum`: the same integers as `to_grid`.
  CPPO_ALWAYS_INLINE static void to_grid(reg x, ints& high, ints& low) noexcept {
    reg const scaled = base::exact_mul(x, base::broadcast(32768.0F));
    high = nearest(scaled);
    low = nearest(base::exact_mul(base::sub(scaled, to_number(high)), base::broadcast(33554432.0F)));
  }

  /// The lanes of each half in units of 2^-40, and `unit_bias` in each, for |x| < 2048: the bits of x + 6144, which is
  /// rounded to the grid.
  /// @{
  using units = xsimd::batch<std::uint64_t, A>;
  static constexpr std::uint64_t unit_bias = 0x40b8000000000000;  // the bits of 6144
  CPPO_ALWAYS_INLINE static void to_units(reg x, units& low, units& high) noexcept {
    low = register_ops<wide>::as_unsigned(low_half(x) + wide(6144.0));
    high = register_ops<wide>::as_unsigned(high_half(x) + wide(6144.0));
  }
  /// @}

  /// The lanes of each half as doubles.
  /// @{
  CPPO_ALWAYS_INLINE static wide low_half(reg x) noexcept {
#if defined(__AVX512F__)
    if constexpr (size == 16) return wide(_mm512_cvtps_pd(_mm512_castps512_ps256(x.data)));
#endif
#if defined(__AVX__)
    if constexpr (size == 8) return wide(_mm256_cvtps_pd(_mm256_castps256_ps128(x.data)));
#endif
#if defined(__SSE2__)
    if constexpr (size == 4) return wide(_mm_cvtps_pd(x.data));
#endif
    return half_of(x, 0);
  }
  CPPO_ALWAYS_INLINE static wide high_half(reg x) noexcept {
#if defined(__AVX512F__)
    if constexpr (size == 16) {
      return wide(_mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x.data), 1))));
    }
#endif
#if defined(__AVX__)
    if constexpr (size == 8) return wide(_mm256_cvtps_pd(_mm256_extractf128_ps(x.data, 1)));
#endif
#if defined(__SSE2__)
    if constexpr (size == 4) return wide(_mm_cvtps_pd(_mm_movehl_ps(x.data, x.data)));
#endif
    return half_of(x, size / 2);
  }
  /// @}
  /// Two halves, rounded to floats.
  CPPO_ALWAYS_INLINE static reg narrow(wide low, wide high) noexcept {
#if defined(__AVX512F__)
    if constexpr (size == 16) {
      __m512d const lower = _mm512_castpd256_pd512(_mm256_castps_pd(_mm512_cvtpd_ps(low.data)));
      return reg(_mm512_castpd_ps(_mm512_insertf64x4(lower, _mm256_castps_pd(_mm512_cvtpd_ps(high.data)), 1)));
    }
#endif
#if defined(__AVX__)
    if constexpr (size == 8) return reg(_mm256_set_m128(_mm256_cvtpd_ps(high.data), _mm256_cvtpd_ps(low.data)));
#endif
#if defined(__SSE2__)
    if constexpr (size == 4) return reg(_mm_movelh_ps(_mm_cvtpd_ps(low.data), _mm_cvtpd_ps(high.data)));
#endif
    alignas(64) double wide_lanes[std::size_t{size}];
    low.store_unaligned(wide_lanes);
    high.store_unaligned(wide_lanes + size / 2);
    return generate([&wide_lanes](index_t k) { return static_cast<float>(wide_lanes[k]); });
  }
  /// f(x...) computed in double and rounded once.
  template <class F, class... Registers>
  CPPO_ALWAYS_INLINE static reg in_double(F const& f, Registers... x) noexcept {
    using doubles = lane<double_pair<A>>;
    double_pair<A> const y = f(doubles::from_raw({low_half(x), high_half(x)})...).raw();
    return narrow(y.low, y.high);
  }

  CPPO_ALWAYS_INLINE static reg iota(index_t first) noexcept {
    // equivalent: the last lane is below 2^31 for both: the bound could be one higher
    if (first < 0 || first > index_t{0x7fffffff} - size) {
      return generate([first](index_t k) { return static_cast<float>(first + k); });
    }
    alignas(64) static constexpr std::int32_t steps[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static_assert(size <= 16);
    return to_number(ints::load_unaligned(steps) + ints(static_cast<std::int32_t>(first)));
  }
  template <class F>
  static reg generate(F const& f) noexcept {
    alignas(64) float y[std::size_t{size}];
    for (int k = 0; k < size; ++k) y[k] = f(index_t{k});
    return load(y);
  }
  template <class F>
  static reg map(reg x, F const& f) noexcept {
    alignas(64) float a[std::size_t{size}];
    save(a, x);
    return generate([&a, &f](index_t k) { return f(a[k]); });
  }
  template <class F>
  static reg map(reg x, reg y, F const& f) noexcept {
    alignas(64) float a[std::size_t{size}];
    alignas(64) float b[std::size_t{size}];
    save(a, x);
    save(b, y);
    return generate([&a, &b, &f](index_t k) { return f(a[k], b[k]); });
  }

 private:
  static wide half_of(reg x, int first) noexcept {
    alignas(64) float a[std::size_t{size}];
    alignas(64) double y[std::size_t{size} / 2];
    save(a, x);
    // uncovered: targets without SSE2: the digest on AArch64 runs it
    for (int k = 0; k < size / 2; ++k) y[k] = static_cast<double>(a[first + k]);
    return wide::load_unaligned(y);
  }
};

/// The widest float register of the build's target.
using simd_register = xsimd::batch<float, xsimd::default_arch>;

}  // namespace detail

/// As many float tokens as the build's target holds in a register.
using simd_lane = lane<detail::simd_register>;

}}  // namespace cppo

#include <cppo/macros_on.inc>
