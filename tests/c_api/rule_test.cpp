// Rules through the C interface: text, what they read, calls with the bits of seq, and what is refused.
#include "c_call.hpp"

#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/described_rule/parse.hpp>
#include <cppo/described_rule/to_text.hpp>
#include <cppo/rules/folding.hpp>
#include <cppo/testing/generators.hpp>

#include <cppo_theory.h>

#include <set>

namespace {

using cppo_test::region_of;
using cppo_test::through_c;

constexpr char const* texts[] = {
    "gspo(epsilon_low = 0.01, epsilon_high = 0.01)",
    "cispo",
    "softened(fixed_cppo(0.02), reciprocal_gate) + penalty(kl_k3(), 0.1)",
    "objective(calibrated_cppo(), clipped(0.98, 1.02, exp(upto(mean(log_ratio)))))",
    "kl_cov(share = 0.1)",
    "mean_over_kept(entropy_top)",
};

/// What differs between the call through C and `seq`.
template <class T>
std::string differs(cppo::testing::generated_batch<T> const& batch, std::string const& text, std::int32_t executor) {
  auto const rule = cppo::parse_rule(text).rule;
  cppo_region const c_region = region_of(text);
  cppo::loss_options const options{.aggregate = cppo::token_mean};
  std::string message;
  auto const want = capture(cppo::seq, batch, rule, options);
  auto const got = capture(through_c{c_region, message, executor, 2}, batch, rule, options);
  if (got.outcome.code != want.outcome.code) return "status: " + message;
  std::string const outputs = cppo_test::unlike(got, want, batch.rows_and_spare());
  return outputs.empty() ? cppo_test::unlike(got.report, want.report) : outputs;
}
template <class T>
void check_elements(std::uint64_t seeds) {
  cppo::testing::generator_options g{.max_length = 200, .top_k = 4, .divergence = true};
  g.entropy = g.reference = true;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    auto const batch = cppo::testing::generate<T>(seed, g);
    if (batch.part) continue;
    for (char const* text : texts) {
      for (std::int32_t const executor : {cppo_simd, cppo_seq}) {
        INFO(text << ", seed " << seed << (executor == cppo_seq ? ", seq" : ", simd"));
        REQUIRE(differs(batch, text, executor) == "");
      }
    }
  }
}
std::string text_of(cppo_region const& region) {
  std::string text(static_cast<std::size_t>(cppo_region_text(&region, nullptr, 0)), ' ');
  cppo_region_text(&region, text.data(), static_cast<std::int64_t>(text.size()) + 1);
  return text;
}
std::string error_of(char const* text) {
  cppo_region region;
  cppo_status s;
  CHECK(cppo_region_parse(text, nullptr, 0, &region, &s) == cppo_bad_text);
  return s.message;
}

}  // namespace

TEST_CASE("a rule's text is that of the C++ library, and so is what it reads") {
  for (char const* text : texts) {
    cppo_region const region = region_of(text);
    CHECK(text_of(region) == std::string(to_text(cppo::parse_rule(text).rule)));
    CHECK(text_of(region_of(text_of(region))) == text_of(region));
    CHECK(cppo_region_calibrates(&region) == (std::string(text).find("calibrated") != std::string::npos ? 1 : 0));
  }
  auto const reads = [](char const* text) {
    cppo_region const region = region_of(text);
    return cppo_region_reads(&region);
  };
  CHECK(reads("gspo") == 0);
  CHECK(reads("entropy_top") == std::uint64_t{1} << cppo_entropy);
  CHECK(reads("ppo + penalty(kl_k1(), 1)") == std::uint64_t{1} << cppo_reference_log_prob);
}

TEST_CASE("the error of a text is that of the reading that came farther") {
  CHECK(error_of("objective(fixed_cppo(detla = 1), ratio_form)") ==
        "column 22: fixed_cppo has no parameter detla: fixed_cppo(delta, delta_b, w_min, divergence)");
  CHECK(error_of("minpr") == "column 1: there is nothing named minpr: did you mean minpro?");
  CHECK(error_of("fixed_cppo(0.1, delta_b = 2000)").substr(0, 10) == "column 27:");
}

TEST_CASE("the names that rules bring are in the list, with what they make") {
  std::set<std::string> seen;
  for (std::int64_t i = 0; cppo_part_name(i) != nullptr; ++i)
    seen.insert(std::string(cppo_part_kind(i)) + " " + cppo_part_name(i) + "(" + cppo_part_parameters(i) + ")");
  for (char const* wanted :
       {"quantity ratio()", "loss clipped(low, high, r)", "region gspo(epsilon_low, epsilon_high, exponent_cap)",
        "mask at_most(q, x)", "statistic halving_sum(q, half_life)", "quantity response(statistic)", "rank share(x)",
        "region objective(region, surrogate)", "statistic mean_of_others(q)", "quantity where(mask, q, r)"}) {
    INFO(wanted);
    CHECK(seen.count(wanted) == 1);
  }
}

TEST_CASE("a call with a rule in float has the bits of seq") { check_elements<float>(12); }
TEST_CASE("a call with a rule in double has the bits of seq") { check_elements<double>(4); }

TEST_CASE("findings, and bounds that are refused, of a rule") {
  auto const batch = cppo::testing::generate<float>(3, {.max_length = 50});
  cppo_test::c_batch lent(batch.view());
  cppo_region const reads_more = region_of("entropy_top");
  cppo_finding findings[8];
  std::int64_t const n = cppo_diagnose(lent.get(), &reads_more, nullptr, findings, 8);
  REQUIRE(n >= 1);
  CHECK(std::string(findings[0].name) == "missing_input");
  cppo_region const rule = region_of("cispo");
  cppo_certificate c{};
  c.size = sizeof c;
  cppo_status s;
  CHECK(cppo_certify(lent.get(), &rule, cppo_measured_unknown, 1.0, &c, &s) == cppo_bad_argument);
  CHECK(std::string(s.message).find("a loss of its own") != std::string::npos);
  double w[3];
  CHECK(cppo_weights_of(&rule, 3, w, &s) == 0);
  CHECK((w[0] == 1.0 && w[2] == 1.0));
}
