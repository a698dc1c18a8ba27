#include "dispatch.hpp"

#include "crossing.hpp"

#include <algorithm>

#define CPPO_DISPATCH_DECLARE(isa)                  \
  extern "C" int CPPO_DISPATCH_LANES(isa)();        \
  extern "C" void CPPO_DISPATCH_CALL(isa)(dispatch::crossing const&);
#define CPPO_DISPATCH_ENTRY(isa) CPPO_DISPATCH_LANES(isa), CPPO_DISPATCH_CALL(isa)

CPPO_DISPATCH_DECLARE(baseline)
#if CPPO_DISPATCH_X86
CPPO_DISPATCH_DECLARE(x86_64_v3)
CPPO_DISPATCH_DECLARE(x86_64_v4)
#endif

namespace dispatch {

namespace {

// What sets a level of x86-64 apart; machines that have these have the rest of it.
#if CPPO_DISPATCH_X86
bool has_v3() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}
bool has_v4() {
  return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

}  // namespace

std::span<build const> builds() {
  static build const all[] = {
      {CPPO_DISPATCH_BASELINE, true, CPPO_DISPATCH_ENTRY(baseline)},
#if CPPO_DISPATCH_X86
      {"x86-64-v3", has_v3(), CPPO_DISPATCH_ENTRY(x86_64_v3)},
      {"x86-64-v4", has_v4(), CPPO_DISPATCH_ENTRY(x86_64_v4)},
#endif
  };
  return all;
}

build const& best_build() {
  auto const all = builds();
  return *std::find_if(all.rbegin(), all.rend(), [](build const& b) { return b.runs_here; });
}

cppo::status policy_loss(executor on, cppo::rollout_batch_view<float> const& batch, cppo::policy_config const& config,
                         cppo::policy_outputs const& outputs, cppo::loss_options const& options, build const& by) {
  cppo::status ended;
  by.call({on == executor::simd, &batch, &config, &outputs, &options, outputs.report, &ended});
  return ended;
}

}  // namespace dispatch
