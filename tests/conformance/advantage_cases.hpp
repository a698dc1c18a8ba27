/// @file
/// Cases of advantages: rules on responses, which are compiled apart from the regions.
#pragma once

#include "case_reader.hpp"

namespace conformance {

/// Where a case of advantages runs.
enum class advantage_executor { seq, simd };

/// Runs a case whose `kind` is "advantage".
json run_advantage(advantage_executor where, object_reader const& c);

}  // namespace conformance
