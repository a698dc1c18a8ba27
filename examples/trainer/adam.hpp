// The Adam optimiser, with a bound on the gradient's length.
#pragma once

#include "model.hpp"

namespace trainer {

/// Settings of Adam (Kingma and Ba 2015); no weight decay.
struct adam_options {
  double learning_rate = 5e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double largest_norm = 1.0;  ///< a longer gradient is scaled down to this Euclidean length
};

/// The moments of one run.
class adam {
 public:
  explicit adam(model_shape const& shape, adam_options const& options = {})
      : options_(options), first_(shape), second_(shape) {}

  /// Changes the rate of the steps to come.
  void set_learning_rate(double rate) { options_.learning_rate = rate; }
  /// Moves the weights by one step against the gradient. Returns the gradient's length before it was bounded. If that
  /// is 0 or not finite, nothing moves.
  double step(parameters<float>& weights, parameters<float> const& gradient);

 private:
  adam_options options_;
  parameters<float> first_, second_;
  long steps_ = 0;
};

}  // namespace trainer
