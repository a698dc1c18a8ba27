/// @file
/// Anything shaped like a DLTensor as a view, without including dlpack.h.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/status.hpp>
#include <cppo/core/view.hpp>

namespace cppo::inline CPPO_ABI {

/// The members of a DLTensor that are read: data, byte_offset, ndim, shape, strides (null: row-major), dtype.
template <class T>
concept dl_tensor_like = requires(T const& t) {
  t.data;
  t.byte_offset;
  t.ndim;
  t.shape;
  t.strides;
  t.dtype.code;
  t.dtype.bits;
  t.dtype.lanes;
};

namespace detail {
/// DLPack's type code for T: 0 signed, 1 unsigned, 2 float, 4 bfloat, 6 bool.
template <element T>
constexpr int dl_code() noexcept {
  constexpr element_type e = element_traits<std::remove_cv_t<T>>::value;
  if (e == element_type::boolean) return 6;
  if (e == element_type::bf16) return 4;
  if (e == element_type::f32 || e == element_type::f64 || e == element_type::f16) return 2;
  return std::is_signed_v<T> ? 0 : 1;
}
}  // namespace detail

/// Borrows a tensor of rank 1 ([1, n]) or 2 as a matrix of T. Fails with `extent_mismatch` where type, lanes or rank
/// do not fit, or the first element does not lie on a multiple of its size; `out` is then left alone. No data: a view of
/// null, whatever the offset. The tensor must outlive the view; its device is the caller's business.
template <element T, dl_tensor_like Tensor>
status borrow(Tensor const& tensor, matrix_view<T>& out) noexcept {
  bool const type_fits = static_cast<int>(tensor.dtype.code) == detail::dl_code<T>() &&
                         static_cast<std::size_t>(tensor.dtype.bits) == 8 * sizeof(T) && tensor.dtype.lanes == 1;
  if (!type_fits || (tensor.ndim != 1 && tensor.ndim != 2)) return {status_code::extent_mismatch};
  auto* const first = tensor.data != nullptr ? static_cast<char*>(tensor.data) + tensor.byte_offset : nullptr;
  if (reinterpret_cast<std::uintptr_t>(first) % sizeof(T) != 0) return {status_code::extent_mismatch};
  auto* const data = reinterpret_cast<T*>(first);
  bool const flat = tensor.ndim == 1;
  index_t const rows = flat ? 1 : static_cast<index_t>(tensor.shape[0]);
  index_t const columns = static_cast<index_t>(tensor.shape[flat ? 0 : 1]);
  index_t const row_stride = flat ? 0 : tensor.strides != nullptr ? static_cast<index_t>(tensor.strides[0]) : columns;
  index_t const column_stride = tensor.strides != nullptr ? static_cast<index_t>(tensor.strides[flat ? 0 : 1]) : 1;
  out = matrix_view<T>(data, rows, columns, row_stride, column_stride);
  return {};
}

}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
