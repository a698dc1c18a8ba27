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

#include <cstdint>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Elementary operations on a register of floats.
template <class A>
struct register_ops<xsimd::batch<float, A>> {
  using reg = xsimd::batch<float, A>;
  using ints = xsimd::batch<std::int32_t, A>;
  using value_type = float;
  using mask_type = xsimd::batch_bool<float, A>;
  static constexpr int size = static_cast<int>(reg::size);

  CPPO_ALWAYS_INLINE static ints as_ints(reg x) noexcept {
#if XSIMD_VERSION_MAJOR >= 11
    return xsimd::bitwise_cast<std::int32_t>(x);
#else
    return xsimd::bitwise_cast<ints>(x);
#endif
  }
  CPPO_ALWAYS_INLINE static reg as_floats(ints x) noexcept {
#if XSIMD_VERSION_MAJOR >= 11
    return xsimd::bitwise_cast<float>(x);
#else
    return xsimd::bitwise_cast<reg>(x);
#endif
  }
  CPPO_ALWAYS_INLINE static reg load(float const* p) noexcept { return reg::load_unaligned(p); }
  CPPO_ALWAYS_INLINE static void save(float* p, reg x) noexcept { x.store_unaligned(p); }
  CPPO_ALWAYS_INLINE static void save(std::int32_t* p, ints x) noexcept { x.store_unaligned(p); }

  CPPO_ALWAYS_INLINE static reg broadcast(float x) noexcept { return reg(x); }
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
    return reg(vdivq_f32(a.data, b.data));
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
#endif
#if defined(__SSE2__)
    if constexpr (sizeof(m.data) == sizeof(a.data)) return reg(m.data) & a;
#endif
    return xsimd::select(m, a, reg(0.0F));
  }
  CPPO_ALWAYS_INLINE static mask_type both(mask_type a, mask_type b) noexcept { return a & b; }
  CPPO_ALWAYS_INLINE static mask_type either(mask_type a, mask_type b) noexcept { return a | b; }
  CPPO_ALWAYS_INLINE static mask_type negate(mask_type a) noexcept { return ~a; }
  CPPO_ALWAYS_INLINE static bool every(mask_type a) noexcept { return xsimd::all(a); }
  CPPO_ALWAYS_INLINE static bool any(mask_type a) noexcept { return xsimd::any(a); }
  CPPO_ALWAYS_INLINE static reg flip_sign(reg x, reg by) noexcept { return x ^ (by & reg(-0.0F)); }
  CPPO_ALWAYS_INLINE static reg magnitude(reg x) noexcept { return x & reg(bits_as<float>(0x7fffffffU)); }
  CPPO_ALWAYS_INLINE static ints larger(ints a, ints b) noexcept { return xsimd::max(a, b); }
  CPPO_ALWAYS_INLINE static bool every_at_most(ints x, std::int32_t limit) noexcept {
    return xsimd::all(x <= ints(limit));
  }
  CPPO_ALWAYS_INLINE static mask_type nonnegative(ints x) noexcept { return reg(0.0F) <= xsimd::to_float(x); }
  CPPO_ALWAYS_INLINE static reg to_exponent(reg t) noexcept { return as_floats(as_ints(t) << 23); }

  /// Both limbs of x on the grid of `exact_sum`: the same integers as `to_grid`.
  CPPO_ALWAYS_INLINE static void to_grid(reg x, ints& high, ints& low) noexcept {
    reg const scaled = x * reg(32768.0F);
    high = xsimd::nearbyint_as_int(scaled);
    low = xsimd::nearbyint_as_int((scaled - xsimd::to_float(high)) * reg(33554432.0F));
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
};

/// The widest float register of the build's target.
using simd_register = xsimd::batch<float, xsimd::default_arch>;

}  // namespace detail

/// As many float tokens as the build's target holds in a register.
using simd_lane = lane<detail::simd_register>;

}}  // namespace cppo

#include <cppo/macros_on.inc>
