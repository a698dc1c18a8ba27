// The call in float on registers, compiled once for each instruction set.
#include "crossing.hpp"
#include "layout_tag.hpp"

#include <cppo/cppo.hpp>

#include <new>

namespace {

using c_api::from_bytes;

cppo::status run(c_api::crossing const& c, cppo::report* report) {
  static thread_local cppo::workspace memory;
  auto const batch = from_bytes<cppo::rollout_batch_view<float>>(c.batch);
  auto const region = from_bytes<cppo::described_region>(c.region);
  auto const options = from_bytes<cppo::loss_options>(c.options);
  auto outputs = from_bytes<cppo::loss_outputs>(c.outputs);
  outputs.report = report;
  return cppo::policy_loss(cppo::simd.with_threads(c.threads).with_workspace(memory), batch, region, outputs, options);
}

}  // namespace

CPPO_C_BUILD int CPPO_C_CALL(CPPO_C_ISA)(c_api::crossing const& c) noexcept {
  if (c.tag != c_api::layout_tag()) return static_cast<int>(c_api::ending::other_version);
  try {
    cppo::report report;
    cppo::status const ended = run(c, c.report != nullptr ? &report : nullptr);
    c_api::to_bytes(c.status, ended);
    if (c.report != nullptr) c_api::to_bytes(c.report, report);
    return static_cast<int>(c_api::ending::done);
  } catch (std::bad_alloc const&) {
    return static_cast<int>(c_api::ending::no_memory);
  } catch (...) {
    return static_cast<int>(c_api::ending::failed);
  }
}
