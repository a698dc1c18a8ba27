// What the divergences see of the same tokens, in the terminal.
#pragma once

#include "run/training_summary.hpp"

namespace demo {

/// Prints mean, ninth tenth and masked share by Binary, Top-K and full divergences, a row for each region.
void print_divergences(training const& t, std::vector<training_summary> const& all, bool styled);

}  // namespace demo
