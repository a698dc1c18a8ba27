// The steps of a described mask: what may be appended, and what is known of them.
#include "support/catch_compat.hpp"

#include <cppo/described/parse.hpp>

#include <string>

namespace {

using namespace cppo;

described_mask mask_of(std::string const& text) {
  auto const p = parse_region("trust_region(binary_tv, uniform_weight, " + text + ")");
  INFO(std::string(p.error));
  REQUIRE(p.good);
  return p.region.mask();
}

}  // namespace

TEST_CASE("a step without operands, or beyond the capacity, is not appended", "[described]") {
  described_mask m;
  for (mask_step const s : {mask_step::both, mask_step::either, mask_step::negated}) CHECK(!m.append({s}));
  CHECK(m.size() == 0);
  CHECK(!m.complete());
  CHECK(m.append({mask_step::keep_all}));
  CHECK(m.complete());
  CHECK(!m.append({mask_step::both}));
  CHECK(m.append({mask_step::negated}));
  CHECK(m.append({mask_step::keep_none}));
  CHECK(!m.complete());
  CHECK(m.append({mask_step::either}));
  CHECK(m.complete());
  while (m.size() < described_mask::capacity) REQUIRE(m.append({mask_step::negated}));
  described_mask const before = m;
  CHECK(!m.append({mask_step::negated}));
  CHECK(!m.append({mask_step::keep_all}));
  CHECK(m == before);
}

TEST_CASE("a second prefix budget is not appended, negated or not", "[described]") {
  described_mask m;
  REQUIRE(m.append({mask_step::prefix_budget, 0.5, 0.5}));
  CHECK(!m.append({mask_step::prefix_budget, 0.25, 0.25}));
  REQUIRE(m.append({mask_step::negated}));
  CHECK(!m.append({mask_step::prefix_budget, 0.25, 0.25}));
  CHECK(m.size() == 2);
  CHECK(m.has_budget());
  CHECK(m.slack() == 0.5);
  CHECK(described_mask().slack() == 0.0);
}

TEST_CASE("a clause under a negation is of no kind", "[described]") {
  described_mask const m = mask_of("toward_rollout & !(ratio_within(1, 2) | divergence_within(1)) & "
                                   "!prefix_budget(0.5, 1) & divergence_within(0.5) & !response_max_within(1)");
  CHECK(m.has(clause::toward));
  CHECK(!m.has(clause::ratio));
  CHECK(m.has(clause::divergence));
  CHECK(m.has_one_threshold());
  CHECK(!m.has(clause::budget));
  CHECK(m.has_budget());
  CHECK(m.slack() == 0.5);
  CHECK(!m.has(clause::response));
  CHECK(m.asks_for_response());
  CHECK(!mask_of("!!divergence_within(1)").has(clause::divergence));
  CHECK(!mask_of("divergence_within(1) | divergence_within(2)").has_one_threshold());
}

TEST_CASE("usual shapes are those that are evaluated at once", "[described]") {
  for (char const* const usual :
       {"keep_all", "ratio_within(1, 2)", "toward_rollout | ratio_within(1, 2)", "ratio_within(1, 2) | toward_rollout",
        "toward_rollout | (divergence_within(1) & prefix_budget(1, 1))", "response_mean_within(1)",
        "toward_rollout | (ratio_within(1, 2) & (divergence_within(1) & (keep_all & response_max_within(1))))"}) {
    INFO(usual);
    CHECK(mask_of(usual).is_usual());
  }
  for (char const* const other :
       {"toward_rollout", "keep_none", "!keep_all", "toward_rollout & divergence_within(1)",
        "toward_rollout | keep_none", "toward_rollout | toward_rollout", "toward_rollout | !divergence_within(1)",
        "divergence_within(1) | ratio_within(1, 2)", "divergence_within(1) & divergence_within(2)",
        "(toward_rollout | divergence_within(1)) & ratio_within(1, 2)",
        "toward_rollout | (divergence_within(1) | ratio_within(1, 2))",
        "toward_rollout | toward_rollout | divergence_within(1)",
        "response_max_within(1) & response_mean_within(1)"}) {
    INFO(other);
    CHECK(!mask_of(other).is_usual());
  }
  CHECK(!described_mask().is_usual());
}

TEST_CASE("the first clause out of range is named, from left to right", "[described]") {
  described_mask m;
  REQUIRE(m.append({mask_step::response_max_within, 1.0, 1.0}));
  REQUIRE(m.append({mask_step::divergence_within, -2.0, -2.0}));
  REQUIRE(m.append({mask_step::both}));
  REQUIRE(m.append({mask_step::ratio_within, 0.0, 1.0}));
  REQUIRE(m.append({mask_step::both}));
  CHECK(std::string_view(m.check({}).name) == "divergence_within(delta)");
  CHECK(m.check({}).value == -2.0);
  described_mask budget;
  REQUIRE(budget.append({mask_step::prefix_budget, 1.0, 1.0}));
  CHECK(budget.check(fixed_budget(1.0)));
  CHECK(std::string_view(budget.check(fixed_budget(-1.0)).name) == "fixed_budget(delta_b)");
  CHECK(std::string_view(budget.check(calibrated_budget(600.0)).name) == "calibration::ceiling_factor times the floor");
}
