// The same call on a rule as data, a file of its own: each takes its time to compile.
#pragma once

#include "crossing.hpp"

namespace c_api {

/// policy_loss on registers, in float; or the states of its folds. In each build.
int call_rule(crossing const& c) noexcept;

}  // namespace c_api
