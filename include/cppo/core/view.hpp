/// @file
/// Non-owning views of lent buffers, and the erased form the engine reads them through.
///
/// Views keep mdspan's member names (`data_handle`, `extent`, `stride`), count strides in elements, and allow any sign
/// of stride: 0 repeats one value, negative walks backwards. They are trivially copyable and usable on a device.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/half.hpp>
#include <cppo/core/types.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace cppo::inline CPPO_ABI {

/// The element types a buffer may have.
enum class element_type : std::uint8_t { f32, f64, f16, bf16, boolean, u8, i8, i16, u16, i32, u32, i64, u64 };

/// Maps an element type to one the engine reads; specialise it for a half type of yours, for example
/// `template <> struct cppo::element_traits<my::half> { static constexpr auto value = cppo::element_type::f16; };`
template <class T>
struct element_traits;

namespace detail {
template <class T>
concept arithmetic = std::is_arithmetic_v<T>;

template <class T>
consteval element_type arithmetic_element() {
  if constexpr (std::is_same_v<T, float>) return element_type::f32;
  else if constexpr (std::is_same_v<T, double>) return element_type::f64;
  else if constexpr (std::is_same_v<T, bool>) return element_type::boolean;
  else {
    static_assert(std::is_integral_v<T>, "cppo reads float, double, half, bfloat16, bool and integers");
    constexpr bool s = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1) return s ? element_type::i8 : element_type::u8;
    else if constexpr (sizeof(T) == 2) return s ? element_type::i16 : element_type::u16;
    else if constexpr (sizeof(T) == 4) return s ? element_type::i32 : element_type::u32;
    else return s ? element_type::i64 : element_type::u64;
  }
}
}  // namespace detail

/// float, double, bool and integers.
template <detail::arithmetic T>
struct element_traits<T> {
  static constexpr element_type value = detail::arithmetic_element<T>();  ///< the element type
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
/// Has T the bits of e, and may it be read as e? Of floats only float and double themselves may.
template <class T>
consteval bool is_kind_of(element_type e) {
  if (e == element_type::f32) return std::is_same_v<T, float>;
  if (e == element_type::f64) return std::is_same_v<T, double>;
  return e == element_type::f16 || e == element_type::bf16 ? sizeof(T) == 2 : std::is_integral_v<T>;
}
}  // namespace detail

/// A type whose values the engine can read.
template <class T>
concept element = requires { element_traits<std::remove_cv_t<T>>::value; } &&
                  detail::is_kind_of<std::remove_cv_t<T>>(element_traits<std::remove_cv_t<T>>::value);

/// Rank 1: `extent(0)` elements, `stride(0)` apart.
template <class T>
class vector_view {
 public:
  using element_type = T;  ///< may be const
  constexpr vector_view() noexcept = default;
  /// `n` elements from `data`, `stride` apart.
  CPPO_HOST_DEVICE constexpr vector_view(T* data, index_t n, index_t stride = 1) noexcept
      : data_(data), extent_(n), stride_(stride) {}
  /// Number of dimensions.
  CPPO_HOST_DEVICE static constexpr int rank() noexcept { return 1; }
  /// First element.
  CPPO_HOST_DEVICE constexpr T* data_handle() const noexcept { return data_; }
  /// Number of elements.
  CPPO_HOST_DEVICE constexpr index_t extent(int) const noexcept { return extent_; }
  /// Distance of neighbours, in elements.
  CPPO_HOST_DEVICE constexpr index_t stride(int) const noexcept { return stride_; }
  /// Element i; no check.
  CPPO_HOST_DEVICE constexpr T& operator()(index_t i) const noexcept { return data_[i * stride_]; }

 private:
  T* data_ = nullptr;
  index_t extent_ = 0;
  index_t stride_ = 1;
};

/// Rank 2: [rows, columns], row-major unless strides are given. Stride 0 along columns lends one value per response.
template <class T>
class matrix_view {
 public:
  using element_type = T;  ///< may be const
  constexpr matrix_view() noexcept = default;
  /// Row-major.
  CPPO_HOST_DEVICE constexpr matrix_view(T* data, index_t rows, index_t columns) noexcept
      : matrix_view(data, rows, columns, columns, 1) {}
  /// Any strides.
  CPPO_HOST_DEVICE constexpr matrix_view(T* data, index_t rows, index_t columns, index_t row_stride,
                                         index_t column_stride) noexcept
      : data_(data), extents_{rows, columns}, strides_{row_stride, column_stride} {}
  /// Number of dimensions.
  CPPO_HOST_DEVICE static constexpr int rank() noexcept { return 2; }
  /// Element (0, 0).
  CPPO_HOST_DEVICE constexpr T* data_handle() const noexcept { return data_; }
  /// Rows (r = 0) or columns (r = 1).
  CPPO_HOST_DEVICE constexpr index_t extent(int r) const noexcept { return extents_[r]; }
  /// Distance of neighbours along dimension r, in elements.
  CPPO_HOST_DEVICE constexpr index_t stride(int r) const noexcept { return strides_[r]; }
  /// Element (i, j); no check.
  CPPO_HOST_DEVICE constexpr T& operator()(index_t i, index_t j) const noexcept {
    return data_[i * strides_[0] + j * strides_[1]];
  }

 private:
  T* data_ = nullptr;
  index_t extents_[2] = {0, 0};
  index_t strides_[2] = {0, 1};
};

/// Responses one after the other: response b is data[offsets[b]] ... data[offsets[b + 1] - 1]. Offsets are the
/// `cu_seqlens` of packed trainers, int32 or int64, `responses + 1` of them.
template <class T, std::signed_integral Offset = std::int64_t>
class ragged_view {
 public:
  using element_type = T;  ///< may be const
  constexpr ragged_view() noexcept = default;
  /// Lends data and offsets.
  CPPO_HOST_DEVICE constexpr ragged_view(T* data, Offset const* offsets, index_t responses) noexcept
      : data_(data), offsets_(offsets), responses_(responses) {}
  /// First element.
  CPPO_HOST_DEVICE constexpr T* data_handle() const noexcept { return data_; }
  /// Number of responses.
  CPPO_HOST_DEVICE constexpr index_t size() const noexcept { return responses_; }
  /// Response b.
  CPPO_HOST_DEVICE constexpr vector_view<T> operator[](index_t b) const noexcept {
    return {data_ + offsets_[b], static_cast<index_t>(offsets_[b + 1]) - static_cast<index_t>(offsets_[b])};
  }

 private:
  T* data_ = nullptr;
  Offset const* offsets_ = nullptr;
  index_t responses_ = 0;
};

namespace detail {

/// Element i as an E. On the host its bytes are copied: what was lent may be another type of the same bits (long long,
/// Eigen::half), which must not be read through an E.
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
/// Sets element i; as `element_at`.
template <class E>
CPPO_HOST_DEVICE constexpr void set_element(void* data, index_t i, E x) noexcept {
#if defined(__CUDA_ARCH__)
  static_cast<E*>(data)[i] = x;
#else
  __builtin_memcpy(static_cast<char*>(data) + i * static_cast<index_t>(sizeof(E)), &x, sizeof(E));
#endif
}

/// One element as float or double, converted on load.
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

/// One integer element (ids, offsets).
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

/// A response-mask element: 0, 1, or 2 for anything else (NaN included).
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
}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
