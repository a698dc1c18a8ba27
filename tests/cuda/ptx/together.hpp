// Instructions that threads of a warp run together, each naming whom it waits for.
#pragma once

#include "operations.hpp"

namespace ptx {

// Are all threads there that operand `mask` names? Otherwise those of the step wait, and run the instruction again when
// they are. Threads that have ended are not waited for. `alone`: some of the step's
// threads go on without the others.
bool gathered(step& s, instruction const& i, int mask);
// The threads that run the instruction wait until `state` lets them go; they go on after it.
void wait_in(step& s, lane_mask warp::* state);

}  // namespace ptx
