/// @file
/// IEEE half and bfloat16 as storage: converted to float on load, rounded to nearest even on store.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/config.hpp>

#include <cstdint>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// A number that a half type is rounded from. Integers are not among them: they are taken as the bits of a half.
template <class T>
concept rounded_to_half = !std::is_integral_v<T> && requires(T const& x) { static_cast<float>(x); };
}  // namespace detail

/// IEEE binary16, for storage. `std::uint16_t` buffers may be lent through `reinterpret_cast<half const*>`.
struct half {
  std::uint16_t bits = 0;  ///< sign 1, exponent 5, fraction 10

  constexpr half() noexcept = default;
  /// The half with these bits: half{0x3c00} is 1.
  CPPO_HOST_DEVICE explicit constexpr half(std::uint16_t b) noexcept : bits(b) {}
  /// The half nearest to a number, as `to_half` rounds: half(-0.5), std::vector<half>(x.begin(), x.end()).
  template <detail::rounded_to_half Real>
  CPPO_HOST_DEVICE explicit constexpr half(Real const& x) noexcept;
};

/// bfloat16: the upper half of a float.
struct bfloat16 {
  std::uint16_t bits = 0;  ///< sign 1, exponent 8, fraction 7

  constexpr bfloat16() noexcept = default;
  /// The bfloat16 with these bits: bfloat16{0x3f80} is 1.
  CPPO_HOST_DEVICE explicit constexpr bfloat16(std::uint16_t b) noexcept : bits(b) {}
  /// The bfloat16 nearest to a number, as `to_bfloat16` rounds.
  template <detail::rounded_to_half Real>
  CPPO_HOST_DEVICE explicit constexpr bfloat16(Real const& x) noexcept;
};

/// The same number as a float, exactly. NaN stays NaN; infinities and subnormals are kept.
CPPO_HOST_DEVICE constexpr float to_float(bfloat16 x) noexcept {
  return detail::bits_as<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// The same number as a float, exactly. NaN stays NaN; infinities and subnormals are kept.
CPPO_HOST_DEVICE constexpr float to_float(half x) noexcept {
  std::uint32_t const sign = (x.bits & 0x8000U) << 16;
  std::uint32_t const exponent = (x.bits >> 10) & 0x1fU;
  std::uint32_t const fraction = x.bits & 0x3ffU;
  if (exponent == 0) {  // fraction * 2^-24, exact
    float const magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return detail::bits_as<float>(detail::bits_as<std::uint32_t>(magnitude) | sign);
  }
  std::uint32_t const wide = exponent == 31 ? 0xffU : exponent + 112U;
  return detail::bits_as<float>(sign | (wide << 23) | (fraction << 13));
}

/// Rounds to nearest, ties to even. NaN becomes a quiet NaN.
CPPO_HOST_DEVICE constexpr bfloat16 to_bfloat16(float x) noexcept {
  std::uint32_t const u = detail::bits_as<std::uint32_t>(x);
  if ((u & 0x7fffffffU) > 0x7f800000U) return bfloat16{static_cast<std::uint16_t>((u >> 16) | 0x40U)};
  return bfloat16{static_cast<std::uint16_t>((u + 0x7fffU + ((u >> 16) & 1U)) >> 16)};
}

/// Rounds to nearest, ties to even; to infinity beyond 65504. NaN becomes a quiet NaN.
CPPO_HOST_DEVICE constexpr half to_half(float x) noexcept {
  std::uint32_t const u = detail::bits_as<std::uint32_t>(x);
  auto const sign = static_cast<std::uint16_t>((u >> 16) & 0x8000U);
  std::uint32_t const magnitude = u & 0x7fffffffU;
  auto const with_sign = [sign](std::uint32_t m) { return half{static_cast<std::uint16_t>(sign | m)}; };
  if (magnitude > 0x7f800000U) return with_sign(0x7e00U);
  if (magnitude >= 0x477ff000U) return with_sign(0x7c00U);
  if (magnitude < 0x38800000U) {  // subnormal half: round to a multiple of 2^-24 by adding 0.5 (ulp 2^-24)
    float const sum = detail::bits_as<float>(magnitude) + 0.5F;
    // equivalent: the lower 16 bits, which are kept, are the same
    return with_sign(detail::bits_as<std::uint32_t>(sum) - 0x3f000000U);
  }
  std::uint32_t const odd = (magnitude >> 13) & 1U;
  return with_sign((magnitude - 0x38000000U + 0xfffU + odd) >> 13);
}

template <detail::rounded_to_half Real>
CPPO_HOST_DEVICE constexpr half::half(Real const& x) noexcept : half(to_half(static_cast<float>(x))) {}
template <detail::rounded_to_half Real>
CPPO_HOST_DEVICE constexpr bfloat16::bfloat16(Real const& x) noexcept : bfloat16(to_bfloat16(static_cast<float>(x))) {}

}}  // namespace cppo

#include <cppo/macros_on.inc>
