// The model over a batch of sequences, on several threads, with the same bits at any number of them.
#pragma once

#include "network.hpp"
#include "policy.hpp"

#include <functional>
#include <span>
#include <vector>

namespace trainer {

/// Reads the policy of sequence i out of its logits.
using policy_reader = std::function<trained_policy(std::size_t i, matrix<float> const& logits)>;

/// Forward and backward passes over batches of up to so many sequences. What it returns stands until the next call.
class batch_pass {
 public:
  batch_pass(model_shape const& shape, std::size_t sequences, int threads, double temperature = 1.0);

  /// What `read` reads at the responses' tokens, sequence by sequence; it is called by several threads.
  std::vector<trained_policy> const& forward(parameters<float> const& weights,
                                             std::span<sequence const* const> sequences, policy_reader const& read);
  /// The gradient by the weights, given that by the log-probs, at the temperature, of all responses' tokens, one
  /// response after the other. Weights and sequences are those of the last `forward`; a second call needs another one.
  parameters<float> const& backward(parameters<float> const& weights, std::span<sequence const* const> sequences,
                                    std::span<float const> dlog_prob);

 private:
  void add_up();

  int threads_;
  double temperature_;
  network<float> network_;
  std::vector<network_trace<float>> traces_;
  std::vector<trained_policy> policies_;
  std::vector<parameters<float>> gradients_;
};

}  // namespace trainer
