// Property tests by rapidcheck inside a Catch2 test case, with either major version of Catch2.
#pragma once

#include "catch_compat.hpp"

#include <rapidcheck.h>

#include <string>
#include <utility>

namespace cppo_test {

// `body` takes generated arguments and returns bool, or uses RC_ASSERT. A failure prints the shrunk case and the seed.
template <class Body>
void property(std::string const& what, Body&& body) {
  bool const holds = rc::check(what, std::forward<Body>(body));
  CHECK(holds);
}

}  // namespace cppo_test
