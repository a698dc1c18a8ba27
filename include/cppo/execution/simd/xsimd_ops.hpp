/// @file
/// xsimd's registers as the lanes know them: the shim over xsimd 8 to 14. Only this file, double_registers.hpp and
/// registers.hpp name xsimd.
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
#include <limits>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

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
  CPPO_ALWAYS_INLINE static reg add(reg a, reg b) noexcept { a.data = a.data + b.data; return a; }
  CPPO_ALWAYS_INLINE static reg sub(reg a, reg b) noexcept { a.data = a.data - b.data; return a; }
  CPPO_ALWAYS_INLINE static reg mul(reg a, reg b) noexcept {
    auto p = a.data * b.data;
    CPPO_ROUNDED(p);
    a.data = p;
    return a;
  }
  CPPO_ALWAYS_INLINE static reg exact_mul(reg a, reg b) noexcept { a.data = a.data * b.data; return a; }
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

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
