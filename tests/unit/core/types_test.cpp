// Needs are sets, and the numbers that a trace of decisions holds stay what they are.
#include "support/catch_compat.hpp"

#include <cppo/core/types.hpp>

using cppo::any;
using cppo::decision;
using cppo::needs;

TEST_CASE("a set of needs holds what was put into it and nothing else", "[core]") {
  constexpr needs all[] = {needs::divergence, needs::prefix_budget, needs::prefix_values, needs::response,
                           needs::quantile};
  for (unsigned i = 0; i < 5; ++i) CHECK(static_cast<unsigned>(all[i]) == 1U << i);
  for (needs const a : all) {
    CHECK_FALSE(any(needs::none, a));
    CHECK_FALSE(any(a, needs::none));
    for (needs const b : all) {
      CHECK(any(a, b) == (a == b));
      for (needs const c : all) CHECK(any(a | b, c) == (c == a || c == b));
    }
  }
}

TEST_CASE("a decision keeps its number", "[core]") {
  constexpr decision in_order[] = {decision::excluded,        decision::kept,           decision::kept_toward,
                                   decision::masked_ratio,    decision::masked_divergence, decision::masked_budget,
                                   decision::masked_response, decision::masked_other};
  for (int i = 0; i < 8; ++i) CHECK(static_cast<int>(in_order[i]) == i);
}
