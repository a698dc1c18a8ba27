// The results of training in the terminal.
#pragma once

#include "run/training_summary.hpp"

namespace demo {

/// Says what is about to be trained.
void print_training_plan(training_request const& asked, bool styled);
/// Prints the results: success, what was masked, drift, where the time went, and the stories.
void print_training(training const& t, bool styled);

}  // namespace demo
