#include "dispatch.hpp"

#include "crossing.hpp"

#include <algorithm>
#include <stdexcept>

#define CPPO_DISPATCH_DECLARE(isa)                                             \
  CPPO_DISPATCH_SHOWN int CPPO_DISPATCH_LANES(isa)();                          \
  CPPO_DISPATCH_SHOWN void CPPO_DISPATCH_CALL(isa)(dispatch::crossing const&); \
  CPPO_DISPATCH_SHOWN void CPPO_DISPATCH_RULE_CALL(isa)(dispatch::crossing const&);
#define CPPO_DISPATCH_ENTRY(isa) \
  CPPO_DISPATCH_LANES(isa), CPPO_DISPATCH_CALL(isa), CPPO_DISPATCH_JOIN(CPPO_DISPATCH_RULE_OF_, isa)

// CMake says which builds are linked, and which of them know rules. Levels, not single features: what a compiler makes
// of one may need all that belongs to it.
#if CPPO_DISPATCH_HAS_x86_64
CPPO_DISPATCH_DECLARE(x86_64)
#endif
#if CPPO_DISPATCH_HAS_x86_64_v3
CPPO_DISPATCH_DECLARE(x86_64_v3)
#endif
#if CPPO_DISPATCH_HAS_x86_64_v4
CPPO_DISPATCH_DECLARE(x86_64_v4)
#endif
#if CPPO_DISPATCH_HAS_default
CPPO_DISPATCH_DECLARE(default)
#endif

namespace dispatch {

namespace {

constexpr char const* no_rule_call =
    "no build for this machine has the call under rules: configure and compile on this machine, or add "
    "rule_executor.cpp to the target of its instruction set in examples/dispatch/CMakeLists.txt";

auto call_of(build const& by, region_or_rule const& region) {
  return std::holds_alternative<cppo::described_rule>(region) ? by.rule_call : by.call;
}

}  // namespace

std::span<build const> builds() {
  static build const all[] = {
#if CPPO_DISPATCH_HAS_x86_64
      {"x86-64", true, CPPO_DISPATCH_ENTRY(x86_64)},
#endif
#if CPPO_DISPATCH_HAS_x86_64_v3
      {"x86-64-v3", __builtin_cpu_supports("x86-64-v3") != 0, CPPO_DISPATCH_ENTRY(x86_64_v3)},
#endif
#if CPPO_DISPATCH_HAS_x86_64_v4
      {"x86-64-v4", __builtin_cpu_supports("x86-64-v4") != 0, CPPO_DISPATCH_ENTRY(x86_64_v4)},
#endif
#if CPPO_DISPATCH_HAS_default
      {"what the compiler was told", true, CPPO_DISPATCH_ENTRY(default)},
#endif
  };
  return all;
}

build const& best_build() {
  auto const all = builds();
  return *std::find_if(all.rbegin(), all.rend(), [](build const& b) { return b.runs_here; });
}

build const* best_of(std::span<build const> all, region_or_rule const& region) {
  auto const found = std::find_if(all.rbegin(), all.rend(), [&](build const& b) {
    return b.runs_here && call_of(b, region) != nullptr;
  });
  return found == all.rend() ? nullptr : &*found;
}

cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch, region_or_rule const& region,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options) {
  build const* const by = best_of(builds(), region);
  if (by == nullptr) throw std::invalid_argument(no_rule_call);
  return policy_loss(on, batch, region, outputs, options, *by);
}

cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch, region_or_rule const& region,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options, build const& by) {
  auto const call = call_of(by, region);
  if (call == nullptr) throw std::invalid_argument(no_rule_call);
  void const* const parts = std::visit([](auto const& r) -> void const* { return &r; }, region);
  cppo::status ended;
  call({on == executor::simd, &batch, parts, &outputs, &options, outputs.report, &ended});
  return ended;
}

}  // namespace dispatch
