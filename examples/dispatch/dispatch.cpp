#include "dispatch.hpp"

#include "crossing.hpp"

#include <algorithm>

#define CPPO_DISPATCH_DECLARE(isa)                           \
  CPPO_DISPATCH_SHOWN int CPPO_DISPATCH_LANES(isa)();        \
  CPPO_DISPATCH_SHOWN void CPPO_DISPATCH_CALL(isa)(dispatch::crossing const&);
#define CPPO_DISPATCH_ENTRY(isa) CPPO_DISPATCH_LANES(isa), CPPO_DISPATCH_CALL(isa)

// CMake says which builds are linked. Levels, not single features: what a compiler makes of one may need all that
// belongs to it.
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

cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch,
                         cppo::described_region const& region, cppo::loss_outputs const& outputs,
                         cppo::loss_options const& options, build const& by) {
  cppo::status ended;
  by.call({on == executor::simd, &batch, &region, &outputs, &options, outputs.report, &ended});
  return ended;
}

}  // namespace dispatch
