// Sampling with a key/value cache: the inference engine of the example.
#pragma once

#include "model.hpp"
#include "policy.hpp"
#include "random.hpp"
#include "rotary.hpp"
#include "turned_weights.hpp"

#include <span>
#include <vector>

namespace trainer {

/// The options of sampling.
struct sampling {
  int tokens = 0;                 ///< the most tokens of a response
  std::int32_t end_token = -1;    ///< the token that ends a response, as its last; -1: none
  bool greedy = false;            ///< true: the likeliest token each time
  double temperature = 1.0;       ///< of the distribution that tokens are drawn from
  bool policy = true;             ///< false: the ids alone are returned
};

/// One sampled response.
struct sampled_response {
  std::vector<std::int32_t> ids;
  rollout_policy mu;  ///< if asked for
};

/// Samples from one set of weights. The weights must outlive it.
class sampler {
 public:
  explicit sampler(parameters<float> const& weights) : weights_(weights), rotary_(weights.shape()) {}

  /// One response to `prompt` for each stream, all at the same pace. A response depends on its own stream alone. Throws
  /// std::invalid_argument if prompt and response do not fit the context.
  std::vector<sampled_response> run(std::vector<std::int32_t> const& prompt, std::span<random_stream> streams,
                                    sampling const& how) const;

 private:
  /// The keys and values of one layer, for `capacity` tokens of some rows. Feature d of a row's keys is a row of
  /// `key`, [rows * kv_dim, capacity]; a token of a row's values is a row of `value`, [rows * capacity, kv_dim].
  struct cache {
    matrix<float> key, value;
  };
  /// Empty ones for every layer.
  std::vector<cache> caches_for(Index rows, Index capacity) const;
  /// Feeds one token to every row, at position t. Returns the logits of the next token, [rows, vocabulary].
  matrix<float> step(std::vector<std::int32_t> const& tokens, Index t, std::vector<cache>& caches) const;
  matrix<float> attend_cached(matrix<float> const& query, cache const& c, Index t) const;

  turned_weights<float> weights_;
  rotary<float> rotary_;
};

}  // namespace trainer
