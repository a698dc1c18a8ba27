// The settings of one run.
#pragma once

#include <dispatch.hpp>

#include <cstdint>
#include <string>

namespace study {

/// All that a run depends on, and where it finds what it needs. What is 0 takes the task's own number.
struct settings {
  std::string task = "stories";
  std::string region = "ppo()";  ///< as the user wrote it
  std::uint64_t seed = 1;
  int steps = 0;
  int passes = 2;
  int stale = 0;                   ///< updates
  int responses = 0;               ///< of a step
  int group = 16;                  ///< responses to one prompt
  int minibatches = 4;             ///< updates in a pass
  double learning_rate = 0.0;      ///< of Adam
  int lessons = 0;                 ///< supervised steps before; stories have none
  int every = 0;                   ///< steps between two evaluations
  int evaluated = 128;             ///< responses of an evaluation
  // No result depends on these.
  int threads = 0;
  std::string data, models;
  bool json = false;
  bool plan = false;  ///< say what would be run, and run nothing
};

/// The region as read, and the expression that makes it, all numbers in it.
struct chosen_region {
  dispatch::region_or_rule region;
  std::string text;
};
/// Reads the text of a region or rule. Throws `trainer::input_error`, which shows the place.
chosen_region region_of(std::string const& text);

/// The settings that a result depends on, as one JSON object: what is hashed.
std::string as_json(settings const& s, chosen_region const& region);

}  // namespace study
