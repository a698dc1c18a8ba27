// The one matrix type: rows are tokens or outputs, stored row-major, in the arithmetic of the call.
#pragma once

#include <Eigen/Core>

namespace trainer {

using Eigen::Index;

/// [rows, columns], row-major. Weights are [out, in], activations [tokens, features].
template <class Real>
using matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class Real>
using vector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;

/// A matrix in memory that something else owns.
template <class Real>
using matrix_map = Eigen::Map<matrix<Real>>;

}  // namespace trainer
