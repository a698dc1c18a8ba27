// Calls in the library's own types, on the side of a build.
#pragma once

#include "crossing.hpp"
#include "layout_tag.hpp"

#include <cppo/cppo.hpp>

#include <new>

namespace c_api {

/// Runs f() for a crossing of this version. No exception leaves it.
template <class F>
int ended(crossing const& c, F const& f, std::uint64_t tag = layout_tag()) noexcept {
  if (c.tag != tag) return static_cast<int>(ending::other_version);
  try {
    f();
    return static_cast<int>(ending::done);
  } catch (std::bad_alloc const&) {
    return static_cast<int>(ending::no_memory);
  } catch (...) {
    return static_cast<int>(ending::failed);
  }
}

/// Calls policy_loss(executor).
template <class Real, class Region, class Executor>
void call_on(Executor const& executor, crossing const& c) {
  auto const batch = from_bytes<cppo::rollout_batch_view<Real>>(c.batch);
  auto const region = from_bytes<Region>(c.region);
  auto const options = from_bytes<cppo::loss_options>(c.options);
  auto outputs = from_bytes<cppo::loss_outputs>(c.outputs);
  cppo::report report;
  outputs.report = c.report != nullptr ? &report : nullptr;
  to_bytes(c.status, cppo::policy_loss(executor, batch, region, outputs, options));
  if (c.report != nullptr) to_bytes(c.report, report);
}
/// The same on registers, with the thread's memory.
template <class Real, class Region>
void call_on_registers(crossing const& c) {
  static thread_local cppo::workspace memory;
  call_on<Real, Region>(cppo::simd.with_threads(c.threads).with_workspace(memory), c);
}

}  // namespace c_api
