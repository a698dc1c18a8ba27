// The call, compiled once for each instruction set.
#include "crossing.hpp"

CPPO_DISPATCH_SHOWN int CPPO_DISPATCH_LANES(CPPO_DISPATCH_ISA)() { return cppo::detail::simd_size; }

CPPO_DISPATCH_SHOWN void CPPO_DISPATCH_CALL(CPPO_DISPATCH_ISA)(dispatch::crossing const& c) {
  dispatch::call_with<cppo::described_region>(c);
}
