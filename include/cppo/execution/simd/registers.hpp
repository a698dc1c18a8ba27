/// @file
/// xsimd as a lane register: the shim over xsimd 8 to 14. Only this file names xsimd.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>

#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wconversion"
#pragma clang diagnostic ignored "-Wshadow"
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
#include <xsimd/xsimd.hpp>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

#include <cstddef>
#include <cstdint>
#include <limits>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Elementary operations on a register of T, on instruction set A.
template <class T, class Int, int MantissaBits, class A>
struct xsimd_ops {
  using reg = xsimd::batch<T, A>;
  using ints = xsimd::batch<Int, A>;
  using value_type = T;
  using mask_type = xsimd::batch_bool<T, A>;
  static constexpr int size = static_cast<int>(reg::size);

  CPPO_ALWAYS_INLINE static ints as_ints(reg x) noexcept {
#if XSIMD_VERSION_MAJOR >= 11
    return xsimd::bitwise_cast<Int>(x);
#else
    return xsimd::bitwise_cast<ints>(x);
#endif
  }
  CPPO_ALWAYS_INLINE static reg as_floats(ints x) noexcept {
#if XSIMD_VERSION_MAJOR >= 11
    return xsimd::bitwise_cast<T>(x);
#else
    return xsimd::bitwise_cast<reg>(x);
#endif
  }
  CPPO_ALWAYS_INLINE static reg load(T const* p) noexcept { return reg::load_unaligned(p); }
  CPPO_ALWAYS_INLINE static void save(T* p, reg x) noexcept { x.store_unaligned(p); }
  CPPO_ALWAYS_INLINE static void save(Int* p, ints x) noexcept { x.store_unaligned(p); }

  CPPO_ALWAYS_INLINE static reg broadcast(T x) noexcept { return reg(x); }
  CPPO_ALWAYS_INLINE static reg add(reg a, reg b) noexcept { return a + b; }
  CPPO_ALWAYS_INLINE static reg sub(reg a, reg b) noexcept { return a - b; }
  CPPO_ALWAYS_INLINE static reg mul(reg a, reg b) noexcept {
    auto p = (a * b).data;
    CPPO_ROUNDED(p);
    return reg(p);
  }
  CPPO_ALWAYS_INLINE static reg exact_mul(reg a, reg b) noexcept { return a * b; }
  // The instruction: on ARM some versions of xsimd multiply by an estimate of the reciprocal.
  CPPO_ALWAYS_INLINE static reg div(reg a, reg b) noexcept {
#if defined(__aarch64__) && !defined(__ARM_FEATURE_SVE)
    if constexpr (sizeof(T) == 4) return reg(vdivq_f32(a.data, b.data));
    else return reg(vdivq_f64(a.data, b.data));
#else
    return a / b;
#endif
  }
  // On x86 one instruction; elsewhere `min` of a NaN or of zeros of both signs may differ from what a lane's is.
#if defined(__SSE2__)
  CPPO_ALWAYS_INLINE static reg min(reg a, reg b) noexcept { return xsimd::min(a, b); }
  CPPO_ALWAYS_INLINE static reg max(reg a, reg b) noexcept { return xsimd::max(a, b); }
#else
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  CPPO_ALWAYS_INLINE static reg min(reg a, reg b) noexcept { return select(lt(a, b), a, b); }
  // uncovered: targets without SSE2: the digest on AArch64 runs it
  CPPO_ALWAYS_INLINE static reg max(reg a, reg b) noexcept { return select(lt(b, a), a, b); }
#endif
  CPPO_ALWAYS_INLINE static mask_type lt(reg a, reg b) noexcept { return a < b; }
  CPPO_ALWAYS_INLINE static mask_type le(reg a, reg b) noexcept { return a <= b; }
  CPPO_ALWAYS_INLINE static mask_type eq(reg a, reg b) noexcept { return a == b; }
  CPPO_ALWAYS_INLINE static reg select(mask_type m, reg a, reg b) noexcept { return xsimd::select(m, a, b); }
  CPPO_ALWAYS_INLINE static reg only(mask_type m, reg a) noexcept {
#if defined(__AVX512F__)
    if constexpr (size == 16) return reg(_mm512_maskz_mov_ps(m.data, a.data));
    if constexpr (size == 8 && sizeof(m.data) == 1) return reg(_mm512_maskz_mov_pd(m.data, a.data));
#endif
#if defined(__SSE2__)
    if constexpr (sizeof(m.data) == sizeof(a.data)) return reg(m.data) & a;
#endif
    return xsimd::select(m, a, reg(T(0)));
  }
  CPPO_ALWAYS_INLINE static mask_type both(mask_type a, mask_type b) noexcept { return a & b; }
  CPPO_ALWAYS_INLINE static mask_type either(mask_type a, mask_type b) noexcept { return a | b; }
  CPPO_ALWAYS_INLINE static mask_type negate(mask_type a) noexcept { return ~a; }
  CPPO_ALWAYS_INLINE static bool every(mask_type a) noexcept { return xsimd::all(a); }
  CPPO_ALWAYS_INLINE static bool any(mask_type a) noexcept { return xsimd::any(a); }
  CPPO_ALWAYS_INLINE static reg flip_sign(reg x, reg by) noexcept { return x ^ (by & reg(T(-0.0))); }
  CPPO_ALWAYS_INLINE static reg magnitude(reg x) noexcept {
    return x & as_floats(ints(std::numeric_limits<Int>::max()));
  }
  CPPO_ALWAYS_INLINE static reg to_exponent(reg t) noexcept { return as_floats(as_ints(t) << MantissaBits); }
};

/// Registers of doubles, for what is computed in double inside a call in float.
template <class A>
struct register_ops<xsimd::batch<double, A>> : xsimd_ops<double, std::int64_t, 52, A> {
  using base = xsimd_ops<double, std::int64_t, 52, A>;
  using typename base::reg, typename base::ints;
  using bits = xsimd::batch<std::uint64_t, A>;

  /// See `scalar_ops`.
  /// @{
  CPPO_ALWAYS_INLINE static reg exponent(reg x) noexcept {
    // Shifted without sign: AVX2 has no other shift of 64 bits. The bits are those of 2^52 + the biased exponent.
    return unsigned_as_floats((as_unsigned(x) >> 52) | bits(0x4330000000000000U)) - reg(0x1p52 + 1023.0);
  }
  CPPO_ALWAYS_INLINE static reg significand(reg x) noexcept {
    ints const fraction = base::as_ints(x) & ints(std::int64_t{0x000fffffffffffff});
    return base::as_floats(fraction | ints(std::int64_t{0x3ff0000000000000}));
  }
  /// @}

 private:
#if XSIMD_VERSION_MAJOR >= 11
  CPPO_ALWAYS_INLINE static bits as_unsigned(reg x) noexcept { return xsimd::bitwise_cast<std::uint64_t>(x); }
  CPPO_ALWAYS_INLINE static reg unsigned_as_floats(bits x) noexcept { return xsimd::bitwise_cast<double>(x); }
#else
  CPPO_ALWAYS_INLINE static bits as_unsigned(reg x) noexcept { return xsimd::bitwise_cast<bits>(x); }
  CPPO_ALWAYS_INLINE static reg unsigned_as_floats(bits x) noexcept { return xsimd::bitwise_cast<reg>(x); }
#endif
};

/// As many doubles as a register holds floats: two registers, so that each step has two independent instructions.
template <class A>
struct double_pair {
  xsimd::batch<double, A> low, high;
};
template <class A>
struct double_pair_mask {
  xsimd::batch_bool<double, A> low, high;
};
template <class A>
struct register_ops<double_pair<A>> {
  using half = register_ops<xsimd::batch<double, A>>;
  using reg = double_pair<A>;
  using value_type = double;
  using mask_type = double_pair_mask<A>;
  static constexpr int size = 2 * half::size;

  CPPO_ALWAYS_INLINE static reg broadcast(double x) noexcept { return {half::broadcast(x), half::broadcast(x)}; }
  CPPO_ALWAYS_INLINE static reg add(reg a, reg b) noexcept {
    return {half::add(a.low, b.low), half::add(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg sub(reg a, reg b) noexcept {
    return {half::sub(a.low, b.low), half::sub(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg mul(reg a, reg b) noexcept {
    return {half::mul(a.low, b.low), half::mul(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg exact_mul(reg a, reg b) noexcept {
    return {half::exact_mul(a.low, b.low), half::exact_mul(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg div(reg a, reg b) noexcept {
    return {half::div(a.low, b.low), half::div(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg min(reg a, reg b) noexcept {
    return {half::min(a.low, b.low), half::min(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg max(reg a, reg b) noexcept {
    return {half::max(a.low, b.low), half::max(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static mask_type lt(reg a, reg b) noexcept {
    return {half::lt(a.low, b.low), half::lt(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static mask_type le(reg a, reg b) noexcept {
    return {half::le(a.low, b.low), half::le(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static mask_type eq(reg a, reg b) noexcept {
    return {half::eq(a.low, b.low), half::eq(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg select(mask_type m, reg a, reg b) noexcept {
    return {half::select(m.low, a.low, b.low), half::select(m.high, a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static reg only(mask_type m, reg a) noexcept {
    return {half::only(m.low, a.low), half::only(m.high, a.high)};
  }
  CPPO_ALWAYS_INLINE static mask_type both(mask_type a, mask_type b) noexcept {
    return {half::both(a.low, b.low), half::both(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static mask_type either(mask_type a, mask_type b) noexcept {
    return {half::either(a.low, b.low), half::either(a.high, b.high)};
  }
  CPPO_ALWAYS_INLINE static mask_type negate(mask_type a) noexcept {
    return {half::negate(a.low), half::negate(a.high)};
  }
  CPPO_ALWAYS_INLINE static reg flip_sign(reg x, reg by) noexcept {
    return {half::flip_sign(x.low, by.low), half::flip_sign(x.high, by.high)};
  }
  CPPO_ALWAYS_INLINE static reg magnitude(reg x) noexcept { return {half::magnitude(x.low), half::magnitude(x.high)}; }
  CPPO_ALWAYS_INLINE static reg to_exponent(reg t) noexcept {
    return {half::to_exponent(t.low), half::to_exponent(t.high)};
  }
  CPPO_ALWAYS_INLINE static reg exponent(reg x) noexcept { return {half::exponent(x.low), half::exponent(x.high)}; }
  CPPO_ALWAYS_INLINE static reg significand(reg x) noexcept {
    return {half::significand(x.low), half::significand(x.high)};
  }
};

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
  CPPO_ALWAYS_INLINE static reg to_number(ints x) noexcept { return xsimd::to_float(x); }
  CPPO_ALWAYS_INLINE static mask_type nonnegative(ints x) noexcept { return reg(0.0F) <= xsimd::to_float(x); }

  /// Both limbs of x on the grid of `exact_sum`: the same integers as `to_grid`.
  CPPO_ALWAYS_INLINE static void to_grid(reg x, ints& high, ints& low) noexcept {
    reg const scaled = x * reg(32768.0F);
    high = xsimd::nearbyint_as_int(scaled);
    low = xsimd::nearbyint_as_int((scaled - xsimd::to_float(high)) * reg(33554432.0F));
  }

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
    return xsimd::to_float(ints::load_unaligned(steps) + ints(static_cast<std::int32_t>(first)));
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
