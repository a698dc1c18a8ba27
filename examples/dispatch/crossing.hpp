// What passes between the program and a build of the call: the library's structures of numbers and pointers, as bytes.
// To the compiler these are other types for each instruction set, because the library's inline namespace differs; but
// one source and one compiler lay them out alike.
#pragma once

#include <cppo/cppo.hpp>
#include <cppo/described.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace dispatch {

struct crossing {
  bool simd;
  void const* batch;
  void const* region;
  void const* outputs;
  void const* options;
  void* report;  // null: not asked for
  void* status;
};

template <class T>
T from_bytes(void const* bytes) {
  std::array<std::byte, sizeof(T)> copy;
  std::memcpy(copy.data(), bytes, sizeof copy);
  return std::bit_cast<T>(copy);
}
template <class T>
void to_bytes(void* bytes, T const& x) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(bytes, &x, sizeof x);
}

/// The call that is asked for, under a region of this type.
template <class Region>
void call_with(crossing const& c) {
  auto const batch = from_bytes<cppo::rollout_batch_view<float>>(c.batch);
  auto const options = from_bytes<cppo::loss_options>(c.options);
  auto const region = from_bytes<Region>(c.region);
  auto outputs = from_bytes<cppo::loss_outputs>(c.outputs);
  cppo::report report = c.report == nullptr ? cppo::report{} : from_bytes<cppo::report>(c.report);
  outputs.report = c.report == nullptr ? nullptr : &report;
  to_bytes(c.status, c.simd ? cppo::policy_loss(cppo::simd, batch, region, outputs, options)
                            : cppo::policy_loss(cppo::seq, batch, region, outputs, options));
  if (c.report != nullptr) to_bytes(c.report, report);
}

}  // namespace dispatch

// Marks a function that a build exports, under the name that CMake gives its instruction set, whatever the flags hide.
#define CPPO_DISPATCH_SHOWN extern "C" __attribute__((visibility("default")))
#define CPPO_DISPATCH_JOIN_(a, b) a##b
#define CPPO_DISPATCH_JOIN(a, b) CPPO_DISPATCH_JOIN_(a, b)
#define CPPO_DISPATCH_LANES(isa) CPPO_DISPATCH_JOIN(cppo_dispatch_lanes_, isa)
#define CPPO_DISPATCH_CALL(isa) CPPO_DISPATCH_JOIN(cppo_dispatch_call_, isa)
#define CPPO_DISPATCH_RULE_CALL(isa) CPPO_DISPATCH_JOIN(cppo_dispatch_rule_call_, isa)
