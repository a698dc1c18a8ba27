#include "sampler.hpp"

#include "feed_forward.hpp"
#include "product.hpp"
#include "rms_norm.hpp"
#include "softmax.hpp"

#include <algorithm>
#include <stdexcept>

namespace trainer {

namespace {

/// The token at which the cumulative probability exceeds u.
std::int32_t drawn(matrix<float>::ConstRowXpr const& log_soft, double u) {
  matrix<float> const p = probabilities<float>(log_soft);
  double sum = 0.0;
  std::int32_t last = 0;
  for (Index i = 0; i < p.size(); ++i) {
    if (p(i) > 0.0F) last = static_cast<std::int32_t>(i);
    sum += static_cast<double>(p(i));
    if (u < sum) break;
  }
  return last;
}

std::int32_t likeliest(matrix<float>::ConstRowXpr const& log_soft) {
  Index at = 0;
  log_soft.maxCoeff(&at);
  return static_cast<std::int32_t>(at);
}

void append(sampled_response& r, std::int32_t token, matrix<float>::ConstRowXpr const& log_soft, bool keep) {
  Index const t = static_cast<Index>(r.ids.size());
  r.ids.push_back(token);
  r.log_prob.push_back(log_soft(token));
  if (keep) r.log_soft.row(t) = log_soft;
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
  matrix<float> logits = product(rms_norm(x, w.plain(tensor::final_norm), norm), w(tensor::embedding));
  for (Index r = 0; r < rows; ++r) log_softmax(logits.row(r));
  return logits;
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
  if (how.keep_distributions) {
    for (sampled_response& r : responses) r.log_soft.resize(how.tokens, shape.vocabulary);
  }
  std::vector<std::int32_t> tokens(streams.size());
  std::vector<bool> ended(streams.size(), false);
  for (Index t = 0; t + 1 < capacity && !std::all_of(ended.begin(), ended.end(), [](bool e) { return e; }); ++t) {
    bool const reads = t < static_cast<Index>(prompt.size());
    if (reads) std::fill(tokens.begin(), tokens.end(), prompt[static_cast<std::size_t>(t)]);
    matrix<float> const log_soft = step(tokens, t, caches);
    if (t + 1 < static_cast<Index>(prompt.size())) continue;
    for (std::size_t r = 0; r < streams.size(); ++r) {
      if (ended[r]) continue;
      matrix<float>::ConstRowXpr const row = log_soft.row(static_cast<Index>(r));
      tokens[r] = how.greedy ? likeliest(row) : drawn(row, streams[r].uniform());
      append(responses[r], tokens[r], row, how.keep_distributions);
      ended[r] = tokens[r] == how.end_token;
    }
  }
  for (sampled_response& r : responses) {
    if (how.keep_distributions) r.log_soft.conservativeResize(static_cast<Index>(r.ids.size()), Eigen::NoChange);
  }
  return responses;
}

}  // namespace trainer
