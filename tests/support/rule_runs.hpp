// Calls on described rules. They are compiled once, in rule_runs.cpp.
#pragma once

#include "support/same_run.hpp"

#include <cppo/described_rule/rule.hpp>
#include <cppo/testing/check_region.hpp>

namespace cppo_test {

// The rule on seq, simd, simd with three threads, and kernel bodies (executors 0 to 3).
cppo::testing::region_runner<float> rule_runner(cppo::described_rule const& rule);
// check_region, with kernel bodies besides seq and simd.
cppo::testing::check_result check_rule(cppo::described_rule const& rule, cppo::testing::check_options const& options);

}  // namespace cppo_test
