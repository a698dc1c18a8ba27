#include "support/described_runs.hpp"

#include <cppo/testing/host_block.hpp>

namespace cppo_test {

using namespace cppo::testing;
using cppo::described_region;

namespace {
constexpr named_executor<kernel_bodies<8>> bodies{"kernel bodies", {}};
}

region_runner<float> described_runner(described_region const& region) { return region_runner<float>(region, bodies); }
region_runner<double> described_runner_in_double(described_region const& region) {
  return region_runner<double>(region);
}
std::vector<std::uint8_t> described_mask_of(described_region const& region, generated_batch<float> const& batch) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(batch.slots()), static_cast<std::uint8_t>(unwritten));
  (void)compute_mask(cppo::simd, batch.view(), region, mask);
  return mask;
}
cppo::batch_diagnosis diagnose_described(described_region const& region, generated_batch<float> const& batch) {
  return cppo::diagnose(batch.view(), region);
}
check_result check_described(described_region const& region, check_options const& options) {
  return check_region(region, options, bodies);
}

}  // namespace cppo_test
