#include "call.cuh"

#include <cppo/algorithm/policy_loss.hpp>

namespace c_api {

cppo::status run_on_device(device_place const& p, lent_batch const& batch, cppo::described_region const& region,
                           cppo::loss_outputs const& outputs, cppo::loss_options const& options) {
  auto const executor = cppo::on(p.stream).with_workspace(p.workspace, p.bytes).with_report();
  return cppo::policy_loss(executor, batch.as<float>(), region, outputs, options);
}

}  // namespace c_api
