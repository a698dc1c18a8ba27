// Every name of a text stands in one list, and every region and rule that has one is made by it.
#include "support/catch_compat.hpp"
#include "support/rule_texts.hpp"

#include <cppo/described_rule.hpp>
#include <cppo/rules.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace {

using namespace cppo;

std::span<detail::text_row const> const functions = cppo_test::rule_words().functions;

bool is_function(std::string_view name) {
  return std::any_of(functions.begin(), functions.end(),
                     [name](detail::text_row const& row) { return row.name == name; });
}
bool is_word(std::string_view name) {
  return std::any_of(std::begin(detail::spoken_words), std::end(detail::spoken_words),
                     [name](detail::spoken_word const& w) { return w.name == name; });
}

}  // namespace

TEST_CASE("each region and rule with a name is made by its text, or says which number it lacks") {
  std::map<std::string, std::string> parameters;
  for (auto const& [text, of] : cppo_test::named_rules()) {
    INFO(text);
    CHECK(parameters.emplace(text, of).second);
    parsed_rule const read = parse_rule(std::string_view(text));
    std::string const error(std::string_view(read.error));
    INFO(error);
    if (!read.good) CHECK((error.find("lacks its") != std::string::npos || error.find("takes") != std::string::npos));
    else CHECK_FALSE(std::string_view(to_text(read.rule).c_str()).empty());
  }
  CHECK(parameters.at("gspo") == "epsilon_low, epsilon_high, exponent_cap");
  CHECK(parameters.at("cispo") == "low, high");
  CHECK(parameters.at("fixed_cppo") == "delta, delta_b, w_min, divergence");
  CHECK(parameters.at("opsm") == "delta, epsilon, epsilon_low, epsilon_high, dual_clip");
  CHECK(parameters.at("fipo(fipo_code_defaults)").empty());
  CHECK(parameters.count("kl_k3") == 0);
  for (detail::text_row const& row : functions) {
    if (row.makes == detail::rule_word::region) CHECK(parameters.count(std::string(row.name)) == 1);
  }
}

TEST_CASE("no name of a text stands in two lists") {
  std::set<std::string> statistics{"count", "variance", "population_variance", "deviation", "weighted_mean",
                                   "mean_of_others"};  // those that are made of others
  for (int i = 0; i <= static_cast<int>(detail::fold_statistic::capped); ++i)
    statistics.insert(std::string(detail::name_of(static_cast<detail::fold_statistic>(i)).name));
  std::set<std::string> const listed(std::begin(detail::statistic_words), std::end(detail::statistic_words));
  CHECK(listed == statistics);
  for (std::string const& name : listed) CHECK((!is_function(name) && !is_word(name)));
  for (detail::spoken_word const& w : detail::spoken_words) {
    INFO(w.name);
    CHECK(!is_function(w.name));
    CHECK(detail::find_row(w.name) == nullptr);
  }
  for (detail::text_row const& row : functions) {
    INFO(row.name);
    CHECK(detail::find_row(row.name) == nullptr);
    detail::each_row([&](auto, auto node) { CHECK(decltype(node)::name != row.name); });
  }
}

TEST_CASE("the functions of each kind of text are listed for the other") {
  auto const names = [](auto const& rows) {
    std::set<std::string> all;
    for (detail::text_row const& row : rows) all.insert(std::string(row.name));
    return all;
  };
  auto const listed = [](auto const& list) { return std::set<std::string>(std::begin(list), std::end(list)); };
  std::set<std::string> of_regions = names(functions), of_advantages = names(cppo_test::advantage_words().functions);
  for (char const* both : {"positive_advantage", "negative_advantage"}) {
    CHECK(of_regions.erase(both) == 1);
    CHECK(of_advantages.erase(both) == 1);
  }
  CHECK(listed(detail::functions_of_regions) == of_regions);
  CHECK(listed(detail::functions_of_advantages) == of_advantages);
}
