// The model over a batch of sequences, on several threads, with the same bits at any number of them.
#pragma once

#include "network.hpp"

#include <span>
#include <vector>

namespace trainer {

/// Forward and backward passes over batches of up to so many sequences. What it returns stands until the next call.
class batch_pass {
 public:
  batch_pass(model_shape const& shape, std::size_t sequences, int threads);

  /// The log-probs of the responses' tokens.
  std::vector<network_trace<float>> const& forward(parameters<float> const& weights,
                                                   std::span<sequence const* const> sequences);
  /// The gradient by the weights, given that by the log-probs of all responses' tokens, one response after the other.
  /// Weights and sequences are those of the last `forward`.
  parameters<float> const& backward(parameters<float> const& weights, std::span<sequence const* const> sequences,
                                    std::span<float const> dlog_prob);

 private:
  void add_up();

  int threads_;
  network<float> network_;
  std::vector<network_trace<float>> traces_;
  std::vector<parameters<float>> gradients_;
};

}  // namespace trainer
