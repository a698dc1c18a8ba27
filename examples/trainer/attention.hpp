// Causal grouped-query attention over one sequence, and its derivative.
#pragma once

#include "model.hpp"
#include "product.hpp"
#include "softmax.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace trainer {

/// What the derivative needs of the forward pass.
template <class Real>
struct attention_trace {
  matrix<Real> query, key, value;       ///< after the rotary turn, [tokens, heads * head_dim]
  std::vector<matrix<Real>> attention;  ///< by head, [keys, queries], columns sum to 1, 0 below the diagonal
};

/// Calls body(head, first feature of the head, first feature of its keys and values, first query, number of queries):
/// head by head, queries in stretches, which see no key beyond their end.
template <class Body>
void each_stretch_of_queries(model_shape const& shape, Index tokens, Body const& body) {
  constexpr Index stretch = 32;
  Index const size = shape.head_dim();
  for (Index h = 0; h < shape.heads; ++h) {
    Index const kv = h / (shape.heads / shape.kv_heads) * size;
    for (Index first = 0; first < tokens; first += stretch) {
      body(static_cast<std::size_t>(h), h * size, kv, first, std::min(stretch, tokens - first));
    }
  }
}

/// Each head averages the values of earlier tokens with the weights softmax(q k / sqrt(head_dim)). Returns [tokens,
/// dim].
template <class Real>
matrix<Real> attend(model_shape const& shape, attention_trace<Real>& kept) {
  Index const n = kept.query.rows();
  Index const size = shape.head_dim();
  Real const scale = Real(1) / std::sqrt(static_cast<Real>(size));
  // Features are rows here, so that a register holds neighbouring queries.
  matrix<Real> const query = kept.query.transpose() * scale;
  matrix<Real> out(shape.dim, n);
  kept.attention.resize(static_cast<std::size_t>(shape.heads));
  for (matrix<Real>& a : kept.attention) a.resize(n, n);
  each_stretch_of_queries(shape, n, [&](std::size_t h, Index at, Index kv, Index first, Index count) {
    Index const seen = first + count;
    auto a = kept.attention[h].block(0, first, seen, count);
    multiply(a, kept.key.block(0, kv, seen, size), query.block(at, first, size, count));
    causal_softmax(a, first);
    multiply(out.block(at, first, size, count), kept.value.block(0, kv, seen, size).transpose(), a);
  });
  return out.transpose();
}

/// Computes dL/d(query), dL/d(key) and dL/d(value) from dL/d(out), overwriting all three.
template <class Real>
void attend_backward(model_shape const& shape, attention_trace<Real> const& kept, matrix<Real> const& dout,
                     matrix<Real>& dquery, matrix<Real>& dkey, matrix<Real>& dvalue) {
  Index const n = kept.query.rows();
  Index const size = shape.head_dim();
  Real const scale = Real(1) / std::sqrt(static_cast<Real>(size));
  matrix<Real> const dout_by_feature = dout.transpose();
  matrix<Real> dquery_by_feature(shape.dim, n);
  dkey.setZero(n, shape.kv_dim());
  dvalue.setZero(n, shape.kv_dim());
  matrix<Real> dscores_of_head(n, n);
  each_stretch_of_queries(shape, n, [&](std::size_t h, Index at, Index kv, Index first, Index count) {
    Index const seen = first + count;
    auto const a = kept.attention[h].block(0, first, seen, count);
    auto dscores = dscores_of_head.block(0, first, seen, count);
    add_product(dvalue.block(0, kv, seen, size), a, dout.block(first, at, count, size));
    multiply(dscores, kept.value.block(0, kv, seen, size), dout_by_feature.block(at, first, size, count));
    softmax_backward(a, dscores, scale);
    multiply(dquery_by_feature.block(at, first, size, count), kept.key.block(0, kv, seen, size).transpose(), dscores);
    add_product(dkey.block(0, kv, seen, size), dscores, kept.query.block(first, at, count, size));
  });
  dquery = dquery_by_feature.transpose();
}

}  // namespace trainer
