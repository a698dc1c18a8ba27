// Trains the same model under several trust regions, with the same seeds and the same number of steps.
#pragma once

#include "../trainer/learner.hpp"
#include "input/settings.hpp"
#include "run/seen_divergence.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace demo {

/// The options of training.
struct training_request {
  std::vector<std::string> regions;  ///< texts; empty: none, PPO, DPPO and CPPO
  std::string divergence;             ///< one of `divergence_options()`; empty: that of the first region, or Binary-TV
  int seeds = 1;
  int steps = 24;
  int epochs = 2;
  double learning_rate = 5e-4;
  int threads = 0;       ///< 0: as many as the machine has
  bool quick = false;    ///< fewer, shorter responses
  std::string dump;      ///< file for the rollouts of each run's last step; may be empty
};

/// One run: a trust region and a seed.
struct training_run {
  std::size_t which = 0;  ///< index into `training::settings`
  std::uint64_t seed = 0;
  std::vector<trainer::step_record> steps;
  std::string story;  ///< the story that the model tells afterwards
  std::vector<seen_divergence> seen;  ///< of the responses of its last step, after the updates
};

/// The state of training after a step.
struct training_progress {
  setting const& what;
  std::uint64_t seed;
  int step;                    ///< of this run, from 1
  int steps;                   ///< of a run
  int done, all;               ///< steps of all runs
  double seconds;              ///< since the beginning
  trainer::step_record const& last;
};

/// All runs, seed by seed.
struct training {
  training_request asked;
  shown_divergence measure;
  std::vector<setting> settings;
  std::vector<training_run> runs;
  trainer::learning_options options;  ///< sizes that all runs share
  int tokens = 0;                     ///< longest response
  std::set<std::string> dictionary;   ///< the words that a story may use
  std::string prompt, story_before;   ///< the story that the model tells before training
  int threads = 0;
  bool interrupted = false;
  double seconds = 0.0;
};

/// Trains. `data` is the folder of the model and its tokenizer; `dictionary` has the words that a story may use. Stops
/// early, with what is done, when `stop` is set. Throws `input_error` if a file cannot be read or written, or nothing
/// fits the request.
training train(std::string const& data, std::set<std::string> const& dictionary, training_request const& asked,
               std::atomic<bool> const& stop,
               std::function<void(training_progress const&)> const& show);

}  // namespace demo
