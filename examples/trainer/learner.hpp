// Reinforcement learning of one model under one trust region or rule, step by step.
#pragma once

#include "adam.hpp"
#include "batch_pass.hpp"
#include "experience.hpp"
#include "positions.hpp"
#include "task.hpp"

#include <atomic>
#include <deque>
#include <string>

namespace trainer {

/// The options of a run.
struct learning_options {
  dispatch::region_or_rule region;       ///< the trust region, or a rule with a loss of its own
  evidence source = evidence::log_probs; ///< what its divergence reads
  adam_options adam = {};
  std::uint64_t seed = 1;
  std::size_t responses = 64;   ///< responses sampled in a step
  std::size_t group = 16;       ///< responses to one prompt
  double temperature = 1.0;     ///< of sampling, and of all log-probs
  int epochs = 2;               ///< passes over the sampled responses
  std::size_t minibatches = 4;  ///< updates in a pass
  std::size_t stale = 0;        ///< responses are sampled from the weights of so many updates ago, or the first ones
  int threads = 0;              ///< 0: as many as the machine has; no bit depends on it
};

/// Seconds of wall-clock time, by what they were spent on.
struct time_spent {
  double sampling = 0.0;
  double forward = 0.0;   ///< to log-probs
  double backward = 0.0;  ///< from the gradient of log-probs; includes the optimiser's step
  double mask = 0.0;      ///< the library's call: divergence, mask, loss, gradient, report
  double other = 0.0;     ///< rewards, and the stories' log-probs under the base model
  double total() const { return sampling + forward + backward + mask + other; }
  time_spent& operator+=(time_spent const& more);
};

/// What happened in one step.
struct step_record {
  double success = 0.0;      ///< mean reward of the responses sampled in the step, before its updates
  double base_nll = 0.0;     ///< mean of -log p(y_t) of those responses under the weights that the run began with, nats
  double length = 0.0;       ///< mean tokens of a response
  cppo::report report;       ///< the reports of all its updates, added up
  position_counts positions{};  ///< where in a response its updates masked tokens
  double largest_norm = 0.0; ///< length of the longest gradient before it was bounded
  time_spent time;
};

/// A run. It depends on its options and start alone, not on threads or time.
class learner {
 public:
  /// Throws std::invalid_argument if a parameter of the trust region is out of range or sizes do not divide.
  learner(parameters<float> const& start, task const& t, learning_options const& options);
  learner(learner const&) = delete;
  learner& operator=(learner const&) = delete;

  /// Samples, rewards and learns once. Returns false, and records nothing, if `stop` was set on the way.
  bool step(std::atomic<bool> const& stop, step_record& record);

  /// The current weights.
  parameters<float> const& weights() const { return weights_; }
  /// The responses of the last step.
  std::vector<experience> const& experiences() const { return experiences_; }
  /// What the current weights say of these responses, divergences of the full vocabulary included. The responses' mu
  /// has lists afterwards.
  std::vector<trained_policy> policy_now();

 private:
  void sample(step_record& record);
  void give_rewards(step_record& record);
  void update(std::span<std::size_t const> picked, step_record& record);
  std::vector<trained_policy> const& policies(std::span<std::size_t const> picked,
                                              std::span<sequence const* const> sequences, step_record& record);
  trained_policy policy_in(matrix<float> const& logits, experience const& e, also_read more) const;
  void apply_region(std::span<std::size_t const> picked, std::vector<trained_policy> const& pi, step_record& record);
  std::vector<std::size_t> shuffled(int epoch) const;

  task const& task_;
  learning_options options_;
  further_inputs further_;  ///< what the rule reads of them
  also_read more_;          ///< what is read of logits beside log-probs
  parameters<float> base_, weights_;
  turned_weights<float> base_turned_{base_};
  std::deque<parameters<float>> past_;  ///< the weights before each of the last `stale` updates, the oldest first
  network<float> network_;
  batch_pass pass_;
  adam optimiser_;
  std::uint64_t steps_ = 0;
  std::vector<experience> experiences_;
  std::vector<float> dlog_prob_;
  std::vector<std::uint8_t> decisions_;
};

}  // namespace trainer
