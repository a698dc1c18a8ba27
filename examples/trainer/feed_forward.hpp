// The SwiGLU feed-forward block and its derivative.
#pragma once

#include "product.hpp"

namespace trainer {

/// What the derivative needs of the forward pass; each [tokens, hidden].
template <class Real>
struct feed_forward_trace {
  matrix<Real> gate, up, sigmoid, mixed;

  /// gate sigmoid(gate) up.
  void mix() {
    sigmoid.resize(gate.rows(), gate.cols());
    mixed.resize(gate.rows(), gate.cols());
    if constexpr (std::is_same_v<Real, float>) {
      kernels::swiglu(gate.size(), gate.data(), up.data(), sigmoid.data(), mixed.data());
    } else {
      sigmoid = (Real(1) + (-gate.array()).exp()).inverse();
      mixed = gate.cwiseProduct(sigmoid).cwiseProduct(up);
    }
  }
  /// dL/d(gate) and dL/d(up) from dL/d(mixed).
  void mix_backward(matrix<Real> const& dmixed, matrix<Real>& dgate, matrix<Real>& dup) const {
    dgate.resize(gate.rows(), gate.cols());
    dup.resize(gate.rows(), gate.cols());
    if constexpr (std::is_same_v<Real, float>) {
      kernels::swiglu_backward(gate.size(), gate.data(), up.data(), sigmoid.data(), dmixed.data(), dgate.data(),
                               dup.data());
    } else {
      auto const s = sigmoid.array();
      auto const z = gate.array();
      dup = (dmixed.array() * z * s).matrix();
      dgate = (dmixed.array() * up.array() * s * (Real(1) + z * (Real(1) - s))).matrix();
    }
  }
};

/// down(silu(gate(x)) * up(x)) with silu(z) = z / (1 + e^-z). Weights are [in, out].
template <class Real, class Weight>
matrix<Real> feed_forward(matrix<Real> const& x, Weight const& gate, Weight const& up, Weight const& down,
                          feed_forward_trace<Real>& kept) {
  kept.gate = product(x, gate);
  kept.up = product(x, up);
  kept.mix();
  return product(kept.mixed, down);
}

/// From dL/dy: adds to the three weight gradients and returns dL/dx. Weights and their gradients are [out, in].
template <class Real, class Weight, class Gradient>
matrix<Real> feed_forward_backward(matrix<Real> const& x, matrix<Real> const& dy, Weight const& gate, Weight const& up,
                                   Weight const& down, feed_forward_trace<Real> const& kept, Gradient&& dgate,
                                   Gradient&& dup, Gradient&& ddown) {
  add_product(ddown, dy.transpose(), kept.mixed);
  matrix<Real> from_gate, from_up;
  kept.mix_backward(product(dy, down), from_gate, from_up);
  add_product(dgate, from_gate.transpose(), x);
  add_product(dup, from_up.transpose(), x);
  matrix<Real> dx = product(from_gate, gate);
  add_product(dx, from_up, up);
  return dx;
}

}  // namespace trainer
