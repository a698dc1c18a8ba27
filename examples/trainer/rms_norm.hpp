// RMSNorm and its derivative.
#pragma once

#include "matrix.hpp"

#include <cmath>

namespace trainer {

/// What the derivative needs of the forward pass.
template <class Real>
struct rms_norm_trace {
  matrix<Real> unit;       ///< x / rms(x), [tokens, dim]
  vector<Real> inverse;    ///< 1 / rms(x), [tokens]
};

/// y = gain * x / sqrt(mean(x^2) + 1e-5), row by row.
template <class Real, class Gain>
matrix<Real> rms_norm(matrix<Real> const& x, Gain const& gain, rms_norm_trace<Real>& kept) {
  kept.inverse =
      (x.rowwise().squaredNorm() / static_cast<Real>(x.cols())).array().unaryExpr([](Real mean) {
        return Real(1) / std::sqrt(mean + Real(1e-5));
      });
  kept.unit = kept.inverse.asDiagonal() * x;
  return kept.unit * gain.row(0).asDiagonal();
}

/// From dL/dy: adds to dL/dgain, and adds dL/dx to `dx`.
template <class Real, class Gain, class GainGradient>
void rms_norm_backward(matrix<Real> const& dy, rms_norm_trace<Real> const& kept, Gain const& gain, GainGradient&& dgain,
                       matrix<Real>& dx) {
  dgain.row(0) += dy.cwiseProduct(kept.unit).colwise().sum();
  matrix<Real> const dunit = dy * gain.row(0).asDiagonal();
  vector<Real> const along = dunit.cwiseProduct(kept.unit).rowwise().mean();
  dx += kept.inverse.asDiagonal() * (dunit - along.asDiagonal() * kept.unit);
}

}  // namespace trainer
