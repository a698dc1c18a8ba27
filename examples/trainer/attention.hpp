// Causal grouped-query attention over one sequence, and its derivative.
#pragma once

#include "matrix.hpp"
#include "model.hpp"
#include "softmax.hpp"

#include <cmath>
#include <vector>

namespace trainer {

/// What the derivative needs of the forward pass.
template <class Real>
struct attention_trace {
  matrix<Real> query, key, value;       ///< after the rotary turn, [tokens, heads * head_dim]
  std::vector<matrix<Real>> attention;  ///< by head, [tokens, tokens], rows sum to 1, 0 above the diagonal
};

/// Each head averages the values of earlier tokens with the weights softmax(q k / sqrt(head_dim)). Returns [tokens,
/// dim].
template <class Real>
matrix<Real> attend(model_shape const& shape, attention_trace<Real>& kept) {
  Index const n = kept.query.rows();
  Index const size = shape.head_dim();
  Index const heads_per_kv = shape.heads / shape.kv_heads;
  Real const scale = Real(1) / std::sqrt(static_cast<Real>(size));
  matrix<Real> out(n, shape.dim);
  kept.attention.resize(static_cast<std::size_t>(shape.heads));
  for (Index h = 0; h < shape.heads; ++h) {
    Index const kv = h / heads_per_kv * size;
    matrix<Real>& a = kept.attention[static_cast<std::size_t>(h)];
    a.noalias() = kept.query.middleCols(h * size, size) * kept.key.middleCols(kv, size).transpose() * scale;
    for (Index t = 0; t < n; ++t) {
      softmax(a.row(t).head(t + 1));
      a.row(t).tail(n - t - 1).setZero();
    }
    out.middleCols(h * size, size).noalias() = a * kept.value.middleCols(kv, size);
  }
  return out;
}

/// Computes dL/d(query), dL/d(key) and dL/d(value) from dL/d(out), overwriting all three.
template <class Real>
void attend_backward(model_shape const& shape, attention_trace<Real> const& kept, matrix<Real> const& dout,
                     matrix<Real>& dquery, matrix<Real>& dkey, matrix<Real>& dvalue) {
  Index const n = kept.query.rows();
  Index const size = shape.head_dim();
  Index const heads_per_kv = shape.heads / shape.kv_heads;
  Real const scale = Real(1) / std::sqrt(static_cast<Real>(size));
  dquery.resize(n, shape.dim);
  dkey.setZero(n, shape.kv_dim());
  dvalue.setZero(n, shape.kv_dim());
  matrix<Real> dscores;
  for (Index h = 0; h < shape.heads; ++h) {
    Index const kv = h / heads_per_kv * size;
    matrix<Real> const& a = kept.attention[static_cast<std::size_t>(h)];
    auto const dhead = dout.middleCols(h * size, size);
    dvalue.middleCols(kv, size).noalias() += a.transpose() * dhead;
    dscores.noalias() = dhead * kept.value.middleCols(kv, size).transpose();
    // Softmax: ds = a (da - sum(a da)). Above the diagonal a is 0, and so is ds.
    vector<Real> const mean = dscores.cwiseProduct(a).rowwise().sum();
    dscores = a.cwiseProduct(dscores.colwise() - mean) * scale;
    dquery.middleCols(h * size, size).noalias() = dscores * kept.key.middleCols(kv, size);
    dkey.middleCols(kv, size).noalias() += dscores.transpose() * kept.query.middleCols(h * size, size);
  }
}

}  // namespace trainer
