// A region named in a text is the one its function makes, with the numbers of the text or its own.
#include "support/catch_compat.hpp"
#include "support/chosen_region.hpp"
#include "support/same_run.hpp"

#include <cppo/testing/generators.hpp>

#include <string>

namespace {

using namespace cppo;
using namespace cppo::testing;

// Every output under the text's region has the bits of the region written out. Returns the tokens masked.
template <class Region>
index_t same(char const* text, Region const& written, generator_options const& o = {}) {
  INFO(text);
  parsed_region const read = parse_region(text);
  INFO(read.error);
  REQUIRE(read);
  index_t masked = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    generated_batch<float> const batch = generate<float>(seed, o);
    auto const got = capture(seq, batch, read.region, {}), want = capture(seq, batch, written, {});
    REQUIRE(cppo_test::same_status(got.outcome, want.outcome));
    REQUIRE(got.outcome.ok());
    REQUIRE(cppo_test::unlike(got, want, batch.rows()) == "");
    masked += got.report.masked();
  }
  return masked;
}

described_region copy_of(described_region const& r) { return r; }
template <class Region>
described_region copy_of(Region const& written) { return described_region(written); }

}  // namespace

TEST_CASE("every region's name reaches the region of its function") {
  cppo_options const o{0.12, 0.01, 0.7};
  calibrated_cppo_options const floor{0.12, 0.01, 0.7};
  calibration const c{.quantile = 0.5, .scale = 0.5, .ceiling_factor = 3.0};
  CHECK(same("reporting(unrestricted, binary_tv)", trust_region(binary_tv, uniform_weight, keep_all)) == 0);
  auto const clip = trust_region(binary_tv, uniform_weight, toward_rollout | ratio_within(0.9, 1.3));
  CHECK(same("reporting(ppo(epsilon_low = 0.1, epsilon_high = 0.3), binary_tv)", clip) > 0);
  CHECK(same("dppo(delta = 0.12)", dppo({.delta = 0.12})) > 0);
  CHECK(same("fixed_cppo(0.12, 0.01, 0.7)", fixed_cppo(o)) > 0);
  CHECK(same("calibrated_cppo(0.12, 0.01, 0.7, binary_tv, 0.5, 0.5, 3)", calibrated_cppo(floor, binary_tv, c)) > 0);
  CHECK(same("trust_region(binary_tv, linear_weight(0.7), toward_rollout | divergence_within(0.12))",
             trust_region(binary_tv, linear_weight(0.7), toward_rollout | divergence_within(0.12))) > 0);
  auto const both = toward_rollout | (divergence_within(0.12) & prefix_budget(0.12, 0.01));
  CHECK(same("trust_region(binary_tv, uniform_weight, "
             "toward_rollout | (divergence_within(0.12) & prefix_budget(0.12, 0.01)))",
             trust_region(binary_tv, uniform_weight, both)) > 0);
  CHECK(same("trust_region(binary_tv, permuted(linear_weight(0.7), 42), "
             "toward_rollout | (divergence_within(0.12) & prefix_budget(0.12, 0.01)))",
             trust_region(binary_tv, permuted(linear_weight(0.7), 42), both)) > 0);
  CHECK(same("trust_region(binary_tv, reversed(linear_weight(0.7)), "
             "toward_rollout | (divergence_within(0.12) & prefix_budget(0.12, 0.01)))",
             trust_region(binary_tv, reversed(linear_weight(0.7)), both)) > 0);
  CHECK(same("softened(fixed_cppo(0.12, 0.01, 0.7), reciprocal_gate)", softened(fixed_cppo(o), reciprocal_gate)) > 0);
  CHECK(same("trm_max(0.12, binary_tv)", trm_max({0.12}, binary_tv)) > 0);
  CHECK(same("trm_mean(0.12, binary_tv)", trm_mean({0.12}, binary_tv)) > 0);
}

TEST_CASE("a region whose text says nothing has the numbers of its function") {
  CHECK(same("fixed_cppo", fixed_cppo()) > 0);
  CHECK(same("calibrated_cppo", calibrated_cppo()) > 0);
  CHECK(same("softened(presets::dense_base, reciprocal_gate)", softened(presets::dense_base(), reciprocal_gate)) > 0);
  CHECK(same("ppo", ppo()) > 0);
  CHECK(same("dppo()", dppo()) > 0);
  CHECK(same("trm_max", trm_max()) > 0);
  CHECK(same("trm_mean", trm_mean()) > 0);
  CHECK(same("softened(fixed_cppo, reciprocal_gate)", softened(fixed_cppo(), reciprocal_gate)) > 0);
  CHECK(same("softened(calibrated_cppo, reciprocal_gate)", softened(calibrated_cppo(), reciprocal_gate)) > 0);
}

TEST_CASE("F40: dppo takes delta and ppo epsilon in a text too") {
  CHECK(same("dppo(delta = 0.02)", dppo({.delta = 0.02})) > 0);
  CHECK(same("dppo(delta_low = 0.01)", dppo({.delta_low = 0.01})) > 0);
  CHECK(same("ppo(epsilon = 0.05)", ppo({.epsilon = 0.05})) > 0);
  CHECK(same("ppo(epsilon = 0.05, epsilon_high = 0.3)", ppo({.epsilon_low = 0.05, .epsilon_high = 0.3})) > 0);
}

TEST_CASE("the regions that tests choose among are those of their functions") {
  for (std::string_view const name : cppo_test::region_names) {
    INFO(name);
    cppo_test::chosen_region const c{.region = name, .delta = 0.12, .delta_b = 0.01, .seed = 3};
    described_region const chosen = described(c);
    CHECK(chosen.check());
    CHECK(parse_region(to_text(chosen)).region == chosen);
    with_region(c, [&](auto const& region) { CHECK(copy_of(region) == chosen); });
  }
}

TEST_CASE("a name that nobody knows is refused, with its column") {
  auto const column = [](char const* text) {
    parsed_region const read = parse_region(text);
    CHECK_FALSE(read);
    CHECK(std::string_view(read.error).starts_with("column " + std::to_string(read.column) + ": "));
    return read.column;
  };
  CHECK(column("cpo") == 1);
  CHECK(column("CPPO") == 1);
  CHECK(column("") == 1);
  CHECK(column("fixed_cppo(divergence = tv)") == 25);
  CHECK(column("fixed_cppo(w_min = 1.5)") == 20);
  CHECK(column(R"({"fixed_cpo": {}})") == 3);
  CHECK(parse_region("fixed_cppo").column == 0);
}
