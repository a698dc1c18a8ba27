/// @file
/// xsimd's registers as the lanes know them: the shim over xsimd 8 to 14. Only this file, double_registers.hpp and
/// registers.hpp name xsimd.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>
#include <cppo/execution/simd/x86_vectors.hpp>

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
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A register of integers, whose sums wrap round.
#if defined(__SSE2__)
template <class Int, class A>
struct int_register : xsimd::batch<Int, A> {
  using batch = xsimd::batch<Int, A>;
  using vector = typename batch::register_type;

  int_register() noexcept = default;
  CPPO_ALWAYS_INLINE int_register(batch x) noexcept : batch(x) {}
  CPPO_ALWAYS_INLINE explicit int_register(vector x) noexcept { this->data = x; }
  CPPO_ALWAYS_INLINE explicit int_register(Int x) noexcept
      : int_register(reinterpret_cast<vector>(words{} + static_cast<std::make_unsigned_t<Int>>(x))) {}
  CPPO_ALWAYS_INLINE static int_register load_unaligned(Int const* p) noexcept { return batch::load_unaligned(p); }

  CPPO_ALWAYS_INLINE friend int_register operator+(int_register a, int_register b) noexcept {
    return of(a.bits() + b.bits());
  }
  CPPO_ALWAYS_INLINE friend int_register operator-(int_register a, int_register b) noexcept {
    return of(a.bits() - b.bits());
  }
  CPPO_ALWAYS_INLINE friend int_register operator&(int_register a, int_register b) noexcept {
    return int_register(a.data & b.data);
  }
  CPPO_ALWAYS_INLINE friend int_register operator|(int_register a, int_register b) noexcept {
    return int_register(a.data | b.data);
  }
  CPPO_ALWAYS_INLINE friend int_register operator^(int_register a, int_register b) noexcept {
    return int_register(a.data ^ b.data);
  }
  CPPO_ALWAYS_INLINE friend int_register operator<<(int_register a, int n) noexcept { return of(a.bits() << n); }
  CPPO_ALWAYS_INLINE friend int_register operator>>(int_register a, int n) noexcept {
    return of(__builtin_bit_cast(numbers, a.data) >> n);
  }

 private:
  typedef Int numbers __attribute__((vector_size(sizeof(vector))));
  typedef std::make_unsigned_t<Int> words __attribute__((vector_size(sizeof(vector))));

  CPPO_ALWAYS_INLINE words bits() const noexcept { return __builtin_bit_cast(words, this->data); }
  template <class Vector>
  CPPO_ALWAYS_INLINE static int_register of(Vector x) noexcept {
    return int_register(reinterpret_cast<vector>(x));
  }
};
#else
template <class Int, class A>
using int_register = xsimd::batch<Int, A>;
#endif

/// Elementary operations on a register of T, on instruction set A.
template <class T, class Int, int MantissaBits, class A>
struct xsimd_ops {
  using reg = xsimd::batch<T, A>;
  using ints = int_register<Int, A>;
  using value_type = T;
  using mask_type = xsimd::batch_bool<T, A>;
  static constexpr int size = static_cast<int>(reg::size);

 protected:
  using vector = typename reg::register_type;
  using plain = vector_ops<T, sizeof(reg)>;
  /// True if masks are what `plain` takes for them.
  static constexpr bool plain_masks = plain_vectors && (sizeof(mask_type) == sizeof(reg) || sizeof(reg) == 64);
  template <class Mask>
  CPPO_ALWAYS_INLINE static mask_type mask_of(Mask x) noexcept {
    mask_type m;
    m.data = x;
    return m;
  }

 public:
  CPPO_ALWAYS_INLINE static ints as_ints(reg x) noexcept {
    if constexpr (plain_vectors) return ints(reinterpret_cast<typename ints::vector>(x.data));
#if XSIMD_VERSION_MAJOR >= 11
    else return xsimd::bitwise_cast<Int>(x);
#else
    else return xsimd::bitwise_cast<xsimd::batch<Int, A>>(x);
#endif
  }
  CPPO_ALWAYS_INLINE static reg as_floats(ints x) noexcept {
    if constexpr (plain_vectors) return of(reinterpret_cast<vector>(x.data));
#if XSIMD_VERSION_MAJOR >= 11
    else return xsimd::bitwise_cast<T>(x);
#else
    else return xsimd::bitwise_cast<reg>(x);
#endif
  }
  /// A register of a vector.
  CPPO_ALWAYS_INLINE static reg of(vector x) noexcept {
    reg r;
    r.data = x;
    return r;
  }
  CPPO_ALWAYS_INLINE static reg load(T const* p) noexcept {
    if constexpr (plain_vectors) return of(plain::load(p));
    else return reg::load_unaligned(p);
  }
  CPPO_ALWAYS_INLINE static void save(T* p, reg x) noexcept {
    if constexpr (plain_vectors) plain::save(p, x.data);
    else x.store_unaligned(p);
  }
  CPPO_ALWAYS_INLINE static void save(Int* p, ints x) noexcept { x.store_unaligned(p); }

  CPPO_ALWAYS_INLINE static reg broadcast(T x) noexcept {
    if constexpr (plain_vectors) return of(plain::broadcast(x));
    else return reg(x);
  }
  CPPO_ALWAYS_INLINE static reg add(reg a, reg b) noexcept {
    if constexpr (plain_vectors) return of(a.data + b.data);
    else return a + b;
  }
  CPPO_ALWAYS_INLINE static reg sub(reg a, reg b) noexcept {
    if constexpr (plain_vectors) return of(a.data - b.data);
    else return a - b;
  }
  CPPO_ALWAYS_INLINE static reg mul(reg a, reg b) noexcept {
    auto p = exact_mul(a, b).data;
    CPPO_ROUNDED(p);
    return of(p);
  }
  CPPO_ALWAYS_INLINE static reg exact_mul(reg a, reg b) noexcept {
    if constexpr (plain_vectors) return of(a.data * b.data);
    else return a * b;
  }
  // The instruction: on ARM some versions of xsimd multiply by an estimate of the reciprocal.
  CPPO_ALWAYS_INLINE static reg div(reg a, reg b) noexcept {
#if defined(__aarch64__) && !defined(__ARM_FEATURE_SVE)
    if constexpr (sizeof(T) == 4) return reg(vdivq_f32(a.data, b.data));
    else return reg(vdivq_f64(a.data, b.data));
#else
    if constexpr (plain_vectors) return of(a.data / b.data);
    else return a / b;
#endif
  }
  // Rounded correctly, as IEEE asks.
  CPPO_ALWAYS_INLINE static reg sqrt(reg a) noexcept {
    if constexpr (plain_vectors) return of(plain::sqrt(a.data));
    // uncovered: targets without SSE2: the digest on AArch64 runs it
    else return xsimd::sqrt(a);
  }
  // On x86 one instruction; elsewhere `min` of a NaN or of zeros of both signs may differ from what a lane's is.
  CPPO_ALWAYS_INLINE static reg min(reg a, reg b) noexcept {
    if constexpr (plain_vectors) return of(plain::min(a.data, b.data));
    // uncovered: targets without SSE2: the digest on AArch64 runs it
    else return select(lt(a, b), a, b);
  }
  CPPO_ALWAYS_INLINE static reg max(reg a, reg b) noexcept {
    if constexpr (plain_vectors) return of(plain::max(a.data, b.data));
    // uncovered: targets without SSE2: the digest on AArch64 runs it
    else return select(lt(b, a), a, b);
  }
  CPPO_ALWAYS_INLINE static mask_type lt(reg a, reg b) noexcept {
    if constexpr (plain_masks) return mask_of(plain::lt(a.data, b.data));
    else return a < b;
  }
  CPPO_ALWAYS_INLINE static mask_type le(reg a, reg b) noexcept {
    if constexpr (plain_masks) return mask_of(plain::le(a.data, b.data));
    else return a <= b;
  }
  CPPO_ALWAYS_INLINE static mask_type eq(reg a, reg b) noexcept {
    if constexpr (plain_masks) return mask_of(plain::eq(a.data, b.data));
    else return a == b;
  }
  CPPO_ALWAYS_INLINE static reg select(mask_type m, reg a, reg b) noexcept {
    if constexpr (plain_masks) return of(plain::select(m.data, a.data, b.data));
    else return xsimd::select(m, a, b);
  }
  CPPO_ALWAYS_INLINE static reg only(mask_type m, reg a) noexcept {
    if constexpr (plain_masks) return of(plain::only(m.data, a.data));
    else return xsimd::select(m, a, reg(T(0)));
  }
  CPPO_ALWAYS_INLINE static mask_type both(mask_type a, mask_type b) noexcept {
    if constexpr (plain_masks) return mask_of(plain::both(a.data, b.data));
    else return a & b;
  }
  CPPO_ALWAYS_INLINE static mask_type either(mask_type a, mask_type b) noexcept {
    if constexpr (plain_masks) return mask_of(plain::either(a.data, b.data));
    else return a | b;
  }
  CPPO_ALWAYS_INLINE static mask_type negate(mask_type a) noexcept { return ~a; }
  CPPO_ALWAYS_INLINE static bool every(mask_type a) noexcept { return xsimd::all(a); }
  CPPO_ALWAYS_INLINE static bool any(mask_type a) noexcept { return xsimd::any(a); }
  CPPO_ALWAYS_INLINE static reg flip_sign(reg x, reg by) noexcept {
    return as_floats(as_ints(x) ^ (as_ints(by) & ints(std::numeric_limits<Int>::min())));
  }
  CPPO_ALWAYS_INLINE static reg magnitude(reg x) noexcept {
    return as_floats(as_ints(x) & ints(std::numeric_limits<Int>::max()));
  }
  CPPO_ALWAYS_INLINE static reg common_bits(reg a, reg b) noexcept { return as_floats(as_ints(a) & as_ints(b)); }
  CPPO_ALWAYS_INLINE static reg to_exponent(reg t) noexcept { return as_floats(as_ints(t) << MantissaBits); }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
