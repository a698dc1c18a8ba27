// Products of matrices: of floats by the trainer's kernels, of other numbers by Eigen.
#pragma once

#include "kernels.hpp"
#include "matrix.hpp"

#include <type_traits>

namespace trainer {

/// c = a b, or c += a b. `a` may be transposed; b and c are row-major.
/// @{
template <class C, class A, class B>
void multiply(C&& c, A const& a, B const& b, kernels::write how = kernels::write::over) {
  if constexpr (std::is_same_v<typename A::Scalar, float>) {
    kernels::multiply({a.rows(), b.cols(), a.cols(), a.data(), a.rowStride(), a.colStride(), b.data(), b.rowStride(),
                       c.data(), c.rowStride()},
                      how);
  } else if (how == kernels::write::over) {
    c.noalias() = a * b;
  } else {
    c.noalias() += a * b;
  }
}
template <class C, class A, class B>
void add_product(C&& c, A const& a, B const& b) {
  multiply(c, a, b, kernels::write::added);
}
/// @}

/// a b.
template <class A, class B>
matrix<typename A::Scalar> product(A const& a, B const& b) {
  matrix<typename A::Scalar> c(a.rows(), b.cols());
  multiply(c, a, b);
  return c;
}

}  // namespace trainer
