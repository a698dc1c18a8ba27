// A region to text: canonical, the same for equal regions; and a region written out as data.
#include "support/catch_compat.hpp"
#include "support/odd_regions.hpp"

#include <cppo/described/parse.hpp>
#include <cppo/described/to_text.hpp>

#include <limits>
#include <string>

namespace {

using namespace cppo;

std::string canonical(std::string const& text) {
  auto const p = parse_region(text);
  INFO(text << "\n" << std::string(p.error));
  REQUIRE(p.good);
  return std::string(to_text(p.region));
}
std::string of_mask(std::string const& mask) { return "trust_region(k1, uniform_weight, " + mask + ")"; }

}  // namespace

TEST_CASE("a region written out equals its text, and has it", "[described]") {
  int regions = 0;
  cppo_test::each_odd_region([&regions](std::string_view text, auto const& written) {
    INFO(text);
    described_region const described(written);
    CHECK(described.fits());
    CHECK(described.check());
    CHECK(std::string(to_text(described)) == text);
    auto const parsed = parse_region(text);
    INFO(std::string(parsed.error));
    CHECK(parsed.good);
    CHECK(parsed.region == described);
    ++regions;
  });
  CHECK(regions == 19);
}

TEST_CASE("text is canonical", "[described]") {
  CHECK(canonical("fixed_cppo") ==
        "trust_region(binary_tv, linear_weight(0.8), toward_rollout | (divergence_within(0.15) & "
        "prefix_budget(0.15, 0.015)))");
  CHECK(canonical("reporting(softened(ppo,reciprocal_gate),k1)") ==
        "softened(reporting(trust_region(no_divergence, uniform_weight, toward_rollout | ratio_within(0.8, 1.2)), k1), "
        "reciprocal_gate)");
  CHECK(canonical("softened(ppo, hard_gate)") == canonical("ppo"));
  CHECK(canonical(of_mask("divergence_within(0.50, 5e-1)")) == of_mask("divergence_within(0.5)"));
  CHECK(canonical(of_mask("ratio_within(1, 1)")) == of_mask("ratio_within(1, 1)"));
  CHECK(canonical(of_mask("prefix_budget(1, fixed_budget(-0.0))")) == of_mask("prefix_budget(1, 0)"));
  CHECK(canonical(of_mask("prefix_budget(1, calibrated_budget(-0, 0.9, 1, 2))")) ==
        of_mask("prefix_budget(1, calibrated_budget(0))"));
  CHECK(canonical(of_mask("prefix_budget(1, calibrated_budget(0, {.scale = 3}))")) ==
        of_mask("prefix_budget(1, calibrated_budget(0, {0.9, 3, 2}))"));
  CHECK(canonical(of_mask("divergence_within(1.1754943508222875e-38)")) ==
        of_mask("divergence_within(1.1754943508222875e-38)"));
  CHECK(canonical(of_mask("ratio_within(5e-324, 1e30)")) == of_mask("ratio_within(5e-324, 1e+30)"));
}

TEST_CASE("parentheses stand where they are needed, or read more easily", "[described]") {
  CHECK(canonical(of_mask("((keep_all) & (keep_none)) & keep_all")) == of_mask("keep_all & keep_none & keep_all"));
  CHECK(canonical(of_mask("keep_all & (keep_none & keep_all)")) == of_mask("keep_all & (keep_none & keep_all)"));
  CHECK(canonical(of_mask("keep_all | (keep_none | keep_all)")) == of_mask("keep_all | (keep_none | keep_all)"));
  CHECK(canonical(of_mask("keep_all & keep_none | keep_all")) == of_mask("(keep_all & keep_none) | keep_all"));
  CHECK(canonical(of_mask("(keep_all | keep_none) & keep_all")) == of_mask("(keep_all | keep_none) & keep_all"));
  CHECK(canonical(of_mask("!!(keep_all)")) == of_mask("!!keep_all"));
  CHECK(canonical(of_mask("!(keep_all & keep_none) & keep_all")) == of_mask("!(keep_all & keep_none) & keep_all"));
}

TEST_CASE("a region that is not whole has no text", "[described]") {
  auto const d = divergence_within(0.1);
  auto const four = d & d & d & d;
  auto const sixteen = four & four & four & four;
  described_region const full(trust_region(k1, uniform_weight, sixteen));
  CHECK(full.fits());
  CHECK(full.mask().size() == 31);
  described_region const excess(trust_region(k1, uniform_weight, sixteen & d));
  CHECK(!excess.fits());
  CHECK(std::string_view(excess.check().name) == "the mask of a described_region");
  CHECK(to_text(excess) == "");
  described_region const none(k1, uniform_weight, {}, {}, hard_gate, false);
  CHECK(!none.check());
  CHECK(to_text(none) == "");
  described_mask all;
  REQUIRE(all.append({mask_step::keep_all}));
  described_region const unknown(named_divergence::find("no such"), uniform_weight, all, {}, hard_gate, false);
  CHECK(std::string_view(unknown.check().name) == "named_divergence");
  CHECK(to_text(unknown) == "");
}

TEST_CASE("what a described region does not use is not part of it", "[described]") {
  described_mask all;
  REQUIRE(all.append({mask_step::keep_all}));
  described_region const with(k1, uniform_weight, all, calibrated_budget(0.5), hard_gate, false);
  described_region const without(k1, uniform_weight, all, {}, hard_gate, false);
  CHECK(with == without);
  CHECK(parse_region(to_text(with)).region == with);
}

TEST_CASE("the longest text fits", "[described]") {
  described_mask mask;
  double const low = 1.2345678901234567e-300, high = 1.2345678901234567e-100;
  for (int i = 0; i < 16; ++i) REQUIRE(mask.append({mask_step::ratio_within, low, high}));
  for (int i = 0; i < 15; ++i) REQUIRE(mask.append({mask_step::either}));
  REQUIRE(mask.append({mask_step::negated}));
  described_region const r(named_divergence(top_k_kl_replace_last), described_weight(linear_weight(0.12345678901234568))
                               .reversed().shuffled(~std::uint64_t{0}).reversed(), mask, {}, reciprocal_gate, true);
  REQUIRE(r.check());
  region_text const text = to_text(r);
  CHECK(std::string_view(text).size() < region_text::capacity / 2);
  auto const p = parse_region(text);
  INFO(std::string(p.error));
  CHECK(p.region == r);
}
