// Two bounds in the wrong order mask everything: every function that takes two is refused before the call, in C++ and
// as text. The functions are found in the tables of texts; what is left out stands here with its reason.
#include "support/catch_compat.hpp"
#include "support/rule_texts.hpp"

#include <cppo/described_rule.hpp>
#include <cppo/rules.hpp>

#include <limits>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace cppo;

constexpr double quiet = std::numeric_limits<double>::quiet_NaN();
enum class bounds { good, swapped, no_number };
double low_of(bounds b) { return b == bounds::swapped ? 1.75 : b == bounds::good ? 0.75 : quiet; }
double high_of(bounds b) { return b == bounds::swapped ? 0.5 : 1.5; }

// What the parameters of a rule are found to be; as data it finds the same.
template <class Region>
parameter_check check_both(Region const& r) {
  described_rule const data(r);
  CHECK(static_cast<bool>(data.check()) == static_cast<bool>(r.check()));
  return r.check();
}
template <class M>
parameter_check keeping(M const& mask) {
  return check_both(trust_region(no_divergence, uniform_weight, mask));
}
template <class Q>
parameter_check scoring(Q const& q) {
  return check_both(objective(score_form(q)));
}

struct written {
  char const* name;
  parameter_check (*check)(double low, double high);
};
// The function whose name begins it.
std::string function_in(std::string const& name) { return name.substr(0, name.find_first_of(", ")); }
constexpr written all_written[] = {
    {"between", [](double l, double h) { return keeping(between(ratio, l, h)); }},
    {"between, bounds outside", [](double l, double h) { return keeping(between(ratio, above(l), below(h))); }},
    {"between under !", [](double l, double h) { return keeping(!between(exp(log_ratio), l, h)); }},
    {"between in where", [](double l, double h) { return scoring(where(between(ratio, l, h), 1, 2)); }},
    {"between in a fold", [](double l, double h) { return scoring(response(count(between(ratio, l, h)))); }},
    {"clamped", [](double l, double h) { return scoring(clamped(ratio, l, h)); }},
    {"clamped in a fold", [](double l, double h) { return scoring(response(mean(clamped(ratio, l, h)))); }},
    {"clipped", [](double l, double h) { return check_both(objective(clipped(l, h))); }},
    {"rolled_back", [](double l, double h) { return check_both(objective(rolled_back(l, h, 0.1))); }},
    {"ratio_within", [](double l, double h) { return keeping(ratio_within(l, h)); }},
    {"only_within", [](double l, double h) { return scoring(only_within(ratio, l, h)); }},
    {"icepop", [](double l, double h) { return check_both(icepop(l, h)); }},
    {"geometric_band", [](double l, double h) { return check_both(geometric_band(l, h)); }},
    {"decoupled_weights, masks", [](double l, double h) {
       return check_both(decoupled_weights<beyond_bounds::masks>(l, h));
     }},
    {"decoupled_weights, clamps", [](double l, double h) {
       return check_both(decoupled_weights<beyond_bounds::clamps>(l, h));
     }},
    {"rs_token_k1", [](double l, double h) { return keeping(rs_token_k1(l, h)); }},
    {"rs_seq_mean_k1", [](double l, double h) { return keeping(rs_seq_mean_k1(l, h)); }},
    {"rs_seq_sum_k1", [](double l, double h) { return keeping(rs_seq_sum_k1(l, h)); }},
    {"rs_seq_max_k1", [](double l, double h) { return keeping(rs_seq_max_k1(l, h)); }},
    {"cispo", [](double l, double h) { return check_both(cispo({.low = l, .high = h})); }},
    {"minpro", [](double l, double h) { return check_both(minpro({.low = l, .high = h})); }},
    {"clip_cov", [](double l, double h) { return check_both(clip_cov({.low = l, .high = h})); }},
    {"fipo", [](double l, double h) { return check_both(fipo({.weight_low = l, .weight_high = h})); }},
};

// The same of an epsilon on both sides of 1.
struct with_epsilon {
  char const* name;
  parameter_check (*check)(double epsilon);
};
constexpr with_epsilon all_with_epsilon[] = {
    {"ppo", [](double e) { return check_both(ppo({.epsilon = e})); }},
    {"ppo_clip", [](double e) { return check_both(ppo_clip({.epsilon = e})); }},
    {"ppo_clip, both", [](double e) { return check_both(ppo_clip({.epsilon_low = e, .epsilon_high = e})); }},
    {"ppo_rb", [](double e) { return check_both(ppo_rb({.epsilon = e})); }},
    {"trgppo", [](double e) { return check_both(trgppo({.epsilon = e})); }},
    {"cispo_by_epsilon", [](double e) { return check_both(cispo_by_epsilon({.epsilon_low = e, .epsilon_high = e})); }},
    {"gspo", [](double e) { return check_both(gspo({.epsilon_low = e, .epsilon_high = e})); }},
    {"opsm", [](double e) { return check_both(opsm(0.1, {.epsilon = e})); }},
    {"ctpo_in_band", [](double e) { return check_both(ctpo_in_band({.epsilon = e})); }},
    {"ctpo_geometric_in_band", [](double e) { return check_both(ctpo_geometric_in_band({.epsilon = e})); }},
    {"fipo", [](double e) { return check_both(fipo({.clip = {.epsilon = e}})); }},
    {"clip_cov", [](double e) { return check_both(clip_cov({.clip = {.epsilon = e}})); }},
    {"entropy_top", [](double e) { return check_both(entropy_top({.clip = {.epsilon = e}})); }},
    {"entropy_top_quantile", [](double e) { return check_both(entropy_top_quantile({.clip = {.epsilon = e}})); }},
};

// Parameters of a row of the table of texts: pairs whose names end in low and high, and epsilons.
using detail::text_row;
std::string stem_of(std::string_view name, std::string_view end) {
  return name.ends_with(end) ? std::string(name.substr(0, name.size() - end.size())) : "-";
}
bool has(text_row const& row, std::string const& name) {
  for (int p = 0; p < row.parameters(); ++p) {
    if (row.takes[p].name == name) return true;
  }
  return false;
}
std::string number(double x) { return x != x ? "nan" : std::to_string(x); }

// Pairs that bound nothing together, and bounds that are quantities, whose order no call can know beforehand.
std::map<std::string, char const*> const left_out{
    {"ctpo.", "the bounds are e^(-low t^power) and e^(high t^power)"},
    {"ctpo_geometric.", "as ctpo"},
    {"gmpo.log_", "each bounds one side, by the sign of the advantage"},
    {"m2po.floor_", "the bounds are quantities of the batch, which these only widen"},
    {"dppo_quadratic.delta_", "each is a threshold for one sign of the advantage"},
    {"dppo_quadratic_symmetric.delta_", "as dppo_quadratic"},
};

// A call of the row with these two numbers, and what else it needs.
std::string call_of(text_row const& row, std::string const& low, double l, std::string const& high, double h) {
  std::string text(row.name);
  text += "(" + low + " = " + number(l) + ", " + high + " = " + number(h);
  for (int p = 0; p < row.parameters(); ++p) {
    std::string const name(row.takes[p].name);
    bool const given = name == low || name == high || !row.takes[p].must_be;
    if (!given) text += ", " + name + " = " + (row.takes[p].kind == detail::rule_word::quantity ? "ratio" : "0.1");
  }
  text += ")";
  if (row.makes == detail::rule_word::mask) return "trust_region(no_divergence, uniform_weight, " + text + ")";
  return row.makes == detail::rule_word::quantity ? "objective(score_form(" + text + "))" : text;
}
// The error stands at `at`, and begins with the rule and what the text gives.
void refuses(std::string const& text, std::string const& rule, std::string const& parameter, std::string const& at) {
  parsed_rule const read = parse_rule(text);
  INFO(text);
  CHECK(!read.good);
  std::string const error(std::string_view(read.error));
  INFO(error);
  CHECK(error.find(": " + rule + ": " + parameter + " is ") != std::string::npos);
  CHECK(error.find("must be") != std::string::npos);
  REQUIRE(text.find(at) != std::string::npos);
  CHECK(read.column == static_cast<index_t>(text.find(at)) + 1);
}

}  // namespace

TEST_CASE("two bounds in the wrong order are refused by every function that takes two") {
  for (written const& w : all_written) {
    INFO(w.name);
    for (bounds const b : {bounds::good, bounds::swapped, bounds::no_number}) {
      parameter_check const found = w.check(low_of(b), high_of(b));
      CHECK(static_cast<bool>(found) == (b == bounds::good));
      if (found) continue;
      REQUIRE(found.name != nullptr);
      bool const names_it = std::string(found.name).find(function_in(w.name)) != std::string::npos;
      CHECK((names_it || b == bounds::no_number));
      CHECK(std::string(found.range).size() > 4);
    }
    CHECK(w.check(1.25, 1.25));
    CHECK_FALSE(w.check(0.75, quiet));
  }
  for (with_epsilon const& w : all_with_epsilon) {
    INFO(w.name);
    CHECK(w.check(0.25));
    CHECK_FALSE(w.check(-0.25));
    CHECK_FALSE(w.check(quiet));
  }
}

TEST_CASE("two bounds in the wrong order are refused in texts, at their column, with the name of the rule") {
  std::size_t pairs = 0, skipped = 0;
  for (text_row const& row : cppo_test::rule_words().functions) {
    for (int p = 0; p < row.parameters() && row.preset.empty(); ++p) {
      std::string const low(row.takes[p].name), stem = stem_of(low, "low"), high = stem + "high";
      std::string const rule(row.name);
      if (!has(row, high)) continue;
      if (left_out.count(rule + "." + stem) > 0) {
        ++skipped;
        continue;
      }
      ++pairs;
      bool const epsilon = stem == "epsilon_";
      std::string const good = call_of(row, low, epsilon ? 0.25 : 0.75, high, epsilon ? 0.25 : 1.5);
      INFO(good);
      CHECK(parse_rule(good).good);
      if (epsilon) refuses(call_of(row, low, -0.25, high, -0.25), rule, low, "-0.25");
      else refuses(call_of(row, low, 1.75, high, 0.5), rule, low, "1.75");
      CHECK_FALSE(parse_rule(call_of(row, low, quiet, high, 1.5)).good);
      CHECK_FALSE(parse_rule(call_of(row, low, 0.25, high, quiet)).good);
    }
  }
  CHECK(pairs >= 20);
  CHECK(skipped == left_out.size());
  refuses("objective(score_form(clamped(ratio, 1.75, 0.5)))", "clamped", "low", "1.75");
  refuses("objective(clipped(1.75, 0.5))", "clipped", "low", "1.75");
  refuses("objective(rolled_back(1.75, 0.5, 0.1))", "rolled_back", "low", "1.75");
  refuses("trust_region(no_divergence, uniform_weight, between(ratio, 1.75, 0.5))", "between", "low", "1.75");
  refuses("trust_region(no_divergence, uniform_weight, ratio_within(1.75, 0.5))", "ratio_within", "high", "0.5");
  CHECK(parse_rule("icepop(5, 0.5)").column == 8);
}

TEST_CASE("bounds that are quantities are not checked, and the status of a call names rule, parameter and remedy") {
  CHECK(keeping(between(ratio, 1 + abs(log_ratio), 0.5)));
  CHECK(scoring(clamped(ratio, prob, rollout_prob)));
  float const pi[] = {-0.5F, -0.7F}, mu[] = {-0.6F, -0.6F}, a[] = {1.0F, -1.0F};
  std::uint8_t mask[] = {7, 7};
  auto const batch = rollout_batch(padded(1, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
  status const s = policy_loss(seq, batch, trust_region(no_divergence, uniform_weight, between(ratio, 1.2, 0.8)),
                               {.mask = mask});
  CHECK(s.code == status_code::bad_parameter);
  CHECK(std::string(describe(s)).find("between(q, low, high) is 1.2, but must be a low that is not above high: write "
                                      "the smaller bound first") != std::string::npos);
  CHECK(mask[0] == 7);
}

TEST_CASE("a status names the function that was called, and an epsilon by the parameter, in no more room") {
  float const pi[] = {-0.5F, -0.7F}, mu[] = {-0.6F, -0.6F}, a[] = {1.0F, -1.0F};
  float loss[] = {7, 7};
  auto const batch = rollout_batch(padded(1, 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
  auto const said = [&](auto const& region) {
    return std::string(describe(policy_loss(seq, batch, region, {.loss = loss})));
  };
  auto const rest = " is 5, but must be a low that is not above high: ";
  CHECK(said(icepop(5, 0.5)).find(std::string("icepop(low, high)") + rest) == 0);
  CHECK(said(cispo({.low = 5, .high = 0.5})).find(std::string("cispo(low, high)") + rest) == 0);
  CHECK(gspo({.epsilon_low = -1, .epsilon_high = 0}).check().name ==
        std::string("1 - epsilon_low of gspo(epsilon_low, epsilon_high)"));
  // What is bounded keeps its name.
  CHECK(std::string(gspo({.exponent_cap = quiet}).check().name) == "a number in a quantity");
  CHECK(std::string(fipo({.half_life = 0}).check().name) == "halving_sum(..., half_life)");
  CHECK(loss[0] == 7);
  auto const plain = clamped(ratio, 0.5, 2);
  STATIC_REQUIRE(sizeof(quantities::call_it<detail::words::cispo>(plain)) == sizeof(plain));
  auto const within = between(ratio, 0.5, 2);
  STATIC_REQUIRE(sizeof(quantities::call_it<detail::words::icepop>(within)) == sizeof(within));
}

TEST_CASE("the two bounds of between are two clauses, as if they were joined by &") {
  float const pi[] = {-0.5F, -0.75F, -0.5F}, mu[] = {-1.0F, -0.5F, -0.5F}, a[] = {1.0F, 1.0F, -1.0F};
  auto const batch = rollout_batch(padded(1, 3), log_prob(pi), rollout_log_prob(mu), advantage(a));
  std::vector<clause_count> counts, joined;
  auto const region = [](auto const& mask) { return trust_region(no_divergence, uniform_weight, mask); };
  REQUIRE(count_clauses(seq, batch, region(between(ratio, 0.9, 1.1)), counts).ok());
  REQUIRE(count_clauses(seq, batch, region(at_least(ratio, 0.9) & at_most(ratio, 1.1)), joined).ok());
  REQUIRE(counts.size() == 2);
  REQUIRE(joined.size() == 2);
  for (std::size_t k = 0; k < 2; ++k) {
    CHECK(counts[k].kind == clause::ratio);
    CHECK(counts[k].refused == 1);
    CHECK(counts[k].decided == joined[k].decided);
  }
}
