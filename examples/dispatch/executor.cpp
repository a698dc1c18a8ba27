// The call, compiled once for each instruction set.
#include "crossing.hpp"

namespace {

using dispatch::from_bytes;

cppo::status run(dispatch::crossing const& c, cppo::report* report) {
  auto const batch = from_bytes<cppo::rollout_batch_view<float>>(c.batch);
  auto const options = from_bytes<cppo::loss_options>(c.options);
  auto const region = from_bytes<cppo::described_region>(c.region);
  auto outputs = from_bytes<cppo::loss_outputs>(c.outputs);
  outputs.report = report;
  return c.simd ? cppo::policy_loss(cppo::simd, batch, region, outputs, options)
                : cppo::policy_loss(cppo::seq, batch, region, outputs, options);
}

}  // namespace

CPPO_DISPATCH_SHOWN int CPPO_DISPATCH_LANES(CPPO_DISPATCH_ISA)() { return cppo::detail::simd_size; }

CPPO_DISPATCH_SHOWN void CPPO_DISPATCH_CALL(CPPO_DISPATCH_ISA)(dispatch::crossing const& c) {
  if (c.report == nullptr) return dispatch::to_bytes(c.status, run(c, nullptr));
  auto report = from_bytes<cppo::report>(c.report);
  dispatch::to_bytes(c.status, run(c, &report));
  dispatch::to_bytes(c.report, report);
}
