// Public codes from text: those of rules/parity.hpp, and what is wrong with a text that is none.
#include "support/catch_compat.hpp"

#include <cppo/described_rule/parity.hpp>
#include <cppo/described/to_text.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace cppo;

bool same(surrogate_options const& a, surrogate_options const& b) {
  return a.form == b.form && a.log_ratio_clamp == b.log_ratio_clamp && a.ratio_cap == b.ratio_cap;
}
template <class Code>
bool reads_as(std::string const& text, Code const& wanted) {
  parsed_code const read = parse_code(text);
  return read.good && read.region == described_region(wanted.region) &&
         read.options.aggregate == wanted.options.aggregate && read.options.positions == wanted.options.positions &&
         same(read.options.surrogate, wanted.options.surrogate) && read.error.c_str()[0] == '\0' && read.column == 0;
}
std::string error_of(std::string_view text) {
  parsed_code const read = parse_code(text);
  CHECK_FALSE(read);
  CHECK(read.region == described_region());
  return std::string(std::string_view(read.error));
}
bool holds(std::string const& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a public code by its name is that of parity, with its defaults") {
  CHECK(reads_as("unirl_cppo", parity::unirl_cppo()));
  CHECK(reads_as("unirl_dppo", parity::unirl_dppo()));
  CHECK(reads_as("verl_cppo", parity::verl_cppo()));
  CHECK(reads_as("verl_cppo_2x()", parity::verl_cppo_2x()));
  CHECK(reads_as("mask_count_cppo", parity::mask_count_cppo()));
  CHECK(reads_as("verl_dppo_tv", parity::verl_dppo_tv()));
  CHECK(reads_as("verl_dppo_kl", parity::verl_dppo_kl()));
  CHECK(reads_as("stable_rl_dppo_tv", parity::stable_rl_dppo_tv()));
  CHECK(reads_as("stable_rl_dppo_kl", parity::stable_rl_dppo_kl()));
}

TEST_CASE("the numbers of a public code: by place, by name, as JSON, lent") {
  parity::verl_cppo_options const all{0.1, 0.03, 0.7, 0.8, 0.5, 20.0};
  CHECK(reads_as("parity::verl_cppo(0.1, 0.03, 0.7, 0.8, 0.5, 20)", parity::verl_cppo(all)));
  CHECK(reads_as("cppo::parity::verl_cppo_2x({.delta = 0.1, .delta_b = 0.03, .w_min = 0.7, .quantile = 0.8, "
                 ".scale = 0.5, .ratio_cap = 20})", parity::verl_cppo_2x(all)));
  CHECK(reads_as("mask_count_cppo(ceiling = 3, delta = 0.1)", parity::mask_count_cppo({.delta = 0.1}, 3.0)));
  CHECK(reads_as(R"({"verl_dppo_kl": {"delta_low": 0.1, "delta_high": 0.3, "ratio_cap": 5}})",
                 parity::verl_dppo_kl({0.1, 0.3, 5.0})));
  CHECK(reads_as("unirl_cppo(0.1, 0.03, 0.7)", parity::unirl_cppo({0.1, 0.03, 0.7})));
  CHECK(reads_as("unirl_dppo(delta = 0.1)", parity::unirl_dppo(0.1)));
  double const lent[] = {0.3};
  CHECK(parse_code("unirl_dppo($0)", lent).region == described_region(parity::unirl_dppo(0.3).region));
}

TEST_CASE("what is no public code is refused, with its place and the remedy") {
  std::string const all = ": there are unirl_cppo, unirl_dppo, verl_cppo, verl_cppo_2x, mask_count_cppo, verl_dppo_tv, "
                          "verl_dppo_kl, stable_rl_dppo_tv, stable_rl_dppo_kl";
  CHECK(holds(error_of("verl"), "column 1: there is no public code named verl: there are unirl_cppo, unirl_dppo, "));
  CHECK(holds(error_of("fixed_cppo(0.1)"), "there is no public code named fixed_cppo"));
  CHECK(holds(error_of("unirl_dppo(1, 2)"), "column 15: unirl_dppo takes no more: unirl_dppo(delta)"));
  CHECK(holds(error_of("unirl_dppo(epsilon = 1)"), "column 12: unirl_dppo has no parameter epsilon: "));
  CHECK(holds(error_of("unirl_cppo(delta_b = 1, delta_b = 2)"), "column 35: delta_b is given twice"));
  CHECK(holds(error_of("unirl_dppo(binary_tv)"), "expected a number, found binary_tv"));
  CHECK(error_of("verl_cppo | verl_cppo") == "column 11: expected one public code" + all);
  CHECK(error_of("!verl_cppo") == "column 1: expected one public code" + all);
  CHECK(error_of("verl") == "column 1: there is no public code named verl" + all);
  CHECK(error_of("unirl_cppo(delta_b = 0.1, 0.2)") ==
        "column 27: unirl_cppo takes a number without a name before those with one: unirl_cppo(delta, delta_b, w_min)");
  CHECK(holds(error_of(""), "column 1: "));
  CHECK(parse_code("verl").column == 1);
}

TEST_CASE("a number out of range is named as its code names it, where it stands") {
  CHECK(error_of("unirl_dppo(0)") ==
        "column 12: unirl_dppo(delta) is 0, but must be in [2^-126, 1000]");
  CHECK(holds(error_of("verl_cppo(delta=0.1, w_min=2)"), "column 28: verl_cppo(w_min) is 2, but must be in (0, 1]"));
  CHECK(error_of("verl_dppo_tv(ratio_cap = -1)") ==
        "column 26: verl_dppo_tv(ratio_cap) is -1, but must be in [0, 1e30]");
  CHECK(holds(error_of("verl_cppo(quantile = nan)"), "column 22: verl_cppo(quantile) is nan, but must be in [0, 1]"));
  CHECK(holds(error_of("verl_cppo(scale = $0)"), "column 19: $0 asks for a number"));
  CHECK(holds(error_of("verl_cppo(0.1, 300)"), "column 16: calibration::ceiling_factor times the floor is 1500, "));
  CHECK(holds(error_of("mask_count_cppo(delta_b = 100, ceiling = 20)"),
              "column 1: calibration::ceiling_factor times the floor is 2000, "));
}

TEST_CASE("every number of every code is named where it is out of range") {
  each_code([&](std::string_view name, std::string_view parameters) {
    for (std::size_t from = 0; from < parameters.size();) {
      std::size_t const end = std::min(parameters.find(", ", from), parameters.size());
      std::string const parameter(parameters.substr(from, end - from));
      std::string const call = std::string(name) + "(" + parameter + " = ";
      std::string const said = "column " + std::to_string(call.size() + 1) + ": " + std::string(name) + "(" +
                               parameter + ") is -7, but must be ";
      CHECK(holds(error_of(call + "-7)"), said));
      from = end + 2;
    }
  });
}

TEST_CASE("each public code is listed with its parameters") {
  std::vector<std::string> names;
  each_code([&](std::string_view name, std::string_view parameters) {
    names.emplace_back(name);
    CHECK(parse_code(name));
    CHECK(parse_code(std::string(name) + "(" + std::string(parameters.substr(0, parameters.find(','))) + " = 0.1)"));
  });
  CHECK(names.size() == 9);
}
