// The model over one sequence: the forward pass, which keeps everything, and the backward pass from the logits that
// predict the response tokens.
#pragma once

#include "attention.hpp"
#include "feed_forward.hpp"
#include "model.hpp"
#include "product.hpp"
#include "rms_norm.hpp"
#include "rotary.hpp"
#include "turned_weights.hpp"

#include <span>
#include <vector>

namespace trainer {

/// A sequence of token ids. Those from `first` on are the response (first >= 1).
struct sequence {
  std::vector<std::int32_t> ids;
  Index first = 1;
  Index length() const { return static_cast<Index>(ids.size()); }
  Index response_length() const { return length() - first; }
  std::span<std::int32_t const> response() const { return std::span(ids).subspan(static_cast<std::size_t>(first)); }
};

/// What one layer keeps for the backward pass.
template <class Real>
struct layer_trace {
  rms_norm_trace<Real> attention_norm, feed_forward_norm;
  matrix<Real> attention_in, attention_out, feed_forward_in;
  attention_trace<Real> attention;
  feed_forward_trace<Real> feed_forward;
};

/// What a forward pass keeps: the logits, and what the backward pass needs. Reuse it to save allocations.
template <class Real>
struct network_trace {
  std::vector<layer_trace<Real>> layers;
  rms_norm_trace<Real> final_norm;
  matrix<Real> last;    ///< normed features that predict the response tokens, [response, dim]
  matrix<Real> logits;  ///< of all ids at each response token, [response, vocabulary]
};

/// Runs models of one shape. Its members are no inline functions: network.cpp compiles them for float, once.
template <class Real>
class network {
 public:
  explicit network(model_shape const& shape) : shape_(shape), rotary_(shape) {}

  /// Computes the logits at the response tokens of `s` under the weights `w`, which are turned once for many calls.
  void forward(turned_weights<Real> const& w, sequence const& s, network_trace<Real>& kept) const;

  /// Adds dL/d(weights) to `g`, given dL/d(logits), [response, vocabulary].
  void backward(parameters<Real> const& w, sequence const& s, network_trace<Real> const& kept,
                matrix<Real> const& dlogits, parameters<Real>& g) const;

 private:
  void layer_forward(turned_weights<Real> const& w, int l, matrix<Real>& x, layer_trace<Real>& kept) const;
  /// dx is dL/d(output of the layer) on entry and dL/d(input) on return.
  void layer_backward(parameters<Real> const& w, int l, layer_trace<Real> const& kept, matrix<Real>& dx,
                      parameters<Real>& g) const;

  model_shape shape_;
  rotary<Real> rotary_;
};

template <class Real>
void network<Real>::forward(turned_weights<Real> const& w, sequence const& s, network_trace<Real>& kept) const {
  Index const n = s.length() - 1;  // the last token predicts nothing
  kept.layers.resize(static_cast<std::size_t>(shape_.layers));
  matrix<Real> x(n, shape_.dim);
  auto const embedding = w.plain(tensor::embedding);
  for (Index t = 0; t < n; ++t) x.row(t) = embedding.row(s.ids[static_cast<std::size_t>(t)]);
  for (int l = 0; l < shape_.layers; ++l) layer_forward(w, l, x, kept.layers[static_cast<std::size_t>(l)]);
  matrix<Real> const normed = rms_norm(x, w.plain(tensor::final_norm), kept.final_norm);
  kept.last = normed.bottomRows(s.response_length());
  kept.logits = product(kept.last, w(tensor::embedding));
}

template <class Real>
void network<Real>::backward(parameters<Real> const& w, sequence const& s, network_trace<Real> const& kept,
                             matrix<Real> const& dlogits, parameters<Real>& g) const {
  Index const n = s.length() - 1;
  auto dembedding = g(tensor::embedding);
  add_product(dembedding, dlogits.transpose(), kept.last);
  matrix<Real> dnormed = matrix<Real>::Zero(n, shape_.dim);
  multiply(dnormed.bottomRows(s.response_length()), dlogits, w(tensor::embedding));
  matrix<Real> dx = matrix<Real>::Zero(n, shape_.dim);
  rms_norm_backward(dnormed, kept.final_norm, w(tensor::final_norm), g(tensor::final_norm), dx);
  for (int l = shape_.layers; l-- > 0;) layer_backward(w, l, kept.layers[static_cast<std::size_t>(l)], dx, g);
  for (Index t = 0; t < n; ++t) dembedding.row(s.ids[static_cast<std::size_t>(t)]) += dx.row(t);
}

template <class Real>
void network<Real>::layer_forward(turned_weights<Real> const& w, int l, matrix<Real>& x,
                                  layer_trace<Real>& kept) const {
  attention_trace<Real>& a = kept.attention;
  kept.attention_in = rms_norm(x, w.plain(tensor::attention_norm, l), kept.attention_norm);
  a.query = product(kept.attention_in, w(tensor::query, l));
  a.key = product(kept.attention_in, w(tensor::key, l));
  a.value = product(kept.attention_in, w(tensor::value, l));
  rotary_.turn_all(a.query);
  rotary_.turn_all(a.key);
  kept.attention_out = attend(shape_, a);
  add_product(x, kept.attention_out, w(tensor::attention_out, l));
  kept.feed_forward_in = rms_norm(x, w.plain(tensor::feed_forward_norm, l), kept.feed_forward_norm);
  x += feed_forward(kept.feed_forward_in, w(tensor::gate, l), w(tensor::up, l), w(tensor::down, l), kept.feed_forward);
}

template <class Real>
void network<Real>::layer_backward(parameters<Real> const& w, int l, layer_trace<Real> const& kept, matrix<Real>& dx,
                                   parameters<Real>& g) const {
  matrix<Real> const dnormed =
      feed_forward_backward(kept.feed_forward_in, dx, w(tensor::gate, l), w(tensor::up, l), w(tensor::down, l),
                            kept.feed_forward, g(tensor::gate, l), g(tensor::up, l), g(tensor::down, l));
  rms_norm_backward(dnormed, kept.feed_forward_norm, w(tensor::feed_forward_norm, l), g(tensor::feed_forward_norm, l),
                    dx);

  add_product(g(tensor::attention_out, l), dx.transpose(), kept.attention_out);
  matrix<Real> dquery, dkey, dvalue;
  attend_backward(shape_, kept.attention, product(dx, w(tensor::attention_out, l)), dquery, dkey, dvalue);
  rotary_.turn_all(dquery, true);
  rotary_.turn_all(dkey, true);
  add_product(g(tensor::query, l), dquery.transpose(), kept.attention_in);
  add_product(g(tensor::key, l), dkey.transpose(), kept.attention_in);
  add_product(g(tensor::value, l), dvalue.transpose(), kept.attention_in);
  matrix<Real> din = product(dquery, w(tensor::query, l));
  add_product(din, dkey, w(tensor::key, l));
  add_product(din, dvalue, w(tensor::value, l));
  rms_norm_backward(din, kept.attention_norm, w(tensor::attention_norm, l), g(tensor::attention_norm, l), dx);
}

extern template class network<float>;

}  // namespace trainer
