// Text and JSON to a region: every name in every form, and every error with its column and words.
#include "support/catch_compat.hpp"

#include <cppo/described/nearest.hpp>
#include <cppo/described/parse.hpp>
#include <cppo/region/reporting.hpp>

#include <string>

namespace {

using namespace cppo;
using detail::part_kind;
using detail::part_row;

described_region read(std::string const& text) {
  auto const p = parse_region(text);
  INFO(text << "\n" << std::string(p.error));
  REQUIRE(p.good);
  REQUIRE(std::string_view(p.error).empty());
  return p.region;
}
template <class Region>
void same(Region const& written, std::string const& text) {
  INFO(text);
  CHECK(read(text) == described_region(written));
}
std::string error_of(std::string_view text, std::span<double const> numbers = {}) {
  auto const p = parse_region(text, numbers);
  CHECK(!p);
  CHECK(p.region == described_region());
  return std::string(p.error);
}

// A value for parameter p of a row.
std::string sample(part_row const& row, int p) {
  auto const& takes = row.takes[p];
  switch (takes.kind) {
    case part_kind::divergence: return "k3";
    case part_kind::weight: return "linear_weight(0.5)";
    case part_kind::mask: return "toward_rollout";
    case part_kind::budget: return "calibrated_budget(0.25)";
    case part_kind::gate: return "reciprocal_gate";
    case part_kind::region: return "ppo";
    case part_kind::integer: return "7";
    default: return takes.name == "ceiling_factor" ? "1.5" : std::to_string(0.5 + 0.0625 * p);
  }
}
// A region's text around a part of some kind, which stands at %.
std::string around(part_kind k) {
  switch (k) {
    case part_kind::mask: return "trust_region(binary_tv, uniform_weight, %)";
    case part_kind::weight: return "trust_region(binary_tv, %, keep_all)";
    case part_kind::budget: return "trust_region(binary_tv, uniform_weight, prefix_budget(0.1, %))";
    case part_kind::gate: return "softened(ppo(), %)";
    default: return "%";
  }
}
std::string json_around(part_kind k) {
  switch (k) {
    case part_kind::mask: return R"({"trust_region": ["binary_tv", "uniform_weight", %]})";
    case part_kind::weight: return R"({"trust_region": ["binary_tv", %, "keep_all"]})";
    case part_kind::budget:
      return R"({"trust_region": ["binary_tv", "uniform_weight", {"prefix_budget": [0.1, %]}]})";
    case part_kind::gate: return R"({"softened": {"region": "ppo", "gate": %}})";
    default: return "%";
  }
}
std::string fill(std::string around, std::string const& part) { return around.replace(around.find('%'), 1, part); }
std::string named(part_row const& row, char const* before, char const* sign) {
  std::string all;
  for (int p = 0; p < row.parameters(); ++p) {
    all += (p > 0 ? ", " : "") + (before + std::string(row.takes[p].name)) + sign + sample(row, p);
  }
  return all;
}
std::string json_of(part_row const& row, bool members) {
  std::string all;
  for (int p = 0; p < row.parameters(); ++p) {
    bool const is_number = row.takes[p].kind == part_kind::number || row.takes[p].kind == part_kind::integer;
    std::string const quote = is_number ? "" : "\"";
    if (p > 0) all += " ,";
    if (members) all += "\"" + std::string(row.takes[p].name) + "\" : ";
    all += quote + sample(row, p) + quote;
  }
  return "{ \"" + std::string(row.name) + "\" :\n" + (members ? "{" + all + "}" : "[" + all + "]") + " }";
}

}  // namespace

TEST_CASE("every name of the table is read in every form", "[described]") {
  for (part_row const& row : detail::part_rows) {
    std::string const name(row.name), wrap = around(row.makes), json = json_around(row.makes);
    described_region const region = read(fill(wrap, name + "(" + named(row, "", " = ") + ")"));
    CHECK(read(fill(wrap, "cppo::" + name + "({" + named(row, ".", "=") + "})")) == region);
    CHECK(read(fill(json, json_of(row, true))) == region);
    if (row.parameters() == 0) CHECK(read(fill(wrap, name)) == region);
    if (row.give == part_row::numbers::by_name) continue;
    std::string in_order;
    for (int p = 0; p < row.parameters(); ++p) in_order += (p > 0 ? "," : "") + sample(row, p);
    CHECK(read(fill(wrap, name + "\t(\n" + in_order + ")")) == region);
    CHECK(read(fill(wrap, name + "({" + in_order + "})")) == region);
    CHECK(read(fill(json, json_of(row, false))) == region);
  }
  for (std::string_view const name : divergence_names()) {
    std::string const d(name);
    described_region const region = read("trust_region(" + d + ", uniform_weight, keep_all)");
    CHECK(region.divergence() == named_divergence::find(name));
    CHECK(read("trust_region(cppo::" + d + "(), uniform_weight, keep_all)") == region);
    CHECK(read("{\"trust_region\": [\"" + d + "\", \"uniform_weight\", \"keep_all\"]}") == region);
  }
}

TEST_CASE("a region by name is the one that its function makes", "[described]") {
  same(unrestricted(), "unrestricted");
  same(ppo(), "ppo()");
  same(ppo({.epsilon_high = 0.28}), "ppo({.epsilon_high = 0.28})");
  same(ppo({.epsilon_low = 0.1, .epsilon_high = 0.1}), "ppo(epsilon = 0.1)");
  same(dppo({.delta = 0.1, .delta_high = 0.2}, binary_kl), "dppo({.delta = 0.1, .delta_high = 0.2}, binary_kl)");
  same(fixed_cppo({.delta = 0.1}, top_k_tv), R"({"fixed_cppo": {"delta": 0.1, "divergence": "top_k_tv"}})");
  same(fixed_cppo({.delta = 0.1, .delta_b = 0.01, .w_min = 0.7}), "fixed_cppo(0.1, 0.01, 0.7)");
  same(fixed_cppo({.delta = 0.1}), R"({"fixed_cppo": 0.1})");
  same(calibrated_cppo({}, k3, {.quantile = 0.8, .scale = 1.5, .ceiling_factor = 3.0}),
       "calibrated_cppo({}, k3, {0.8, 1.5, 3})");
  same(trm_max({.delta = 0.1}), "trm_max(0.1)");
  same(trm_mean({.delta = 0.1}, binary_tv), "trm_mean({0.1}, binary_tv)");
  same(presets::dense_base(), "presets::dense_base");
  same(presets::moe_base(k2), "cppo::presets::moe_base(k2)");
  same(presets::dense_post_trained(), "presets::dense_post_trained()");
  same(reporting(softened(ppo(), reciprocal_gate), k1), "reporting(softened(ppo, reciprocal_gate), k1)");
  same(softened(softened(ppo(), reciprocal_gate), hard_gate), "softened(softened(ppo, reciprocal_gate), hard_gate)");
}

TEST_CASE("operators bind and combine as in C++, and have names", "[described]") {
  auto const mask = [](std::string const& m) { return read(fill(around(part_kind::mask), m)).mask(); };
  CHECK(mask("keep_all | keep_none & toward_rollout") == mask("keep_all | (keep_none & toward_rollout)"));
  CHECK(mask("!keep_all & keep_none") == mask("(!keep_all) & keep_none"));
  CHECK(!(mask("!keep_all & keep_none") == mask("!(keep_all & keep_none)")));
  CHECK(mask("keep_all && keep_none || toward_rollout") == mask("keep_all & keep_none | toward_rollout"));
  CHECK(mask("all_of(keep_all, keep_none, toward_rollout)") == mask("keep_all & keep_none & toward_rollout"));
  CHECK(mask("any_of(keep_all, keep_none)") == mask("keep_all | keep_none"));
  CHECK(mask("none_of(keep_all, keep_none)") == mask("!(keep_all | keep_none)"));
  CHECK(mask("all_of()") == mask("keep_all"));
  CHECK(mask("any_of()") == mask("keep_none"));
  CHECK(mask("none_of(keep_none)") == mask("!keep_none"));
  CHECK(read(R"({"trust_region": ["k1", "uniform_weight", {"all_of": ["keep_all", {"none_of": ["keep_none"]}]}]})")
            .mask() == mask("keep_all & !keep_none"));
}

TEST_CASE("numbers have every bit, and may come beside the text", "[described]") {
  double const lent[] = {0.2, 0.03, 0.5};
  auto const p = parse_region("fixed_cppo($0, w_min = $2, delta_b = $1)", lent);
  REQUIRE(p.good);
  CHECK(p.region == described_region(fixed_cppo({.delta = 0.2, .delta_b = 0.03, .w_min = 0.5})));
  auto const j = parse_region(R"({"fixed_cppo": ["$0", {"fixed_budget": 1}]})", lent);
  CHECK(std::string_view(j.error) ==
        "column 25: fixed_cppo has no place for a budget here: fixed_cppo(delta, delta_b, w_min, divergence)");
  CHECK(read("fixed_cppo(0.1000000000000000055511151231257827)") == read("fixed_cppo(1e-1)"));
  CHECK(read("fixed_cppo(.5)") == read("fixed_cppo(5e-01)"));
  CHECK(read("trust_region(k1, reversed(reversed(permuted(reversed(linear_weight(0.5)), 7))), keep_all)").weight() ==
        described_weight(linear_weight(0.5)).reversed().shuffled(7));
  CHECK(read("trust_region(k1, permuted(uniform_weight, 18446744073709551615), keep_all)").weight().seed() ==
        ~std::uint64_t{0});
}

TEST_CASE("an error of syntax names its column", "[described]") {
  CHECK(error_of("") == "column 1: expected a name, a number or (, found the end");
  CHECK(error_of("fixed_cppo(") == "column 12: expected a name, a number or (, found the end");
  CHECK(error_of("  fixed_cppo() extra") == "column 16: expected &, | or the end, found extra");
  CHECK(error_of("fixed_cppo(0.1 0.2)") == "column 16: expected , or ), found 0");
  CHECK(error_of("fixed_cppo({0.1)") == "column 16: expected , or }, found )");
  CHECK(error_of("fixed_cppo({.delta 0.1})") == "column 20: expected = after .delta");
  CHECK(error_of("fixed_cppo(0.1,)") == "column 16: expected a name, a number or (, found )");
  CHECK(error_of("(ppo") == "column 5: expected ), found the end");
  CHECK(error_of("fixed_cppo(delta = 0x)") == "column 20: 0x is no number");
  CHECK(error_of("fixed_cppo(delta = 1e999)") == "column 20: 1e999 is no number");
  CHECK(error_of(std::string(49, '(') + "ppo") == "column 49: too many parentheses within each other");
  CHECK(error_of("ppo(" + std::string(1000000, '{')) == "column 53: too many parentheses within each other");
  CHECK(error_of(std::string(1000000, '!')) == "column 49: too many parentheses within each other");
  std::string many = "all_of(";
  for (int i = 0; i < 200; ++i) many += "keep_all,";
  CHECK(error_of(many) == "column 1151: the text has more than 128 words and numbers");
}

TEST_CASE("no character ends a text early, and messages hold printable ASCII alone", "[described]") {
  using namespace std::string_view_literals;
  CHECK(error_of("ppo\0"sv) == "column 4: expected &, | or the end, found a character that is not printable ASCII");
  CHECK(error_of("ppo(\0)"sv) ==
        "column 5: expected a name, a number or (, found a character that is not printable ASCII");
  CHECK(error_of("{\"ppo\": []}\0"sv) ==
        "column 12: expected the end, found a character that is not printable ASCII");
  CHECK(error_of("ppo(\xce\xb5 = 0.2)") ==
        "column 5: expected a name, a number or (, found a character that is not printable ASCII");
  CHECK(error_of("{\"pp\xce\xbf\": []}") == "column 5: names and expressions hold printable ASCII, and no \\");
}

TEST_CASE("an error of JSON names its column", "[described]") {
  CHECK(error_of("{\"fixed_cppo") == "column 2: this string does not end");
  CHECK(error_of(R"({"fixed\u005fcppo": 1})") == "column 8: names and expressions hold printable ASCII, and no \\");
  CHECK(error_of("{fixed_cppo: 1}") == "column 2: expected a string, found fixed_cppo:");
  CHECK(error_of(R"({"fixed_cppo" 1})") == "column 15: expected :, found 1");
  CHECK(error_of(R"({"fixed_cppo": {"delta": true}})") ==
        "column 26: expected a number, a string or an object, found true");
  CHECK(error_of(R"({"fixed_cppo": {"delta": 0.1}, "x": 1})") ==
        "column 30: an object that is a call has one member: its name");
  CHECK(error_of(R"({"fixed_cppo": {"": 0.1}})") == "column 17: expected the name of a parameter, found \"\"");
  CHECK(error_of(R"({"fixed_cppo": {"detla": 0.1}})") ==
        "column 18: fixed_cppo has no parameter detla: fixed_cppo(delta, delta_b, w_min, divergence)");
  CHECK(error_of(R"({   "fixed_cpo": []})") ==
        "column 6: there is nothing named fixed_cpo: did you mean fixed_cppo?");
  CHECK(error_of("\"fixed_cpo()\"") == "column 2: there is nothing named fixed_cpo: did you mean fixed_cppo?");
  CHECK(error_of(R"({"softened": ["ppo(", "hard_gate"]})") ==
        "column 20: expected a name, a number or (, found the end");
  CHECK(error_of(R"({"ppo": []} {})") == "column 13: expected the end, found {");
  CHECK(error_of(R"({"ppo": [1)") == "column 11: expected ], found the end");
  std::string deep;
  for (int i = 0; i < 49; ++i) deep += "{\"all_of\":[";
  CHECK(error_of(deep) == "column 529: too many objects within each other");
}

TEST_CASE("an error of meaning names its column and what was expected", "[described]") {
  CHECK(error_of("fixed_cpo()") == "column 1: there is nothing named fixed_cpo: did you mean fixed_cppo?");
  CHECK(error_of("nonsense") == "column 1: there is nothing named nonsense");
  CHECK(error_of("fixed_cppo(detla = 0.1)") ==
        "column 12: fixed_cppo has no parameter detla: fixed_cppo(delta, delta_b, w_min, divergence)");
  CHECK(error_of("fixed_cppo(0.1, 0.1, 0.1, 0.1)") ==
        "column 27: fixed_cppo has no place for a number here: fixed_cppo(delta, delta_b, w_min, divergence)");
  CHECK(error_of("trust_region(linear_weight(0.8), binary_tv, keep_all)") ==
        "column 14: trust_region has no place for a weight here: trust_region(divergence, weight, mask)");
  CHECK(error_of("trust_region(binary_tv, linear_weight(0.8))") ==
        "column 1: trust_region lacks its mask: trust_region(divergence, weight, mask)");
  CHECK(error_of("ppo(0.2)") ==
        "column 5: the numbers of ppo are given by name: ppo(epsilon, epsilon_low, epsilon_high)");
  CHECK(error_of("ppo(epsilon = 0.2, epsilon = 0.3)") == "column 30: epsilon is given twice");
  CHECK(error_of("fixed_cppo(0.1, delta = 0.2)") == "column 25: delta is given twice");
  CHECK(error_of("softened(region = keep_all & keep_none, gate = hard_gate)") ==
        "column 28: expected a region, found a combination of masks: trust_region, softened, reporting, "
        "unrestricted, ppo, dppo, fixed_cppo, calibrated_cppo, trm_max, trm_mean, presets::dense_post_trained, "
        "presets::dense_base, presets::moe_base");
  CHECK(error_of("fixed_cppo(delta = binary_tv)") ==
        "column 20: expected a number, found binary_tv, which is a divergence: one as 0.15");
  CHECK(error_of("softened(ppo, gate = 3)") == "column 22: expected a gate, found 3: hard_gate, reciprocal_gate");
  CHECK(error_of("trust_region(binary_tv(1), uniform_weight, keep_all)") ==
        "column 24: binary_tv takes no arguments");
  CHECK(error_of(fill(around(part_kind::mask), "keep_all & all_of")) ==
        "column 52: all_of lacks its masks: all_of(mask, mask)");
  CHECK(error_of(fill(around(part_kind::mask), "any_of(a = keep_all)")) == "column 48: any_of takes no names");
  CHECK(error_of(fill(around(part_kind::weight), "reversed()")) ==
        "column 25: reversed lacks its weight: reversed(weight)");
  CHECK(error_of(fill(around(part_kind::weight), "reversed(linear_weight(2))")) ==
        "column 48: linear_weight(w_min) is 2, but must be in (0, 1]: 1 weighs every position the same");
  CHECK(error_of(fill(around(part_kind::weight), "reversed(uniform_weight, 7)")) ==
        "column 50: reversed has no place for a number here: reversed(weight)");
  CHECK(error_of(fill(around(part_kind::weight), "permuted(uniform_weight, 1.5)")) ==
        "column 50: 1.5 is no whole number from 0 to 2^64 - 1");
  CHECK(error_of(fill(around(part_kind::weight), "permuted(uniform_weight, inf)")) ==
        "column 50: expected a whole number, found inf: one as 7");
}

TEST_CASE("an error of numbers, capacity and combination names its column", "[described]") {
  double const lent[] = {0.2};
  CHECK(error_of("fixed_cppo($1)", lent) ==
        "column 12: $1 asks for a number that does not come with the text: of 1 the first is $0");
  CHECK(error_of("fixed_cppo($)", lent) == "column 12: expected the place of a number as $0, found $");
  CHECK(error_of("fixed_cppo($-1)", lent) == "column 12: expected the place of a number as $0, found $-1");
  CHECK(error_of("fixed_cppo(delta = -1)") ==
        "column 20: divergence_within(delta) is -1, but must be in [2^-126, 1000]: to keep no token write keep_none in "
        "its place, to keep all keep_all");
  CHECK(error_of(fill(around(part_kind::weight), "linear_weight(0)")) ==
        "column 39: linear_weight(w_min) is 0, but must be in (0, 1]: 1 weighs every position the same");
  CHECK(error_of(fill(around(part_kind::mask), "ratio_within(2, 1)")) ==
        "column 57: ratio_within(..., high) is 1, but must be in [low, 1e30]: ppo has high = 1 + epsilon_high");
  CHECK(error_of(fill(around(part_kind::budget), "nan")) ==
        "column 60: fixed_budget(delta_b) is nan, but must be in [0, 1000]: 0 leaves a prefix only the initial slack "
        "delta");
  CHECK(error_of(fill(around(part_kind::mask), "prefix_budget(1, 1) & prefix_budget(1, 1)")) ==
        "column 63: a trust region holds at most one prefix_budget");
  CHECK(error_of(fill(around(part_kind::weight), "permuted(permuted(uniform_weight, 1), 2)")) ==
        "column 25: a weight is shuffled once");
  CHECK(error_of(fill(around(part_kind::weight), "permuted(reversed(permuted(uniform_weight, 1)), 2)")) ==
        "column 25: a weight is shuffled once");
  CHECK(error_of("reporting(fixed_cppo, k1)") ==
        "column 1: this region has a divergence and reports it: reporting is for one without");
  CHECK(error_of("reporting(reporting(ppo, no_divergence), k1)") ==
        "column 1: this region has a divergence and reports it: reporting is for one without");
  CHECK(error_of("reporting(trust_region(no_divergence, uniform_weight, response_max_within(1)), k1)") ==
        "column 1: this mask decides by sums, means or maxima of a divergence, but reporting gives one for the report "
        "alone: write trust_region(divergence, weight, mask)");
  std::string most = "keep_all";
  for (int i = 0; i < 15; ++i) most += "&keep_all";
  CHECK(read(fill(around(part_kind::mask), "!(" + most + ")")).mask().size() == described_mask::capacity);
  CHECK(error_of(fill(around(part_kind::mask), "!!(" + most + ")")) ==
        "column 41: a described region holds at most 32 clauses and operators");
  CHECK(error_of(fill(around(part_kind::mask), "!(" + most + ") & keep_all")) ==
        "column 190: a described region holds at most 32 clauses and operators");
}

TEST_CASE("a number out of range is found by its own column, whatever stands beside it", "[described]") {
  auto const at = [](std::string_view text) { return parse_region(text).column; };
  CHECK(at("fixed_cppo(2000, 0.02, 0.8)") == 12);
  CHECK(at("fixed_cppo(0.1, 2000, 0.8)") == 17);
  CHECK(at("fixed_cppo(0.1, 0.02, 8)") == 23);
  CHECK(at("fixed_cppo(0.1, 0.02, nan)") == 23);
  CHECK(at("fixed_cppo(nan, 0.02, nan)") == 23);  // a region's weight is judged before its mask
  CHECK(at("fixed_cppo(nan, 2000, 0.8)") == 12);
  CHECK(at("fixed_cppo(-1, -1, 0.8)") == 12);
  CHECK(at("calibrated_cppo(0.1, 0.02, 0.8, binary_tv, 0.9, 1, nan)") == 52);
  CHECK(at("calibrated_cppo(0.1, 0.02, 0.8, binary_tv, 9)") == 44);
  CHECK(at("ppo(epsilon = 2, epsilon_high = 0.3)") == 15);
  CHECK(at("ppo(epsilon = 2, epsilon_low = 0.3, epsilon_high = inf)") == 52);
  CHECK(at("dppo(delta = 2000, delta_low = 0.1)") == 14);
  CHECK(at("dppo({.delta_low = 0.1, .delta_high = 2000})") == 39);
  CHECK(at("trm_max(0)") == 9);
  CHECK(at(R"({"fixed_cppo": {"delta": 0.1, "w_min": -1}})") == 40);
  CHECK(at(fill(around(part_kind::mask), "divergence_within(0.1, 2000)")) == 64);
  CHECK(at(fill(around(part_kind::mask), "divergence_within(2000, 0.1)")) == 59);
  CHECK(at(fill(around(part_kind::mask), "keep_all & response_mean_within(-1)")) == 73);
  CHECK(at(fill(around(part_kind::budget), "calibrated_budget(-1, {-1})")) == 78);
  // Of a number that follows from others, the call is named.
  CHECK(at("softened(ppo(epsilon_low = -3), hard_gate)") == 10);
}

TEST_CASE("the nearest name is suggested if it is near", "[described]") {
  CHECK(detail::name_near("fixed_cpo") == "fixed_cppo");
  CHECK(detail::name_near("binarytv") == "binary_tv");
  CHECK(detail::name_near("ratio_witihn") == "ratio_within");
  CHECK(detail::name_near("top_k_tvv") == "top_k_tv");
  CHECK(detail::name_near("moe_base") == "presets::moe_base");
  CHECK(detail::name_near("any_off") == "any_of");
  CHECK(detail::name_near("xyz") == "");
  CHECK(detail::name_near("") == "");
  CHECK(detail::name_near(std::string(1000, 'k')) == "");
}
