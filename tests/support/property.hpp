// Property tests by rapidcheck inside a Catch2 test case, with either major version of Catch2.
#pragma once

#include "support/catch_compat.hpp"

#include <rapidcheck.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace cppo_test {

// The parameters of a property: 10 000 cases from one seed, so that two runs are the same. CPPO_PROPERTY_CASES sets
// another number of cases, and RC_PARAMS ("seed=7", "max_success=100") sets rapidcheck's own parameters.
inline rc::detail::TestParams property_parameters() {
  rc::detail::TestParams p = rc::detail::configuration().testParams;
  auto const given = [](char const* name) {
    char const* const value = std::getenv(name);
    return std::string_view(value != nullptr ? value : "");
  };
  std::string_view const params = given("RC_PARAMS");
  if (params.find("seed") == params.npos) p.seed = 20240611;
  if (params.find("max_success") == params.npos) p.maxSuccess = 10000;
  std::string const cases(given("CPPO_PROPERTY_CASES"));
  if (!cases.empty()) p.maxSuccess = std::stoi(cases);
  return p;
}

// Tests a property. `body` takes generated arguments and returns bool, or uses RC_ASSERT. A failure prints the shrunk
// case and the seed.
template <class Body>
void property(std::string const& what, Body&& body) {
  auto const result = rc::detail::checkTestable(std::forward<Body>(body), rc::detail::TestMetadata{what, what},
                                                property_parameters());
  bool const holds = result.template is<rc::detail::SuccessResult>();
  if (!holds) {
    std::cerr << "\n- " << what << '\n';
    rc::detail::printResultMessage(result, std::cerr);
    std::cerr << '\n';
  }
  CHECK(holds);
}

}  // namespace cppo_test
