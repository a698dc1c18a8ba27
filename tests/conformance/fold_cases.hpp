/// @file
/// Cases of rules with folds, which are compiled apart from the others: by what they read.
#pragma once

#include "case_reader.hpp"

namespace conformance {

/// Where a case runs. In double it runs on seq.
enum class fold_executor { seq, seq_double, simd, bodies };

/// Each runs a case if it knows the method; otherwise it returns null.
/// @{
json run_response_case(fold_executor where, object_reader const& c, std::string const& method);
json run_scan_case(fold_executor where, object_reader const& c, std::string const& method);
json run_batch_case(fold_executor where, object_reader const& c, std::string const& method);
/// @}

}  // namespace conformance
