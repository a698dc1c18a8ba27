// The builds of the call, one for each instruction set, and the one that calls run on.
#pragma once

#include "answer.hpp"
#include "crossing.hpp"

namespace c_api {

struct build {
  char const* instruction_set;  ///< as compilers name it
  bool runs_here;
  int (*call)(crossing const&) noexcept;
};

/// The best that this machine runs, or a lower one: environment variable CPPO_ISA names the highest that is taken. Null
/// if it names none.
build const* chosen_build() noexcept;
/// The same. If there is none, `s` says so.
build const* build_of_call(cppo_status& s) noexcept;

}  // namespace c_api
