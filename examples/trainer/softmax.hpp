// Softmax of one row of scores.
#pragma once

#include "matrix.hpp"

namespace trainer {

/// Replaces scores by their softmax.
template <class Scores>
void softmax(Scores&& scores) {
  scores = (scores.array() - scores.maxCoeff()).exp();
  scores /= scores.sum();
}

}  // namespace trainer
