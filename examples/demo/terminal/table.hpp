// The results as a table in the terminal.
#pragma once

#include "run/study.hpp"

namespace demo {

/// Prints the results to standard output, with bold and dim text if `styled`.
void print_table(study const& s, std::vector<rollout> const& rollouts, std::string const& file, bool styled);

}  // namespace demo
