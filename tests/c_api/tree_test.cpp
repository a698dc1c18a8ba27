// A region as a tree, what its clauses count, and public codes, through the C interface.
#include "c_call.hpp"

#include "support/catch_compat.hpp"

#include <cppo/described_rule.hpp>
#include <cppo/rules.hpp>
#include <cppo/testing/generators.hpp>

#include <limits>
#include <string>

namespace {

using namespace cppo_test;

std::string tree_of(std::string const& text) {
  cppo_region const region = region_of(text);
  std::string tree(static_cast<std::size_t>(cppo_region_tree(&region, nullptr, 0)), ' ');
  CHECK(cppo_region_tree(&region, tree.data(), static_cast<std::int64_t>(tree.size()) + 1) ==
        static_cast<std::int64_t>(tree.size()));
  return tree;
}
std::string clause_of(cppo_region const& region, std::int64_t i) {
  char text[256] = "";
  CHECK(cppo_clause_text(&region, i, text, sizeof text) > 0);
  return text;
}

}  // namespace

TEST_CASE("the tree of a region holds all that its text says") {
  CHECK(tree_of("ppo(epsilon = 0.25)") ==
        R"({"is_rule":false,"divergence":"no_divergence","reports_only":false,"soft":false,"w_min":1,"seed":null,)"
        R"("reversed":false,"shuffle_reversed":false,"budget":null,)"
        R"("mask":{"op":"either","of":[{"op":"toward_rollout","counted":"toward"},)"
        R"({"op":"ratio_within","numbers":[0.75,1.25],"counted":"ratio"}]},"own_loss":false,)"
        R"("loss":{"op":"ratio_loss","sloped":true},"penalty":null,"folds":[]})");
  CHECK(tree_of("softened(trust_region(binary_tv, reversed(permuted(linear_weight(0.5), 18446744073709551615)), "
                "prefix_budget(0.25, calibrated_budget(0.5, 0.75, 1, 2))), reciprocal_gate)") ==
        R"({"is_rule":false,"divergence":"binary_tv","reports_only":false,"soft":true,"w_min":0.5,)"
        R"("seed":18446744073709551615,"reversed":false,"shuffle_reversed":true,)"
        R"("budget":{"delta_b":0.5,"quantile":0.75,"scale":1,"ceiling_factor":2},)"
        R"("mask":{"op":"prefix_budget","numbers":[0.25],"counted":"budget"},"own_loss":false,)"
        R"("loss":{"op":"ratio_loss","sloped":true},"penalty":null,"folds":[]})");
  CHECK(tree_of("objective(score_form(batch(kth_largest(k3, share(0.5))) + clamped(hashed(7), 0, inf)))") ==
        R"({"is_rule":true,"divergence":"no_divergence","reports_only":false,"soft":false,"w_min":1,"seed":null,)"
        R"("reversed":false,"shuffle_reversed":false,"budget":null,)"
        R"("mask":{"op":"keep_all"},"own_loss":true,"loss":{"op":"score_form","sloped":true,"of":)"
        R"([{"op":"plus","of":[{"op":"fold","fold":0},{"op":"bounded","of":[{"op":"hashed","seed":7},)"
        R"({"op":"constant","numbers":[0]},{"op":"constant","numbers":[1e999]}]}]}]},"penalty":null,)"
        R"("folds":[{"range":"batch","statistic":"kth_largest","rank":"share","parameter":0.5,"level":1,)"
        R"("of":{"op":"measured","divergence":"k3"}}]})");
  cppo_region const none{};
  CHECK(cppo_region_tree(&none, nullptr, 0) == -1);
}

TEST_CASE("the largest region has a tree") {
  std::string mask = "ratio_within(0.9, 1.9)";
  for (int k = 15; k > 0; --k) {
    std::string const number = std::to_string(k);
    mask = "ratio_within(0.0" + number + ", 1.0" + number + ") | (" + mask + ")";
  }
  std::string const tree = tree_of("trust_region(binary_tv, uniform_weight, " + mask + ")");
  for (char const* last : {"[0.9,1.9]", "[0.01,1.01]", "[0.015,1.015]"}) CHECK(tree.find(last) != std::string::npos);
}

TEST_CASE("the clauses of a region are counted as in C++") {
  auto const written = cppo::fixed_cppo({.delta = 0.05, .delta_b = 0.01});
  cppo_region const region = region_of("fixed_cppo(0.05, 0.01)");
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    auto const b = cppo::testing::generate<float>(seed);
    std::vector<cppo::clause_count> wanted;
    cppo_clause_count found[3];
    cppo_status s;
    c_batch lent(b.view());
    std::int64_t const n = cppo_count_clauses(lent.get(), &region, nullptr, found, 3, &s);
    cppo::status const in_cpp = count_clauses(cppo::seq, b.view(), written, wanted);
    bool const counted = !in_cpp.nothing_written();
    REQUIRE(n == (counted ? 3 : -1));
    CHECK(s.code == static_cast<std::int32_t>(in_cpp.code));
    for (std::size_t k = 0; counted && k < 3; ++k) {
      CHECK((found[k].refused == wanted[k].refused && found[k].decided == wanted[k].decided));
      ++compared;
    }
    if (counted) CHECK(std::string(found[1].kind) == "divergence");
  }
  CHECK(compared > 9);
  CHECK(clause_of(region, 0) == "toward_rollout");
  CHECK(clause_of(region, 2) == "prefix_budget(0.05, 0.01)");
  CHECK(cppo_clause_text(&region, 3, nullptr, 0) == -1);
  CHECK(cppo_clause_text(nullptr, 0, nullptr, 0) == -1);
}

TEST_CASE("what a call leaves out is not counted, and the status says so") {
  auto b = cppo::testing::generate<float>(3);
  std::vector<std::uint8_t> decisions(static_cast<std::size_t>(b.view().shape().elements()));
  REQUIRE(policy_loss(cppo::seq, b.view(), cppo::ppo(), {.trace = {.decision = decisions}}).ok());
  std::size_t first = 0;
  while (first < decisions.size() && decisions[first] == 0) ++first;
  REQUIRE(first < decisions.size());
  b.log_prob[first] = std::numeric_limits<float>::quiet_NaN();
  cppo_region const region = region_of("ppo()");
  cppo_clause_count found[8];
  cppo_status s;
  c_batch lent(b.view());
  std::int64_t const n = cppo_count_clauses(lent.get(), &region, nullptr, found, 8, &s);
  std::vector<cppo::clause_count> wanted;
  cppo::status const in_cpp = count_clauses(cppo::seq, b.view(), cppo::described_region(cppo::ppo()), wanted);
  CHECK(in_cpp.code == cppo::status_code::log_prob_invalid);
  CHECK(s.code == static_cast<std::int32_t>(in_cpp.code));
  REQUIRE(n == static_cast<std::int64_t>(wanted.size()));
  for (std::size_t k = 0; k < wanted.size(); ++k)
    CHECK((found[k].refused == wanted[k].refused && found[k].decided == wanted[k].decided));
}

TEST_CASE("clauses are not counted over pieces, and not without room") {
  auto const b = cppo::testing::generate<float>(1);
  c_batch lent(b.view());
  cppo_region const region = region_of("ppo()");
  cppo_options options;
  cppo_options_init(&options);
  cppo_totals const totals[64] = {};
  options.totals = totals;
  cppo_status s;
  CHECK(cppo_count_clauses(lent.get(), &region, &options, nullptr, 0, &s) == -1);
  CHECK(std::string(s.message).find("options have carries, totals or states of folds") == 0);
  CHECK(cppo_count_clauses(lent.get(), &region, nullptr, nullptr, 2, &s) == -1);
  CHECK(std::string(s.message) == "counts is null: pass one");
}

TEST_CASE("a public code is a region and options") {
  cppo_region region;
  cppo_options options;
  cppo_options_init(&options);
  options.horizon = 7;
  cppo_status s;
  REQUIRE(cppo_parity_parse("verl_cppo(delta = $0)", std::vector<double>{0.25}.data(), 1, &region, &options, &s) == 0);
  CHECK((options.positions == cppo_padded_column && options.surrogate == cppo_reinforce && options.horizon == 7));
  CHECK((options.aggregate == cppo_token_mean && options.ratio_cap == 3.0 && options.log_ratio_clamp == 20.0));
  char text[512] = "";
  cppo_region_text(&region, text, sizeof text);
  cppo::described_region const wanted(cppo::parity::verl_cppo({.delta = 0.25}).region);
  CHECK(std::string(text) == std::string(to_text(wanted)));
  CHECK(cppo_parity_parse("verl", nullptr, 0, &region, &options, &s) == cppo_bad_text);
  CHECK(std::string(s.message).find("there is no public code named verl") != std::string::npos);
  CHECK(cppo_parity_parse("verl_cppo", nullptr, 0, &region, nullptr, &s) == cppo_bad_argument);
  options.size = 3;
  CHECK(cppo_parity_parse("verl_cppo", nullptr, 0, &region, &options, &s) == cppo_bad_argument);
  int n = 0;
  while (cppo_parity_name(n) != nullptr) CHECK(std::string(cppo_parity_parameters(n++)).find("delta") == 0);
  CHECK(n == 9);
  CHECK(cppo_parity_parameters(n) == nullptr);
}
