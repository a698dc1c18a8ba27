// Softmax of one row of scores, and its logarithm.
#pragma once

#include "matrix.hpp"

#include <cmath>

namespace trainer {

/// Replaces scores by their softmax.
template <class Scores>
void softmax(Scores&& scores) {
  scores = (scores.array() - scores.maxCoeff()).exp();
  scores /= scores.sum();
}

/// Replaces logits by their log-softmax.
template <class Logits>
void log_softmax(Logits&& logits) {
  logits.array() -= logits.maxCoeff();
  logits.array() -= std::log(logits.array().exp().sum());
}

}  // namespace trainer
