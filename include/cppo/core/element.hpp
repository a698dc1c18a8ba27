/// @file
/// What a lent element may be, and how one is read and written.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/half.hpp>
#include <cppo/core/types.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

/// The element types a buffer may have.
enum class element_type : std::uint8_t { f32, f64, f16, bf16, boolean, u8, i8, i16, u16, i32, u32, i64, u64 };

/// Maps an element type to one that the library reads. Specialise it for a half type of your own, for example `template
/// <> struct cppo::element_traits<my::half> { static constexpr auto value = cppo::element_type::f16; };`
template <class T>
struct element_traits;

namespace detail {
template <class T>
concept arithmetic = std::is_same_v<T, float> || std::is_same_v<T, double> || (std::is_integral_v<T> && sizeof(T) <= 8);
/// A compiler's own float of two bytes: _Float16, __fp16, __bf16, std::float16_t, std::bfloat16_t.
template <class T>
concept two_byte_float = !std::is_class_v<T> && !std::is_union_v<T> && !std::is_enum_v<T> && !std::is_integral_v<T> &&
                         sizeof(T) == 2 && requires(T x) { static_cast<T>(static_cast<float>(x)); };

template <class T>
consteval element_type arithmetic_element() {
  if constexpr (std::is_same_v<T, float>) return element_type::f32;
  else if constexpr (std::is_same_v<T, double>) return element_type::f64;
  else if constexpr (std::is_same_v<T, bool>) return element_type::boolean;
  else {
    constexpr bool s = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1) return s ? element_type::i8 : element_type::u8;
    else if constexpr (sizeof(T) == 2) return s ? element_type::i16 : element_type::u16;
    else if constexpr (sizeof(T) == 4) return s ? element_type::i32 : element_type::u32;
    else return s ? element_type::i64 : element_type::u64;
  }
}
}  // namespace detail

/// float, double, bool and integers of up to 64 bits.
template <detail::arithmetic T>
struct element_traits<T> {
  static constexpr element_type value = detail::arithmetic_element<T>();  ///< the element type
};
/// A byte, for a response mask or for the mask that a call writes.
template <>
struct element_traits<std::byte> {
  static constexpr element_type value = element_type::u8;  ///< as std::uint8_t
};
/// A compiler's own half type. It is told by the value 1 + 2^-10, which in a bfloat16 is 1.
template <detail::two_byte_float T>
struct element_traits<T> {
  /// IEEE half or bfloat16
  static constexpr element_type value =
      static_cast<float>(static_cast<T>(1.0F + 0x1p-10F)) > 1.0F ? element_type::f16 : element_type::bf16;
};
/// IEEE half.
template <>
struct element_traits<half> {
  static constexpr element_type value = element_type::f16;  ///< IEEE half
};
/// bfloat16.
template <>
struct element_traits<bfloat16> {
  static constexpr element_type value = element_type::bf16;  ///< bfloat16
};

namespace detail {
/// True if T has the bits of element type e and may be read as it. Of floating-point types only float and double may.
template <class T>
consteval bool is_kind_of(element_type e) {
  if (e == element_type::f32) return std::is_same_v<T, float>;
  if (e == element_type::f64) return std::is_same_v<T, double>;
  if (e == element_type::f16 || e == element_type::bf16) return sizeof(T) == 2;
  return std::is_integral_v<T> || std::is_same_v<T, std::byte>;
}
}  // namespace detail

/// A type whose values the library can read.
template <class T>
concept element = requires { element_traits<std::remove_cv_t<T>>::value; } &&
                  detail::is_kind_of<std::remove_cv_t<T>>(element_traits<std::remove_cv_t<T>>::value);

namespace detail {
/// Cumulative lengths may be any integers. One that int64 does not hold is read as a number below 0, and refused.
template <class T>
concept offset_element = std::is_integral_v<T> && sizeof(T) <= 8 && !std::is_same_v<std::remove_cv_t<T>, bool>;

/// The element type as which T is read. Does not compile for a type that cannot be read, and says why.
template <class T>
consteval element_type type_of_elements() {
  static_assert(
      element<T>,
      "cppo reads float, double, half and bfloat16 types, bool, std::byte and integers of up to 64 bits, in one "
      "block of memory: convert long double, __int128 and enums, flatten what is nested, and specialise "
      "cppo::element_traits for a half type of yours (CUDA's: include <cppo/core/cuda_half.hpp>)");
  if constexpr (element<T>) return element_traits<std::remove_cv_t<T>>::value;
  else return element_type::f32;
}
}  // namespace detail

namespace detail {

/// Element i as an E. On the host its bytes are copied: the buffer may be of another type with the same bits (long
/// long, Eigen::half), which must not be read through an E.
template <class E>
CPPO_HOST_DEVICE constexpr E element_at(void const* data, index_t i) noexcept {
#if defined(__CUDA_ARCH__)
  return static_cast<E const*>(data)[i];  // aligned: one load
#else
  E x{};
  __builtin_memcpy(&x, static_cast<char const*>(data) + i * static_cast<index_t>(sizeof(E)), sizeof(E));
  return x;
#endif
}
/// Sets element i by the bytes of x, as `element_at` reads it.
template <class E>
CPPO_HOST_DEVICE constexpr void set_element(void* data, index_t i, E x) noexcept {
#if defined(__CUDA_ARCH__)
  static_cast<E*>(data)[i] = x;
#else
  __builtin_memcpy(static_cast<char*>(data) + i * static_cast<index_t>(sizeof(E)), &x, sizeof(E));
#endif
}

/// Element i as float or double, converted when it is read.
template <class Real>
CPPO_HOST_DEVICE constexpr Real load(void const* data, element_type type, index_t i) noexcept {
  switch (type) {
    case element_type::f32: return static_cast<Real>(element_at<float>(data, i));
    case element_type::f64: return static_cast<Real>(element_at<double>(data, i));
    case element_type::f16: return static_cast<Real>(to_float(element_at<half>(data, i)));
    case element_type::bf16: return static_cast<Real>(to_float(element_at<bfloat16>(data, i)));
    case element_type::boolean:
    case element_type::u8: return static_cast<Real>(element_at<std::uint8_t>(data, i));
    case element_type::i8: return static_cast<Real>(element_at<std::int8_t>(data, i));
    case element_type::i16: return static_cast<Real>(element_at<std::int16_t>(data, i));
    case element_type::u16: return static_cast<Real>(element_at<std::uint16_t>(data, i));
    case element_type::i32: return static_cast<Real>(element_at<std::int32_t>(data, i));
    case element_type::u32: return static_cast<Real>(element_at<std::uint32_t>(data, i));
    case element_type::i64: return static_cast<Real>(element_at<std::int64_t>(data, i));
    case element_type::u64: return static_cast<Real>(element_at<std::uint64_t>(data, i));
  }
  return Real{};
}

/// Element i of a buffer of integers (ids, offsets).
CPPO_HOST_DEVICE constexpr index_t load_index(void const* data, element_type type, index_t i) noexcept {
  switch (type) {
    case element_type::i32: return element_at<std::int32_t>(data, i);
    case element_type::i64: return element_at<std::int64_t>(data, i);
    case element_type::u32: return element_at<std::uint32_t>(data, i);
    case element_type::u64: return static_cast<index_t>(element_at<std::uint64_t>(data, i));
    case element_type::i16: return element_at<std::int16_t>(data, i);
    case element_type::u16: return element_at<std::uint16_t>(data, i);
    case element_type::i8: return element_at<std::int8_t>(data, i);
    case element_type::u8: return element_at<std::uint8_t>(data, i);
    default: return -1;
  }
}

/// Element i of a response mask: 0, 1, or 2 for any other value, NaN included.
CPPO_HOST_DEVICE constexpr std::uint8_t load_mask(void const* data, element_type type, index_t i) noexcept {
  if (type == element_type::boolean || type == element_type::u8) {
    std::uint8_t const byte = element_at<std::uint8_t>(data, i);
    return byte > 1 ? std::uint8_t{2} : byte;
  }
  double const x = load<double>(data, type, i);
  return x == 0.0 ? std::uint8_t{0} : x == 1.0 ? std::uint8_t{1} : std::uint8_t{2};
}

/// Stores x as `type`: half and bfloat16 are rounded to nearest even (through float), integers truncate.
template <class Real>
CPPO_HOST_DEVICE constexpr void store(void* data, element_type type, index_t i, Real x) noexcept {
  switch (type) {
    case element_type::f32: set_element(data, i, static_cast<float>(x)); break;
    case element_type::f64: set_element(data, i, static_cast<double>(x)); break;
    case element_type::f16: set_element(data, i, to_half(static_cast<float>(x))); break;
    case element_type::bf16: set_element(data, i, to_bfloat16(static_cast<float>(x))); break;
    case element_type::boolean:
    case element_type::u8: set_element(data, i, static_cast<std::uint8_t>(x)); break;
    case element_type::i8: set_element(data, i, static_cast<std::int8_t>(x)); break;
    case element_type::i16: set_element(data, i, static_cast<std::int16_t>(x)); break;
    case element_type::u16: set_element(data, i, static_cast<std::uint16_t>(x)); break;
    case element_type::i32: set_element(data, i, static_cast<std::int32_t>(x)); break;
    case element_type::u32: set_element(data, i, static_cast<std::uint32_t>(x)); break;
    case element_type::i64: set_element(data, i, static_cast<std::int64_t>(x)); break;
    case element_type::u64: set_element(data, i, static_cast<std::uint64_t>(x)); break;
  }
}

/// Bytes of one element.
CPPO_HOST_DEVICE constexpr index_t size_of(element_type type) noexcept {
  switch (type) {
    case element_type::f64:
    case element_type::i64:
    case element_type::u64: return 8;
    case element_type::f32:
    case element_type::i32:
    case element_type::u32: return 4;
    case element_type::f16:
    case element_type::bf16:
    case element_type::i16:
    case element_type::u16: return 2;
    default: return 1;
  }
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
