// The softmax of attention, and its derivative.
#pragma once

#include "kernels.hpp"
#include "matrix.hpp"

#include <type_traits>

namespace trainer {

/// Replaces each column of scores [keys, queries] by its softmax. Column j is of the query at `first` + j, which sees
/// the keys up to its own; below them stands 0.
template <class Scores>
void causal_softmax(Scores&& scores, Index first) {
  if constexpr (std::is_same_v<typename std::decay_t<Scores>::Scalar, float>) {
    kernels::causal_softmax(scores.data(), scores.rows(), scores.cols(), scores.rowStride(), first);
  } else {
    for (Index j = 0; j < scores.cols(); ++j) {
      auto seen = scores.col(j).head(first + j + 1);
      seen = (seen.array() - seen.maxCoeff()).exp();
      seen /= seen.sum();
      scores.col(j).tail(scores.rows() - first - j - 1).setZero();
    }
  }
}

/// From `p`, columns of softmax, and dL/dp in `dscores`: replaces that by dL/d(scores), times `scale`.
template <class Probabilities, class Scores, class Real>
void softmax_backward(Probabilities const& p, Scores& dscores, Real scale) {
  if constexpr (std::is_same_v<Real, float>) {
    kernels::softmax_backward(p.data(), dscores.data(), p.rows(), p.cols(), p.rowStride(), scale);
  } else {
    auto const mean = p.cwiseProduct(dscores).colwise().sum().eval();
    dscores = p.cwiseProduct(dscores.rowwise() - mean) * scale;
  }
}

}  // namespace trainer
