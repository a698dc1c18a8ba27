/// @file
/// Non-owning views of lent buffers.
///
/// Views keep mdspan's member names (`data_handle`, `extent`, `stride`), count strides in elements, and allow any sign
/// of stride: 0 repeats one value, negative walks backwards. They are trivially copyable and usable on a device.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/element.hpp>

#include <cstdint>

namespace cppo { inline namespace CPPO_ABI {

/// A view of rank 1: `extent(0)` elements, `stride(0)` apart.
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
  /// Number of elements. (There is one axis only.)
  CPPO_HOST_DEVICE constexpr index_t extent(int) const noexcept { return extent_; }
  /// Distance of neighbours, in elements.
  CPPO_HOST_DEVICE constexpr index_t stride(int) const noexcept { return stride_; }
  /// Element i. Not checked.
  CPPO_HOST_DEVICE constexpr T& operator()(index_t i) const noexcept { return data_[i * stride_]; }

 private:
  T* data_ = nullptr;
  index_t extent_ = 0;
  index_t stride_ = 1;
};

/// A view of rank 2, [rows, columns], row-major unless strides are given. Stride 0 along columns lends one value per
/// response.
template <class T>
class matrix_view {
 public:
  using element_type = T;  ///< may be const
  constexpr matrix_view() noexcept = default;
  /// A row-major view.
  CPPO_HOST_DEVICE constexpr matrix_view(T* data, index_t rows, index_t columns) noexcept
      : matrix_view(data, rows, columns, columns, 1) {}
  /// A view with any strides.
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
  /// Element (i, j). Not checked.
  CPPO_HOST_DEVICE constexpr T& operator()(index_t i, index_t j) const noexcept {
    return data_[i * strides_[0] + j * strides_[1]];
  }

 private:
  T* data_ = nullptr;
  index_t extents_[2] = {0, 0};
  index_t strides_[2] = {0, 1};
};

/// A view of responses one after the other: response b is data[offsets[b]] ... data[offsets[b + 1] - 1]. Offsets are
/// the `cu_seqlens` of packed trainers: any integers, `responses + 1` of them.
template <class T, detail::offset_element Offset = std::int64_t>
class ragged_view {
 public:
  using element_type = T;  ///< may be const
  constexpr ragged_view() noexcept = default;
  /// Takes data and offsets.
  CPPO_HOST_DEVICE constexpr ragged_view(T* data, Offset const* offsets, index_t responses) noexcept
      : data_(data), offsets_(offsets), responses_(responses) {}
  /// First element.
  CPPO_HOST_DEVICE constexpr T* data_handle() const noexcept { return data_; }
  /// Number of responses.
  CPPO_HOST_DEVICE constexpr index_t size() const noexcept { return responses_; }
  /// Response b.
  CPPO_HOST_DEVICE constexpr vector_view<T> operator[](index_t b) const noexcept {
    auto const begin = static_cast<index_t>(offsets_[b]);
    return {data_ + begin, static_cast<index_t>(offsets_[b + 1]) - begin};
  }

 private:
  T* data_ = nullptr;
  Offset const* offsets_ = nullptr;
  index_t responses_ = 0;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
