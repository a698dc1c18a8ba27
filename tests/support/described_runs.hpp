// Calls on described regions. They are compiled once, in described_runs.cpp.
#pragma once

#include "support/same_run.hpp"

#include <cppo/algorithm/diagnose.hpp>
#include <cppo/described/parse.hpp>
#include <cppo/testing/check_region.hpp>

namespace cppo_test {

// The region on seq, simd, simd with three threads, and kernel bodies (executors 0 to 3).
cppo::testing::region_runner<float> described_runner(cppo::described_region const& region);
// The region in double, on seq.
cppo::testing::region_runner<double> described_runner_in_double(cppo::described_region const& region);
// compute_mask on simd.
std::vector<std::uint8_t> described_mask_of(cppo::described_region const& region,
                                            cppo::testing::generated_batch<float> const& batch);
cppo::batch_diagnosis diagnose_described(cppo::described_region const& region,
                                         cppo::testing::generated_batch<float> const& batch);
// check_region, with kernel bodies besides seq and simd.
cppo::testing::check_result check_described(cppo::described_region const& region,
                                            cppo::testing::check_options const& options);

}  // namespace cppo_test
