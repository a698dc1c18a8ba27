// The softmax as its formula says it, in double: what the library's is checked against.
#pragma once

#include "matrix.hpp"

#include <cmath>
#include <vector>

namespace trainer_test {

/// softmax(x / temperature) of one row.
template <class Row>
std::vector<double> softmax_of(Row const& logits, double temperature = 1.0) {
  std::vector<double> p;
  double most = -1e300, sum = 0.0;
  for (trainer::Index v = 0; v < logits.size(); ++v) most = std::max(most, static_cast<double>(logits(v)));
  for (trainer::Index v = 0; v < logits.size(); ++v) {
    p.push_back(std::exp((static_cast<double>(logits(v)) - most) / temperature));
    sum += p.back();
  }
  for (double& x : p) x /= sum;
  return p;
}

}  // namespace trainer_test
