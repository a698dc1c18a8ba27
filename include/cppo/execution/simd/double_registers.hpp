/// @file
/// Registers of doubles, for what is computed in double inside a call in float.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/xsimd_ops.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One register of doubles.
template <class A>
struct register_ops<xsimd::batch<double, A>> : xsimd_ops<double, std::int64_t, 52, A> {
  using base = xsimd_ops<double, std::int64_t, 52, A>;
  using typename base::reg, typename base::ints;
  using bits = int_register<std::uint64_t, A>;

  /// See `scalar_ops`.
  /// @{
  CPPO_ALWAYS_INLINE static reg exponent(reg x) noexcept {
    // Shifted without sign: AVX2 has no other shift of 64 bits. The bits are those of 2^52 + the biased exponent.
    reg const moved = unsigned_as_floats((as_unsigned(x) >> 52) | bits(std::uint64_t{0x4330000000000000U}));
    return base::sub(moved, base::broadcast(0x1p52 + 1023.0));
  }
  CPPO_ALWAYS_INLINE static reg significand(reg x) noexcept {
    ints const fraction = base::as_ints(x) & ints(std::int64_t{0x000fffffffffffff});
    return base::as_floats(fraction | ints(std::int64_t{0x3ff0000000000000}));
  }
  /// @}

  /// The bits of x.
  CPPO_ALWAYS_INLINE static bits as_unsigned(reg x) noexcept {
    if constexpr (plain_vectors) return bits(reinterpret_cast<typename bits::vector>(x.data));
#if XSIMD_VERSION_MAJOR >= 11
    else return xsimd::bitwise_cast<std::uint64_t>(x);
#else
    else return xsimd::bitwise_cast<xsimd::batch<std::uint64_t, A>>(x);
#endif
  }

 private:
  CPPO_ALWAYS_INLINE static reg unsigned_as_floats(bits x) noexcept {
    if constexpr (plain_vectors) return base::of(reinterpret_cast<typename base::vector>(x.data));
#if XSIMD_VERSION_MAJOR >= 11
    else return xsimd::bitwise_cast<double>(x);
#else
    else return xsimd::bitwise_cast<reg>(x);
#endif
  }
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

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
