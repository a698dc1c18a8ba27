// Rotary positions: each pair of adjacent features of a head is turned by an angle that grows with the position.
#pragma once

#include "matrix.hpp"
#include "model.hpp"

#include <cmath>
#include <vector>

namespace trainer {

/// Cosine and sine for every position and pair, computed once per shape.
template <class Real>
class rotary {
 public:
  explicit rotary(model_shape const& shape) : pairs_(shape.head_dim() / 2) {
    cosine_.reserve(static_cast<std::size_t>(shape.context * pairs_));
    sine_.reserve(cosine_.capacity());
    for (int t = 0; t < shape.context; ++t) {
      for (int i = 0; i < pairs_; ++i) {
        double const angle = t * std::pow(10000.0, -2.0 * i / shape.head_dim());
        cosine_.push_back(static_cast<Real>(std::cos(angle)));
        sine_.push_back(static_cast<Real>(std::sin(angle)));
      }
    }
  }

  /// Turns one row of queries or keys (of any number of heads) at position t; `backward` turns it the other way.
  template <class Row>
  void turn(Row&& row, Index t, bool backward = false) const {
    for (Index c = 0; c < row.size(); c += 2) {
      std::size_t const at = static_cast<std::size_t>(t * pairs_ + (c / 2) % pairs_);
      Real const s = backward ? -sine_[at] : sine_[at];
      Real const a = row(c);
      Real const b = row(c + 1);
      row(c) = a * cosine_[at] - b * s;
      row(c + 1) = a * s + b * cosine_[at];
    }
  }
  /// Turns every row of x, at positions 0, 1, ....
  void turn_all(matrix<Real>& x, bool backward = false) const {
    for (Index t = 0; t < x.rows(); ++t) turn(x.row(t), t, backward);
  }

 private:
  Index pairs_;
  std::vector<Real> cosine_, sine_;
};

}  // namespace trainer
