// Rollouts as arrays: [B, T], or packed [N] with cu_seqlens [B + 1].
#pragma once

#include "input/arrays.hpp"
#include "input/rollouts.hpp"

#include <span>

namespace demo {

/// The names of the arrays that are read.
std::span<std::string_view const> rollout_arrays();

/// The responses in the arrays of the file. Throws `input_error`.
std::vector<rollout> rollouts_of(std::string const& path, number_arrays const& arrays);

}  // namespace demo
