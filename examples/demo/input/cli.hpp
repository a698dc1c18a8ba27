// Reads the command line.
#pragma once

#include "run/study.hpp"
#include "run/training.hpp"

#include <string>

namespace demo {

/// What the user asked for.
struct command {
  question asked;
  training_request training;
  std::string rollouts;    ///< empty: the bundled ones
  std::string top_k;       ///< empty: the bundled ones with bundled rollouts, none with others
  std::string vocabulary;  ///< as `top_k`
  std::string out;         ///< file of the report
  /// True if a model is trained. Rollouts of the user's own are not trained on, because their model is not here.
  bool trains() const { return training.steps > 0 && rollouts.empty(); }
};

/// Reads the command line. True if the program is to go on; else `exit_code` is its exit status.
bool read_command(int argc, char** argv, command& c, int& exit_code);

}  // namespace demo
