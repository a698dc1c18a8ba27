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

cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch, region_or_rule const& region,
                         cppo::loss_outputs const& outputs, cppo::loss_options const& options, build const& by) {
  auto const call = std::holds_alternative<cppo::described_rule>(region) ? by.rule_call : by.call;
  if (call == nullptr) throw std::invalid_argument("this build has no call for rules");
  void const* const parts = std::visit([](auto const& r) -> void const* { return &r; }, region);
  cppo::status ended;
  call({on == executor::simd, &batch, parts, &outputs, &options, outputs.report, &ended});
  return ended;
}

}  // namespace dispatch
