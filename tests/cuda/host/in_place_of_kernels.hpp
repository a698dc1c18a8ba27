// What a device does with a call, done by seq in the memory that was lent to the device.
#pragma once

#include <cppo/execution/cuda.cuh>
#include <cppo/execution/seq.hpp>

#include <new>

template <class Real, class Region>
cppo::status cppo::cuda_t::run_call(cppo::detail::task<Real, Region>& t, cppo::report* wanted) const noexcept {
  void* memory = nullptr;
  bool own = false;
  cppo::status const s = obtain(sizeof(cppo::detail::call_state), memory, own);
  if (!s.ok()) return s;
  auto* const state = new (memory) cppo::detail::call_state{};
  state->outcome = cppo::seq.run_call(t, &state->report);
  if (wanted != nullptr) *wanted = state->report;
  if (own) (void)cudaFreeAsync(memory, stream());
  return {};
}
