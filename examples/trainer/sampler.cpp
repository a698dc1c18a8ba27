#include "sampler.hpp"

#include "feed_forward.hpp"
#include "kernels.hpp"
#include "product.hpp"
#include "rms_norm.hpp"

#include <algorithm>
#include <stdexcept>

namespace trainer {

namespace {

/// The token at which the cumulative probability exceeds u.
std::int32_t drawn(matrix<float>::ConstRowXpr const& logits, double temperature, double u) {
  matrix<float> probs = logits;
  kernels::softmax(probs.data(), probs.size(), static_cast<float>(1.0 / temperature));
  double sum = 0.0;
  std::int32_t last = 0;
  for (Index i = 0; i < probs.size(); ++i) {
    double const p = static_cast<double>(probs(i));
    if (p > 0.0) last = static_cast<std::int32_t>(i);
    sum += p;
    if (u < sum) break;
  }
  return last;
}

std::int32_t likeliest(matrix<float>::ConstRowXpr const& logits) {
  Index at = 0;
  logits.maxCoeff(&at);
  return static_cast<std::int32_t>(at);
}

/// Keeps the rows of logits that a response was drawn from, and reads its log-probs.
void finish(sampled_response& r, matrix<float> logits, double temperature) {
  logits.conservativeResize(static_cast<Index>(r.ids.size()), Eigen::NoChange);
  r.mu = rollout_policy_of(std::move(logits), r.ids, temperature);
}

}  // namespace

matrix<float> sampler::attend_cached(matrix<float> const& query, cache const& c, Index t) const {
  model_shape const& shape = weights_.shape();
  Index const size = shape.head_dim();
  Index const capacity = c.key.cols();
  float const scale = 1.0F / std::sqrt(static_cast<float>(size));
  matrix<float> out(query.rows(), shape.dim);
  vector<float> scores(t + 1);
  for (Index r = 0; r < query.rows(); ++r) {
    for (Index h = 0; h < shape.heads; ++h) {
      Index const kv = h / (shape.heads / shape.kv_heads) * size;
      kernels::attend({size, t + 1, &query(r, h * size), &c.key(r * shape.kv_dim() + kv, 0), capacity,
                       &c.value(r * capacity, kv), shape.kv_dim(), scores.data(), &out(r, h * size)},
                      scale);
    }
  }
  return out;
}

matrix<float> sampler::step(std::vector<std::int32_t> const& tokens, Index t, std::vector<cache>& caches) const {
  turned_weights<float> const& w = weights_;
  auto const rows = static_cast<Index>(tokens.size());
  Index const kv_dim = w.shape().kv_dim();
  matrix<float> x(rows, w.shape().dim);
  for (Index r = 0; r < rows; ++r) x.row(r) = w.plain(tensor::embedding).row(tokens[static_cast<std::size_t>(r)]);
  rms_norm_trace<float> norm;
  feed_forward_trace<float> inner;
  for (int l = 0; l < w.shape().layers; ++l) {
    cache& c = caches[static_cast<std::size_t>(l)];
    matrix<float> const in = rms_norm(x, w.plain(tensor::attention_norm, l), norm);
    matrix<float> query = product(in, w(tensor::query, l));
    matrix<float> key = product(in, w(tensor::key, l));
    matrix<float> const value = product(in, w(tensor::value, l));
    for (Index r = 0; r < rows; ++r) {
      rotary_.turn(query.row(r), t);
      rotary_.turn(key.row(r), t);
      c.key.col(t).segment(r * kv_dim, kv_dim) = key.row(r).transpose();
      c.value.row(r * c.key.cols() + t) = value.row(r);
    }
    add_product(x, attend_cached(query, c, t), w(tensor::attention_out, l));
    matrix<float> const mid = rms_norm(x, w.plain(tensor::feed_forward_norm, l), norm);
    x += feed_forward(mid, w(tensor::gate, l), w(tensor::up, l), w(tensor::down, l), inner);
  }
  return product(rms_norm(x, w.plain(tensor::final_norm), norm), w(tensor::embedding));
}

std::vector<sampler::cache> sampler::caches_for(Index rows, Index capacity) const {
  model_shape const& shape = weights_.shape();
  std::vector<cache> caches(static_cast<std::size_t>(shape.layers));
  for (cache& c : caches) {
    c.key.resize(rows * shape.kv_dim(), capacity);
    c.value.resize(rows * capacity, shape.kv_dim());
  }
  return caches;
}

std::vector<sampled_response> sampler::run(std::vector<std::int32_t> const& prompt, std::span<random_stream> streams,
                                           sampling const& how) const {
  model_shape const& shape = weights_.shape();
  Index const capacity = static_cast<Index>(prompt.size()) + how.tokens;
  if (prompt.empty() || how.tokens < 1 || capacity > shape.context) {
    throw std::invalid_argument("prompt and response must hold a token each, and fit the model's context together");
  }
  Index const rows = static_cast<Index>(streams.size());
  std::vector<cache> caches = caches_for(rows, capacity);
  std::vector<sampled_response> responses(streams.size());
  std::vector<matrix<float>> logits(how.policy ? streams.size() : 0);
  for (matrix<float>& x : logits) x.resize(how.tokens, shape.vocabulary);
  std::vector<std::int32_t> tokens(streams.size());
  std::vector<bool> ended(streams.size(), false);
  for (Index t = 0; t + 1 < capacity && !std::all_of(ended.begin(), ended.end(), [](bool e) { return e; }); ++t) {
    bool const reads = t < static_cast<Index>(prompt.size());
    if (reads) std::fill(tokens.begin(), tokens.end(), prompt[static_cast<std::size_t>(t)]);
    matrix<float> const next = step(tokens, t, caches);
    if (t + 1 < static_cast<Index>(prompt.size())) continue;
    for (std::size_t r = 0; r < streams.size(); ++r) {
      if (ended[r]) continue;
      matrix<float>::ConstRowXpr const row = next.row(static_cast<Index>(r));
      tokens[r] = how.greedy ? likeliest(row) : drawn(row, how.temperature, streams[r].uniform());
      if (how.policy) logits[r].row(static_cast<Index>(responses[r].ids.size())) = row;
      responses[r].ids.push_back(tokens[r]);
      ended[r] = tokens[r] == how.end_token;
    }
  }
  for (std::size_t r = 0; r < logits.size(); ++r) finish(responses[r], std::move(logits[r]), how.temperature);
  return responses;
}

}  // namespace trainer
