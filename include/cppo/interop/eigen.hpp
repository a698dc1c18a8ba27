/// @file
/// Eigen matrices, arrays, maps and blocks as views. Nothing is copied; strides are kept.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/view.hpp>

#include <Eigen/Core>

namespace cppo { inline namespace CPPO_ABI {

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

/// The view [rows, columns] of an Eigen object with direct access (Matrix, Array, Map, Block, Ref), row- or
/// column-major. The object must outlive it.
template <class Derived>
auto as_view(Eigen::DenseBase<Derived>& m) noexcept {
  auto& x = m.derived();
  return matrix_view(x.data(), static_cast<index_t>(x.rows()), static_cast<index_t>(x.cols()),
                     static_cast<index_t>(x.rowStride()), static_cast<index_t>(x.colStride()));
}
/// The same view, read-only.
template <class Derived>
auto as_view(Eigen::DenseBase<Derived> const& m) noexcept {
  auto const& x = m.derived();
  return matrix_view(x.data(), static_cast<index_t>(x.rows()), static_cast<index_t>(x.cols()),
                     static_cast<index_t>(x.rowStride()), static_cast<index_t>(x.colStride()));
}

namespace detail {
/// True if the Eigen type holds its elements. A Ref to const may: it copies what does not lie as it needs.
template <class Derived>
inline constexpr bool eigen_owns = std::is_base_of_v<Eigen::PlainObjectBase<Derived>, Derived>;
template <class Plain, int Options, class Strides>
inline constexpr bool eigen_owns<Eigen::Ref<Plain const, Options, Strides>> = true;
}  // namespace detail

/// The same view of a temporary Map, Block or Ref. A temporary that holds its elements does not compile.
template <class Derived>
auto as_view(Eigen::DenseBase<Derived> const&& m) noexcept {
  static_assert(!detail::eigen_owns<Derived>,
                "this temporary owns its elements, which are gone before they are used: give the Eigen object a name");
  return as_view(static_cast<Eigen::DenseBase<Derived> const&>(m));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
