// What a fuzz target does when something that must hold does not.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

/// Ends the program, so that the fuzzer keeps the input.
inline void demand(bool holds, char const* where, char const* what, std::string_view which) {
  if (holds) return;
  std::fprintf(stderr, "%s: %s %.*s\n", where, what, static_cast<int>(which.size()), which.data());
  std::abort();
}

}  // namespace fuzz
