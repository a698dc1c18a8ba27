#include "builds.hpp"

#include <cppo.h>

#include <cppo/version.hpp>

#include <cstdint>
#include <cstdlib>

// CMake says which builds there are. Levels, not single features: what a compiler makes of one may need all that
// belongs to it.
#define CPPO_C_DECLARE(isa) CPPO_C_BUILD int CPPO_C_CALL(isa)(c_api::crossing const&) noexcept;
#if CPPO_C_HAS_x86_64
CPPO_C_DECLARE(x86_64)
#endif
#if CPPO_C_HAS_x86_64_v3
CPPO_C_DECLARE(x86_64_v3)
#endif
#if CPPO_C_HAS_x86_64_v4
CPPO_C_DECLARE(x86_64_v4)
#endif
#if CPPO_C_HAS_native
CPPO_C_DECLARE(native)
#endif
#if CPPO_C_HAS_default
CPPO_C_DECLARE(default)
#endif

namespace c_api {

namespace {

build const* choose() noexcept {
  static build const all[] = {
#if CPPO_C_HAS_x86_64
      {"x86-64", true, CPPO_C_CALL(x86_64)},
#endif
#if CPPO_C_HAS_x86_64_v3
      {"x86-64-v3", __builtin_cpu_supports("x86-64-v3") != 0, CPPO_C_CALL(x86_64_v3)},
#endif
#if CPPO_C_HAS_x86_64_v4
      {"x86-64-v4", __builtin_cpu_supports("x86-64-v4") != 0, CPPO_C_CALL(x86_64_v4)},
#endif
#if CPPO_C_HAS_native
      {"native", true, CPPO_C_CALL(native)},
#endif
#if CPPO_C_HAS_default
      {"default", true, CPPO_C_CALL(default)},
#endif
  };
  char const* const highest = std::getenv("CPPO_ISA");
  bool const any = highest == nullptr || *highest == '\0';
  build const* best = nullptr;
  for (build const& b : all) {
    if (b.runs_here) best = &b;
    if (!any && std::strcmp(b.instruction_set, highest) == 0) return best;
  }
  return any ? best : nullptr;
}

}  // namespace

build const* chosen_build() noexcept {
  static build const* const chosen = choose();
  return chosen;
}

build const* build_of_call(cppo_status& s) noexcept {
  build const* const by = chosen_build();
  if (by == nullptr) {
    refuse(s, cppo_bad_argument, cppo::argument::none,
           word("environment variable CPPO_ISA names no instruction set of the library: unset it, or name one"));
  }
  return by;
}

}  // namespace c_api

#define CPPO_C_TEXT_(x) #x
#define CPPO_C_TEXT(x) CPPO_C_TEXT_(x)

std::int32_t cppo_c_abi() { return CPPO_C_ABI; }
char const* cppo_version() {
  return CPPO_C_TEXT(CPPO_VERSION_MAJOR) "." CPPO_C_TEXT(CPPO_VERSION_MINOR) "." CPPO_C_TEXT(CPPO_VERSION_PATCH);
}
char const* cppo_instruction_set() {
  c_api::build const* const b = c_api::chosen_build();
  return b != nullptr ? b->instruction_set : "none: CPPO_ISA names none";
}
