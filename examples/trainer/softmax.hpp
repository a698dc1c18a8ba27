// Softmax of scores, its logarithm, and its derivative.
#pragma once

#include "kernels.hpp"
#include "matrix.hpp"

#include <cmath>
#include <type_traits>

namespace trainer {

/// Replaces a row of logits by their log-softmax.
template <class Logits>
void log_softmax(Logits&& logits) {
  if constexpr (std::is_same_v<typename std::decay_t<Logits>::Scalar, float>) {
    kernels::log_softmax(logits.data(), logits.size());
  } else {
    logits.array() -= logits.maxCoeff();
    logits.array() -= std::log(logits.array().exp().sum());
  }
}

/// What log-probs are the logarithms of.
template <class Real>
matrix<Real> probabilities(matrix<Real> log_probs) {
  if constexpr (std::is_same_v<Real, float>) {
    kernels::exponentials(log_probs.data(), log_probs.size());
  } else {
    log_probs = log_probs.array().exp();
  }
  return log_probs;
}

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
