// Rollouts of a training run as JSON Lines, in the fields that `--rollouts` reads.
#pragma once

#include "../trainer/learner.hpp"
#include "input/settings.hpp"

#include <fstream>
#include <string>

namespace demo {

/// A file that rollouts are written to. Without a name nothing is written.
class rollout_dump {
 public:
  /// Opens the file. Throws `input_error` if that fails.
  explicit rollout_dump(std::string const& path);
  /// Appends the responses of a run's last step, with log mu as sampled and log pi of `pi`, the policy after its
  /// updates. Throws `input_error` if that fails.
  void add(setting const& what, trainer::learning_options const& options, int step,
           std::vector<trainer::experience> const& responses, std::vector<trainer::trained_policy> const& pi);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace demo
