// The SwiGLU feed-forward block and its derivative.
#pragma once

#include "matrix.hpp"

namespace trainer {

/// What the derivative needs of the forward pass; each [tokens, hidden].
template <class Real>
struct feed_forward_trace {
  matrix<Real> gate, up, sigmoid, mixed;
};

/// down(silu(gate(x)) * up(x)) with silu(z) = z / (1 + e^-z). Weights are [out, in].
template <class Real, class Weight>
matrix<Real> feed_forward(matrix<Real> const& x, Weight const& gate, Weight const& up, Weight const& down,
                          feed_forward_trace<Real>& kept) {
  kept.gate.noalias() = x * gate.transpose();
  kept.up.noalias() = x * up.transpose();
  kept.sigmoid = (Real(1) + (-kept.gate.array()).exp()).inverse();
  kept.mixed = kept.gate.cwiseProduct(kept.sigmoid).cwiseProduct(kept.up);
  return kept.mixed * down.transpose();
}

/// From dL/dy: adds to the three weight gradients and returns dL/dx.
template <class Real, class Weight, class Gradient>
matrix<Real> feed_forward_backward(matrix<Real> const& x, matrix<Real> const& dy, Weight const& gate, Weight const& up,
                                   Weight const& down, feed_forward_trace<Real> const& kept, Gradient&& dgate,
                                   Gradient&& dup, Gradient&& ddown) {
  ddown.noalias() += dy.transpose() * kept.mixed;
  matrix<Real> const dmixed = dy * down;
  auto const s = kept.sigmoid.array();
  auto const z = kept.gate.array();
  matrix<Real> const from_up = (dmixed.array() * z * s).matrix();
  matrix<Real> const from_gate = (dmixed.array() * kept.up.array() * s * (Real(1) + z * (Real(1) - s))).matrix();
  dgate.noalias() += from_gate.transpose() * x;
  dup.noalias() += from_up.transpose() * x;
  matrix<Real> dx = from_gate * gate;
  dx.noalias() += from_up * up;
  return dx;
}

}  // namespace trainer
