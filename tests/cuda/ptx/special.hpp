// The special registers: what a thread is and where.
#pragma once

#include "machine.hpp"

namespace ptx {

// The row of a special register, -1 if the name is none.
s32 special_named(std::string_view name);
// Fills the rows of a warp.
void fill_special(warp& w);

}  // namespace ptx
