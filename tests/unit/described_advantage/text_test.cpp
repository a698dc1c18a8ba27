// Text to an advantage rule and back: every name, every operator, and every error with its column and its remedy.
#include "support/any_advantage_text.hpp"
#include "support/catch_compat.hpp"
#include "support/rule_texts.hpp"

#include <cppo/described_advantage.hpp>
#include <cppo/described_rule/names.hpp>

#include <random>
#include <set>
#include <string>

namespace {

using namespace cppo;
using detail::rule_word;
using detail::text_row;

described_advantage read(std::string const& text, std::span<double const> numbers = {}) {
  auto const p = parse_advantage(text, numbers);
  INFO(text << "\n" << std::string(p.error));
  REQUIRE(p.good);
  REQUIRE(std::string_view(p.error).empty());
  return p.rule;
}
// A rule is its text, and that is canonical.
void same_text(described_advantage const& rule) {
  std::string const text(to_text(rule));
  INFO(text);
  REQUIRE(!text.empty());
  CHECK(read(text) == rule);
  CHECK(std::string(to_text(read(text))) == text);
}
// What is written out is what the text makes.
template <class Rule>
void same(Rule const& written, std::string const& text) {
  INFO(text);
  CHECK(read(text) == described_advantage(written));
  same_text(read(text));
}
std::string error_of(std::string const& text) {
  auto const p = parse_advantage(text);
  CHECK(!p);
  CHECK(p.rule == described_advantage());
  CHECK(p.column >= 1);
  return std::string(p.error);
}
// The text of a rule of which no text is read; empty if one is.
std::string text_that_is_too_long(described_advantage const& rule) {
  detail::program_text writer(rule.program());
  writer.part(rule.program().mask);
  std::string const text(writer.text());
  return std::string(parse_advantage(text).error).find("the text has more than 512") != text.npos ? text : "";
}
std::span<text_row const> functions() { return cppo_test::advantage_words().functions; }
std::string sample(text_row const& row, int p) {
  switch (row.takes[p].kind) {
    case rule_word::quantity: return "response_length";
    case rule_word::whitening: return "unbiased_plus";
    default: return "0.25";
  }
}
std::string arguments(text_row const& row, bool named) {
  std::string all;
  for (int p = 0; p < row.parameters(); ++p) {
    all += (p > 0 ? ", " : "") + (named ? std::string(row.takes[p].name) + " = " : "") + sample(row, p);
  }
  return "(" + all + ")";
}

}  // namespace

TEST_CASE("every function of the advantages' table is read in every form, and written", "[described][advantage]") {
  for (text_row const& row : functions()) {
    std::string const name(row.name);
    INFO(name);
    if (row.makes == rule_word::whitening) continue;
    described_advantage const rule = read(name + arguments(row, true));
    CHECK(read("cppo::" + name + arguments(row, false)) == rule);
    same_text(rule);
    CHECK(read("\"" + name + arguments(row, true) + "\"") == rule);  // as JSON
    bool const needs = row.takes[0].must_be;
    if (!needs) CHECK(read(name) == read(name + "()"));
  }
}

TEST_CASE("a rule by name is the one that its function makes", "[described][advantage]") {
  same(grpo(), "grpo");
  same(grpo(1e-4), "grpo(epsilon = 1e-4)");
  same(grpo(1e-6, overlong(4, 2)), "grpo(1e-6, overlong(4, 2))");
  same(dr_grpo(), "dr_grpo()");
  same(rloo(), "rloo");
  same(opo(), "opo");
  same(gpg(2.0), "gpg(2)");
  same(gpg_nonzero(), "gpg_nonzero");
  same(reinforce_pp(0.9), "reinforce_pp(0.9)");
  same(reinforce_pp<whitening::unbiased_plus>(1.0, 1e-6), "reinforce_pp(epsilon = 1e-6, form = unbiased_plus)");
  same(reinforce_pp_baseline(), "reinforce_pp_baseline(form = whitening::population_floor)");
  same(whitened(advantage), "whitened(advantage)");
  same(dynamic_sampling(), "dynamic_sampling");
  same(gae(0.99, 0.9), "gae(0.99, 0.9)");
  same(gae(), "gae");
}

TEST_CASE("a composed advantage rule is the text that makes it in C++", "[described][advantage]") {
  same(2 * reward - 1, "2 * reward - 1");
  same(-reward / response_length, "-reward / response_length");
  same(where(between(reward, 0, above(1)) | !positive_advantage, group(most(reward)), batch(least(advantage))),
       "where(between(reward, 0, above(1)) | !positive_advantage, group(most(reward)), batch(least(advantage)))");
  same(clamped(min(log(reward), max(exp(reward), 0.5)), -1, 1),
       "clamped(min(log(reward), max(exp(reward), 0.5)), -1, 1)");
  same(quantities::discount{0.5} * each_token(reward), "quantities::discount(0.5) * each_token(reward)");
  same(group(count(none_of(keep_all))), "group(count(none_of(keep_all)))");
  same(batch(deviation(reward)) + group(variance(reward)) + group(sum(position_value)),
       "batch(deviation(reward)) + group(variance(reward)) + group(sum(position_value))");
  double const lent[] = {0.25, 4.0};
  CHECK(read("grpo($0, $1 * reward)", lent) == read("grpo(0.25, 4 * reward)"));
  CHECK(read(R"({"grpo": {"epsilon": 0.5}})") == read("grpo(0.5)"));
}

TEST_CASE("the text of a rule by name is what it is made of", "[described][advantage]") {
  auto const text = [](char const* t) { return std::string(to_text(read(t))); };
  CHECK(text("dr_grpo") == "reward - where(at_least(group(counted(reward)), 2), group(mean(reward)), 0)");
  CHECK(text("dynamic_sampling") ==
        "at_least(group(most(reward)), above(group(least(reward)))) | at_most(group(counted(reward)), 1)");
  CHECK(text("gae") == "gae(1, 0.95)");
  CHECK(text("discount(0.5) * reward") == "quantities::discount(0.5) * reward");
  CHECK(text("overlong(4, 2)") == "reward + 1 * clamped((2 - response_length) / 2, -1, 0)");
}

TEST_CASE("random rules are their texts", "[described][advantage]") {
  int read = 0, too_long = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937_64 draw(seed);
    std::vector<std::uint64_t> all(300);
    for (auto& x : all) x = draw();
    cppo_test::choices from(all);
    std::string const text = cppo_test::advantage_texts(from).rule();
    auto const p = parse_advantage(text);
    INFO(text << "\n" << std::string(p.error));
    if (!p) {
      CHECK(std::string(p.error).find("too large") != std::string::npos);
    } else if (std::string const longer = text_that_is_too_long(p.rule); longer.empty()) {
      same_text(p.rule);
      ++read;
    } else {
      CHECK(std::string(to_text(p.rule)).empty());
      ++too_long;
    }
  }
  CHECK(read > 250);
  CHECK(too_long < read / 10);
}

TEST_CASE("an error of an advantage rule's text names its column and the call", "[described][advantage]") {
  CHECK(error_of("grp") == "column 1: there is nothing named grp: did you mean grpo?");
  CHECK(error_of("grup(mean(reward))") == "column 1: there is nothing named grup: did you mean group?");
  CHECK(error_of("grpo(1e-6, reward, 3)") == "column 20: grpo takes no more: grpo(epsilon, q)");
  CHECK(error_of("grpo(eps = 1)") == "column 6: grpo has no parameter eps: grpo(epsilon, q)");
  CHECK(error_of("whitened()") == "column 1: whitened lacks its q: whitened(q, epsilon, form)");
  CHECK(error_of("overlong(4)") == "column 1: overlong lacks its buffer: overlong(max_length, buffer, factor, q)");
  CHECK(error_of("reward reward") == "column 8: expected an operator or the end, found reward");
  CHECK(error_of("group(reward)") == "column 7: group takes a statistic, such as group(mean(reward))");
  CHECK(error_of("mean(reward)") == "column 1: expected a quantity, found mean, which is a statistic: take it over a "
                                    "range, as group(mean(reward))");
  CHECK(error_of("2 * gae()") == "column 5: expected a quantity, found gae, which is a whole rule: it stands alone");
  CHECK(error_of("reward + dynamic_sampling") == "column 10: expected a quantity, found dynamic_sampling, which is a "
                                                 "mask: where(mask, 1, 0) is a number");
  CHECK(error_of("whitened(reward, form = 1)") ==
        "column 25: expected a whitening, found 1, which is a number: write population_floor or unbiased_plus");
}

TEST_CASE("a number out of range is named at its place", "[described][advantage]") {
  CHECK(error_of("grpo(-1)").starts_with("column 6: grpo: epsilon is -1, but must be 0 or more"));
  CHECK(error_of("2 * gpg(norm = 0)").starts_with("column 16: gpg: norm is 0, but must be above 0"));
  CHECK(error_of("overlong(4, -2)").starts_with("column 13: overlong: buffer is -2, but must be above 0"));
  CHECK(error_of("reinforce_pp(1.5)").starts_with("column 14: reinforce_pp: gamma is 1.5, but must be in (0, 1]"));
  CHECK(error_of("gae(1, 1.5)").starts_with("column 8: gae: lambda is 1.5, but must be in [0, 1]"));
  CHECK(error_of("reward / 0").starts_with("column 10: a divisor in a quantity is 0, but must be not 0: write"));
  CHECK(error_of("overlong(4, 2, factor = nan)").starts_with("column 25: overlong: "));
  CHECK(error_of("1 + clamped(reward, 2, 1)").starts_with("column 21: clamped: low is 2, but"));
  CHECK(error_of("reward + nan").starts_with("column 10: a number in a quantity is nan"));
}

TEST_CASE("what is known in a region alone, or in an advantage alone, is refused elsewhere", "[described][advantage]") {
  std::string const region = " is known in a region: an advantage rule reads reward, response_length, position_value, "
                             "advantage, and sums, means, extremes and counts of them";
  for (std::string const name : {"ratio", "log_prob", "entropy", "divergence", "toward_rollout", "ppo", "binary_tv",
                                 "objective", "clipped", "prefix_budget", "hashed", "share"}) {
    CHECK(error_of(name) == "column 1: " + name + region);
  }
  CHECK(error_of("batch(kth_largest(reward, 3))") == "column 7: kth_largest" + region);
  CHECK(error_of("response(mean(reward))") == "column 1: response(...) is a fold over the tokens of a policy: an "
                                              "advantage rule folds over group(...) and batch(...)");
  std::string const here = " is known where advantages are computed: it stands in the text of an advantage rule, and a "
                           "region reads its result as advantage";
  for (std::string const name : {"reward", "discount(1)", "each_token(ratio)", "gae(1, 1)"}) {
    detail::syntax_tree tree(detail::syntax_tree::capacity);
    detail::rule_draft draft;
    std::string const text = "objective(score_form(" + name + "))";
    int const all = detail::read_syntax(tree, text, detail::grammar::rules);
    detail::vocabulary const of_region{{}, detail::known_in::regions};
    CHECK(!detail::rule_builder(tree, draft, {}, of_region).build(all));
    CHECK(std::string(tree.error()) == "column 22: " + name.substr(0, name.find('(')) + here);
  }
}

TEST_CASE("an advantage rule that no text makes has none", "[described][advantage]") {
  quantities::constant const c{2.0};
  described_advantage const rule(reward * (quantities::binary<quantities::times, quantities::constant,
                                                              quantities::constant>{c, c}));
  REQUIRE(rule.fits());
  CHECK(std::string(to_text(rule)).empty());
  CHECK(std::string(to_text(described_advantage(grpo(-1.0)))).empty());
}

TEST_CASE("an advantage rule holds folds inside folds, as many as it holds folds", "[described][advantage]") {
  same(whitened(grpo()), "whitened(grpo())");
  CHECK(read("whitened(grpo())").asked().levels() == 4);
  std::string deep = "reward";
  for (int k = 0; k < 16; ++k) deep = "group(mean(" + deep + "))";
  CHECK(read(deep).asked().levels() == 16);
  CHECK(error_of("group(mean(" + deep + "))") ==
        "column 1: this rule is too large: a described_advantage holds at most 128 nodes, 32 numbers and 16 folds: "
        "compute an inner rule first, lend what it gives as advantage, and read that");
}

TEST_CASE("a function of regions is said to stand there", "[described][advantage]") {
  for (std::string_view const name : detail::functions_of_regions) {
    std::string const text(name);
    CHECK(error_of("2 * " + text + "(0.5)").starts_with("column 5: " + text + " is known in a region: "));
  }
  CHECK(error_of("whitening::reward") == "column 1: there is nothing named whitening::reward");
  CHECK(error_of("quantities::whitening::reward").starts_with("column 1: there is nothing named whitening::reward"));
}

TEST_CASE("the names of advantage rules come with their parameters", "[described][advantage]") {
  std::set<std::string> seen;
  detail::each_rule_name(cppo_test::advantage_words(),
                         [&](std::string_view name, std::string_view makes, status_text const& takes) {
                           seen.insert(std::string(makes) + " " + std::string(name) + "(" + std::string(takes) + ")");
                         });
  for (char const* wanted :
       {"quantity reward()", "quantity grpo(epsilon, q)", "mask dynamic_sampling(q)", "whole rule gae(gamma, lambda)",
        "quantity group(statistic)", "quantity each_token(q)", "statistic mean_of_others(q)", "mask at_most(q, x)",
        "whitening unbiased_plus()", "quantity where(mask, q, r)", "quantity response_length()"}) {
    INFO(wanted);
    CHECK(seen.count(wanted) == 1);
  }
  for (std::string const& name : seen) {
    bool const of_region = name.find(" ratio(") != name.npos || name.find(" kth_") != name.npos ||
                           name.find(" response(") != name.npos || name.find("loss ") == 0;
    CHECK(!of_region);
  }
}
