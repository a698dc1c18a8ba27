// What a fuzz target does when something that must hold does not, and when an input was more than noise.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

/// Inputs that a target took whole and refused nothing of. Every seed must be one, or what is mutated from it is noise.
inline std::size_t accepted = 0;

/// Ends the program, so that the fuzzer keeps the input.
inline void demand(bool holds, char const* where, char const* what, std::string_view which) {
  if (holds) return;
  std::fprintf(stderr, "%s: %s %.*s\n", where, what, static_cast<int>(which.size()), which.data());
  std::abort();
}

}  // namespace fuzz
