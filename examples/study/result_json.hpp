// A run as one line of JSON.
#pragma once

#include "run.hpp"

#include <string>

namespace study {

/// The settings, their hash and nothing else: what `--plan` prints.
std::string plan_line(settings const& s, chosen_region const& region);
/// The settings, their hash, and what the run found. Numbers are read back as they were; what is not finite is null.
std::string result_line(settings const& s, chosen_region const& region, outcome const& o);

}  // namespace study
