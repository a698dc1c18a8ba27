// The calls on rows of logits, a file of their own: each takes its time to compile.
#pragma once

#include "crossing.hpp"

namespace c_api {

/// What the crossing asks for, on registers. In each build.
int call_on_rows(crossing const& c) noexcept;

}  // namespace c_api
