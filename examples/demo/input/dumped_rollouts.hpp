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
  /// Appends the responses of a run's last step, with log mu as sampled and log pi after that step's updates. Throws
  /// `input_error` if that fails.
  void add(setting const& what, trainer::learning_options const& options, int step, trainer::learner const& learner);

 private:
  std::string path_;
  std::ofstream file_;
};

}  // namespace demo
