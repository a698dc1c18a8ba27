// The functions of cppo_device.h.
#include "call.cuh"

#include "../src/options.hpp"
#include "../src/region.hpp"

#include <cppo_device.h>

namespace {

using c_api::refuse;
using c_api::word;
using cppo::argument;

/// A batch whose offsets lie on the device.
bool take_batch_there(cppo_batch const* from, c_api::lent_batch& into, cppo_status& s) noexcept {
  if (!c_api::take_batch(from, into, s)) return false;
  if (into.in_double) {
    return refuse(s, static_cast<int>(cppo::status_code::executor_unavailable), argument::none,
                  word("a call in double is not for a device: lend log-probs and divergences as f32, f16 or bf16"));
  }
  if (!into.shape.is_packed()) return true;
  cppo::detail::buffer const& slots = into.of[static_cast<std::size_t>(argument::log_prob)];
  auto const place = [&](auto const* cuts) {
    auto const n = slots.rank == 2 ? slots.extents[0] * slots.extents[1] : slots.extents[0];
    cppo::packed_layout const packed = cppo::packed_on_device(cuts, from->responses, n);
    return from->capacity != 0 ? packed.with_capacity(from->capacity) : static_cast<cppo::layout>(packed);
  };
  void const* const cuts = from->cu_seqlens.data;
  into.shape = from->cu_seqlens.dtype == cppo_i32 ? place(static_cast<std::int32_t const*>(cuts))
                                                  : place(static_cast<std::int64_t const*>(cuts));
  return true;
}

/// A call whose arguments were taken.
struct call {
  c_api::lent_batch batch;
  cppo::described_region region;
  cppo::loss_outputs outputs;
  cppo::loss_options options;
};

bool take_call(cppo_batch const* batch, cppo_region const* region, cppo_outputs const* outputs,
               cppo_options const* options, call& c, cppo_status& s) {
  cppo_outputs lent;
  cppo_options chosen;
  if (!take_batch_there(batch, c.batch, s) || !c_api::take_region(region, c.region, s) ||
      !c_api::take_structure(outputs, "outputs", lent, s) || !c_api::take_outputs(lent, c.outputs, s) ||
      !c_api::take_structure_of_options(options, chosen, s) || !c_api::take_options(chosen, c.options, s)) {
    return false;
  }
  if (chosen.folds != nullptr) {
    return refuse(s, static_cast<int>(cppo::status_code::executor_unavailable), argument::options,
                  word("options->folds are not taken on a device: run micro-batches of such a rule on the host"));
  }
  if (chosen.carries != nullptr || chosen.totals != nullptr) {
    return refuse(s, static_cast<int>(cppo::status_code::executor_unavailable), argument::carry,
                  word("carries and totals are not taken on a device: run a response in pieces on the host"));
  }
  return lent.report == nullptr ||
         refuse(s, cppo_bad_argument, argument::report,
                word("the report of the outputs is written by a host: lend memory of the device beside them"));
}

}  // namespace

std::int32_t cppo_device_abi() { return CPPO_C_ABI; }
std::int64_t cppo_device_report_bytes() { return sizeof(cppo::report); }

std::int64_t cppo_device_workspace_bytes(cppo_batch const* batch, cppo_region const* region, cppo_status* status) {
  std::int64_t bytes = -1;
  c_api::answered(status, [&](cppo_status& s) {
    c_api::lent_batch b;
    cppo::described_region r;
    if (!take_batch_there(batch, b, s) || !c_api::take_region(region, r, s)) return;
    bytes = static_cast<std::int64_t>(cppo::device_workspace_bytes(b.as<float>(), r)) + 256;  // for alignment
  });
  return bytes;
}

std::int32_t cppo_device_policy_loss(cppo_batch const* batch, cppo_region const* region, cppo_outputs const* outputs,
                                     cppo_options const* options, void* stream, void* workspace, std::int64_t bytes,
                                     void* report, cppo_status* status) {
  return c_api::answered(status, [&](cppo_status& s) {
    call c;
    if (!take_call(batch, region, outputs, options, c, s)) return;
    c.outputs.report = static_cast<cppo::report*>(report);
    c_api::device_place const p{static_cast<cudaStream_t>(stream), workspace, static_cast<std::size_t>(bytes)};
    c_api::take(c_api::run_on_device(p, c.batch, c.region, c.outputs, c.options), s);
  });
}
