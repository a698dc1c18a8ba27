/// @file
/// Eigen matrices, arrays, maps and blocks as views: nothing copied, strides taken as they are.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/view.hpp>

#include <Eigen/Core>

namespace cppo::inline CPPO_ABI {

/// Eigen's half.
template <>
struct element_traits<Eigen::half> {
  static constexpr element_type value = element_type::f16;  ///< IEEE half
};
/// Eigen's bfloat16.
template <>
struct element_traits<Eigen::bfloat16> {
  static constexpr element_type value = element_type::bf16;  ///< bfloat16
};

/// [rows, columns] of an Eigen object with direct access (Matrix, Array, Map, Block, Ref), row- or column-major.
/// The view borrows: the object must outlive it.
template <class Derived>
auto as_view(Eigen::DenseBase<Derived>& m) noexcept {
  auto& x = m.derived();
  return matrix_view(x.data(), static_cast<index_t>(x.rows()), static_cast<index_t>(x.cols()),
                     static_cast<index_t>(x.rowStride()), static_cast<index_t>(x.colStride()));
}
/// The same, read-only.
template <class Derived>
auto as_view(Eigen::DenseBase<Derived> const& m) noexcept {
  auto const& x = m.derived();
  return matrix_view(x.data(), static_cast<index_t>(x.rows()), static_cast<index_t>(x.cols()),
                     static_cast<index_t>(x.rowStride()), static_cast<index_t>(x.colStride()));
}

}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
