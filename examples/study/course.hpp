// The tasks by name, each with the model that it begins with and the numbers that suit it.
#pragma once

#include "settings.hpp"

#include "../trainer/evaluation.hpp"
#include "../trainer/story_task.hpp"
#include "../trainer/task.hpp"

#include <memory>

namespace study {

/// A task, ready to run.
struct course {
  trainer::task task;
  trainer::parameters<float> base;
  std::unique_ptr<trainer::tokenizer> words;  ///< of stories
};

/// Puts the task's own numbers where the settings hold 0. Throws `trainer::input_error` if there is no such task, or
/// numbers do not fit each other.
void complete(settings& s);
/// Reads or makes the model. Throws `trainer::input_error`.
course prepared(settings const& s);

}  // namespace study
