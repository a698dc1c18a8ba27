/// @file
/// Anything of a DLTensor's shape as a view, without including dlpack.h.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/status.hpp>
#include <cppo/core/view.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// A type with the members of a DLTensor that are read: data, byte_offset, ndim, shape, strides (null: row-major) and
/// dtype; device.device_type is read if it is there.
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

/// DLPack's type code of T: 0 signed, 1 unsigned, 2 float, 4 bfloat, 6 bool.
template <element T>
constexpr int dl_code() noexcept {
  constexpr element_type e = element_traits<std::remove_cv_t<T>>::value;
  if (e == element_type::boolean) return 6;
  if (e == element_type::bf16) return 4;
  if (e == element_type::f32 || e == element_type::f64 || e == element_type::f16) return 2;
  return std::is_signed_v<T> ? 0 : 1;
}

/// True if a host reads the tensor's memory: DLPack's devices 1 (host), 3 and 11 (pinned by CUDA, ROCm), 13 (managed).
template <class Tensor>
constexpr bool host_reads(Tensor const& tensor) noexcept {
  if constexpr (requires { tensor.device.device_type; }) {
    auto const device = static_cast<int>(tensor.device.device_type);
    return device == 1 || device == 3 || device == 11 || device == 13;
  } else {
    return true;
  }
}

/// Extents and strides of a tensor of rank 1, taken as [1, n], or 2. They may be wrong.
struct dl_shape {
  index_t extents[2] = {1, 0};
  index_t strides[2] = {0, 1};

  template <class Tensor>
  constexpr explicit dl_shape(Tensor const& tensor) noexcept {
    int const first = 2 - static_cast<int>(tensor.ndim);
    for (int r = first; r < 2; ++r) extents[r] = static_cast<index_t>(tensor.shape[r - first]);
    if (first == 0) strides[0] = extents[1];
    if (tensor.strides == nullptr) return;
    for (int r = first; r < 2; ++r) strides[r] = static_cast<index_t>(tensor.strides[r - first]);
  }
  /// Checks that no extent is below 0, and that all elements are within 2^62 of the first.
  constexpr status check() const noexcept {
    if (extents[0] < 0 || extents[1] < 0) return {status_code::bad_tensor, argument::tensor};
    constexpr index_t most = index_t{1} << 62;
    bool far = extents[1] > 0 && extents[0] > most / extents[1];
    for (int r = 0; r < 2; ++r) far = far || (extents[r] > 1 && !walks(strides[r], most / extents[r]));
    return far ? status{status_code::size_overflow, argument::tensor} : status{};
  }
  constexpr bool empty() const noexcept { return extents[0] == 0 || extents[1] == 0; }

 private:
  static constexpr bool walks(index_t stride, index_t most) noexcept { return stride <= most && stride >= -most; }
};

}  // namespace detail

/// Lends a tensor of rank 1, as [1, n], or 2 as a matrix of T, wherever its memory is: for a call on a device, which
/// checks what it can reach. Otherwise as `lend`.
template <element T, dl_tensor_like Tensor>
status lend_on_device(Tensor const& tensor, matrix_view<T>& out) noexcept {
  bool const type_fits = static_cast<int>(tensor.dtype.code) == detail::dl_code<T>() &&
                         static_cast<std::size_t>(tensor.dtype.bits) == 8 * sizeof(T) && tensor.dtype.lanes == 1;
  auto const wrong = [](status_code code, index_t found) { return status{code, argument::tensor, -1, -1, found}; };
  if (!type_fits) return wrong(status_code::element_type_mismatch, static_cast<index_t>(tensor.dtype.bits));
  if ((tensor.ndim != 1 && tensor.ndim != 2) || tensor.shape == nullptr) {
    return wrong(status_code::bad_tensor, static_cast<index_t>(tensor.ndim));
  }
  detail::dl_shape const shape(tensor);
  if (status const s = shape.check(); !s.ok()) return s;
  if (tensor.data == nullptr && !shape.empty()) return {status_code::null_buffer, argument::tensor};
  auto* const first = tensor.data != nullptr ? static_cast<char*>(tensor.data) + tensor.byte_offset : nullptr;
  if (reinterpret_cast<std::uintptr_t>(first) % sizeof(T) != 0) return {status_code::misaligned, argument::tensor};
  auto const& [rows, columns] = shape.extents;
  out = matrix_view<T>(reinterpret_cast<T*>(first), rows, columns, shape.strides[0], shape.strides[1]);
  return {};
}

/// Lends a tensor of rank 1, as [1, n], or 2 as a matrix of T. Errors: `element_type_mismatch` if its dtype is not T
/// with one lane; `bad_tensor` for other ranks, extents below 0, or no shape; `size_overflow` for extents or strides
/// past 2^62; `null_buffer` if it has elements and no data; `misaligned` if the first element does not lie on a
/// multiple of its size; `not_host_memory` if the tensor says that it is on a device (see `lend_on_device`). On an
/// error `out` is left alone. The tensor must outlive the view.
template <element T, dl_tensor_like Tensor>
status lend(Tensor const& tensor, matrix_view<T>& out) noexcept {
  if (!detail::host_reads(tensor)) return {status_code::not_host_memory, argument::tensor};
  return lend_on_device(tensor, out);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
