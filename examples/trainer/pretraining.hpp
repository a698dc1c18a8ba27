// Supervised learning from random weights, for tasks without a model to begin with.
#pragma once

#include "model.hpp"
#include "network.hpp"
#include "random.hpp"

#include <functional>
#include <string>

namespace trainer {

/// What a model is taught, and for how long.
struct pretraining {
  std::string name;  ///< of the file that keeps the model
  model_shape shape;
  std::uint64_t seed = 1;
  int steps = 0;
  int batch = 32;  ///< sequences of a step
  double learning_rate = 3e-3;
  std::function<sequence(random_stream& random)> example;  ///< a prompt and the right response
};

/// Calls show(step, mean of -log p of the tokens) after each step.
using lesson_shown = std::function<void(int step, double loss)>;

/// The weights after these steps. They depend on no number of threads.
parameters<float> pretrained(pretraining const& p, int threads, lesson_shown const& show = {});
/// The same, read from a file in `folder` if one was kept there, else kept in one. The file's name holds a hash of all
/// that the weights depend on but the examples, whose change needs another name. Throws `input_error` if it cannot be
/// read or written.
parameters<float> pretrained_once(pretraining const& p, std::string const& folder, int threads);

}  // namespace trainer
