// Text to a rule and a rule to text: every name, every operator, and every error with its column and its remedy.
#include "support/catch_compat.hpp"
#include "support/rule_texts.hpp"

#include <cppo/described_rule.hpp>
#include <cppo/described/parse.hpp>
#include <cppo/region/reporting.hpp>
#include <cppo/region/softened.hpp>
#include <cppo/rules.hpp>

#include <string>

namespace {

using namespace cppo;
using detail::rule_word;
using detail::text_row;

described_rule read(std::string const& text, std::span<double const> numbers = {}) {
  auto const p = parse_rule(text, numbers);
  INFO(text << "\n" << std::string(p.error));
  REQUIRE(p.good);
  REQUIRE(std::string_view(p.error).empty());
  return p.rule;
}
// What is written out is what the text makes; its own text makes it again, and is the same text.
template <class Region>
void same(Region const& written, std::string const& text) {
  INFO(text);
  described_rule const rule(written);
  REQUIRE(rule.fits());
  CHECK(read(text) == rule);
  std::string const canonical(to_text(rule));
  INFO(canonical);
  described_rule const again = read(canonical);
  CHECK(again == rule);
  CHECK(std::string(to_text(again)) == canonical);
}
std::string error_of(std::string const& text) {
  auto const p = parse_rule(text);
  CHECK(!p);
  CHECK(p.rule == described_rule());
  return std::string(p.error);
}
std::string score_error(std::string const& q) { return error_of("objective(score_form(" + q + "))"); }
std::string mask_error(std::string const& m) { return error_of("trust_region(binary_tv, uniform_weight, " + m + ")"); }

// A value for parameter p of a function.
std::string sample(text_row const& row, int p) {
  switch (row.takes[p].kind) {
    case rule_word::mask: return "toward_rollout";
    case rule_word::quantity: return "log_ratio";
    case rule_word::loss: return "ratio_form";
    case rule_word::integer: return "7";
    default: break;
  }
  std::string_view const name = row.takes[p].name;
  if (name == "half_life" || name == "power") return "2";
  return name.ends_with("high") || name == "dual_clip" || name == "safe_ratio" ? "1.25" : "0.25";
}
std::string arguments(text_row const& row, bool named) {
  std::string all;
  for (int p = 0; p < row.parameters(); ++p) {
    all += (p > 0 ? ", " : "") + (named ? std::string(row.takes[p].name) + " = " : "") + sample(row, p);
  }
  return "(" + all + ")";
}
std::string around(rule_word what, std::string const& part) {
  switch (what) {
    case rule_word::region: return part;
    case rule_word::mask: return "trust_region(no_divergence, uniform_weight, " + part + ")";
    case rule_word::loss: return "objective(" + part + ")";
    default: return "objective(score_form(" + part + "))";
  }
}

}  // namespace

TEST_CASE("every function of the table is read in every form, and written", "[described]") {
  for (text_row const& row : cppo_test::rule_words().functions) {
    std::string const name(row.name);
    INFO(name);
    if (!row.preset.empty()) {
      read(around(row.makes, name + "(" + std::string(row.preset) + ")"));
      continue;
    }
    described_rule const rule = read(around(row.makes, name + arguments(row, true)));
    CHECK(read(around(row.makes, "cppo::" + name + arguments(row, false))) == rule);
    if (row.parameters() == 0) CHECK(read(around(row.makes, name)) == rule);
    std::string const text(to_text(rule));
    CHECK(read(text) == rule);
    CHECK(read("\"" + text + "\"") == rule);  // as JSON
  }
}

TEST_CASE("a rule of one token by name is the one that its function makes", "[described]") {
  same(ppo_clip(), "ppo_clip");
  same(ppo_clip({.epsilon_high = 0.28, .dual_clip = 3.0}), "ppo_clip(epsilon_high = 0.28, dual_clip = 3)");
  same(ppo_rb({.epsilon = 0.1}), "ppo_rb(0.1)");
  same(tr_ppo(), "tr_ppo()");
  same(tr_ppo_rb(), "tr_ppo_rb");
  same(truly_ppo({.delta = 0.05}), "truly_ppo(delta = 0.05)");
  same(trgppo(), "trgppo");
  same(cispo({.high = 4.0}), "cispo(high = 4)");
  same(cispo_by_epsilon(), "cispo_by_epsilon");
  same(gpg_loss(), "gpg_loss()");
  same(dro(), "dro");
  same(dro(0.5), "dro(0.5)");
  same(sapo(), "sapo");
  same(drpo(), "drpo");
  same(spo(), "spo");
  same(dppo_quadratic(), "dppo_quadratic");
  same(dppo_quadratic_symmetric(), "dppo_quadratic_symmetric");
  same(fixed_cppo({.delta = 0.1}), "fixed_cppo(0.1)");
  same(softened(reporting(ppo(), k1), reciprocal_gate), "softened(reporting(ppo, k1), reciprocal_gate)");
}

TEST_CASE("a rule of folds by name is the one that its function makes", "[described]") {
  same(gspo(), "gspo");
  same(gspo({.epsilon_low = 0.01}), "gspo(epsilon_low = 0.01)");
  same(gmpo(), "gmpo");
  same(vespo(), "vespo");
  same(opsm(0.01), "opsm(0.01)");
  same(minpro(), "minpro");
  same(ctpo(), "ctpo");
  same(ctpo_geometric({.power = -0.5}), "ctpo_geometric(power = -0.5)");
  same(ctpo_in_band(), "ctpo_in_band");
  same(ctpo_geometric_in_band(), "ctpo_geometric_in_band");
  same(fipo(), "fipo");
  same(fipo(fipo_code_defaults), "fipo(fipo_code_defaults)");
  same(clip_cov({.seed = 18446744073709551615U}), "clip_cov(18446744073709551615)");
  same(kl_cov(), "kl_cov");
  same(mean_over_kept(entropy_top()), "mean_over_kept(entropy_top)");
  same(entropy_top_quantile(), "entropy_top_quantile");
  same(m2po(), "m2po");
  same(m2po_mask(), "m2po_mask");
  same(vmpo(), "vmpo");
  same(tis(), "tis");
  same(sequence_tis(), "sequence_tis");
  same(icepop(), "icepop");
  same(icepop(0.4, 6.0), "icepop(0.4, 6)");
  same(geometric_band(0.9, 1.1), "geometric_band(0.9, 1.1)");
  same(correction(normalized_over_tokens(token_ratio())), "correction(normalized_over_tokens(token_ratio()))");
}

TEST_CASE("a composition is the text that makes it in C++", "[described]") {
  same(objective(fixed_cppo(), clipped(0.8, 1.28)), "objective(fixed_cppo(), clipped(0.8, 1.28))");
  same(ppo() + penalty(kl_k3_plus(), 0.1), "ppo() + penalty(kl_k3_plus(), 0.1)");
  same(objective(ppo(), ratio_form) + penalty(abs(log_ratio), 0.5) + penalty(kl_k1(log_ratio), 0.1),
       "objective(ppo(), ratio_form) + penalty(abs(log_ratio), 0.5) + penalty(kl_k1(log_ratio), 0.1)");
  same(objective(clipped(1 - 3e-4, 1 + 4e-4, exp(clamped(response(mean(log_ratio)), -10, 10)))),
       "objective(clipped(1 - 3e-4, 1 + 4e-4, exp(clamped(response(mean(log_ratio)), -10, 10))))");
  same(objective(where(positive_advantage, score_form(ratio), held(ratio_form) + 0.5 * quadratic(prob, 2.0))),
       "objective(where(positive_advantage, score_form(ratio), held(ratio_form) + 0.5 * quadratic(prob, 2)))");
  same(objective(with_slope_of(rolled_back(0.9, 1.1, 0.3), dual_clipped(sigmoid_form(1, 2), 3))),
       "objective(with_slope_of(rolled_back(0.9, 1.1, 0.3), dual_clipped(sigmoid_form(1, 2), 3)))");
  same(trust_region(binary_tv, linear_weight(0.5),
                    toward_rollout | (at_most(abs(log_ratio), 0.1) & between(ratio, above(0.5), 2) &
                                      prefix_budget(0.1, calibrated_budget(0.01)))),
       "trust_region(binary_tv, linear_weight(0.5), toward_rollout | (at_most(abs(log_ratio), 0.1) & "
       "between(ratio, above(0.5), 2) & prefix_budget(0.1, calibrated_budget(0.01))))");
  same(objective(score_form((advantage - batch(mean(advantage))) / batch(deviation(advantage)))),
       "objective(score_form((advantage - batch(mean(advantage))) / batch(deviation(advantage))))");
  same(objective(score_form(batch(kth_largest(entropy, share(0.2))) + response(trimmed(ratio, 2.0)) +
                            from(halving_sum(-log_ratio, 8)) + before(count(positive_advantage)))),
       "objective(score_form(batch(kth_largest(entropy, share(0.2))) + response(trimmed(ratio, 2)) + "
       "from(halving_sum(-log_ratio, 8)) + before(count(positive_advantage))))");
  same(objective(score_form(response(weighted_mean(ratio, prob)) * batch(mean_of_others(log_prob)))),
       "objective(score_form(response(weighted_mean(ratio, prob)) * batch(mean_of_others(log_prob))))");
  same(objective(score_form(ratio / response_length)), "objective(score_form(ratio / response_length))");
  same(objective(score_form(where(toward_rollout, hashed(7), binary_kl) - min(log(prob), sqrt(entropy)) / 3)),
       "objective(score_form(where(toward_rollout, hashed(7), binary_kl) - min(log(prob), sqrt(entropy)) / 3))");
}

TEST_CASE("the rule on the page of inputs is read", "[described]") {
  parsed_rule const rule = parse_rule("objective(fixed_cppo(0.1), clipped(0.8, 1.28, exp(response(mean(log_ratio)))))"
                                      " + penalty(kl_k3(), 0.001)");
  CHECK(rule.rule == described_rule(objective(fixed_cppo({.delta = 0.1}),
                                              clipped(0.8, 1.28, exp(response(mean(log_ratio))))) +
                                    penalty(kl_k3(), 0.001)));
  CHECK(described_rule(gspo()) == read("gspo"));
}

TEST_CASE("operators of a rule bind as in C++, and numbers alone are reckoned at once", "[described]") {
  auto const q = [](std::string const& x) { return read("objective(score_form(" + x + "))"); };
  CHECK(q("ratio - prob - entropy") == q("(ratio - prob) - entropy"));
  CHECK(!(q("ratio - prob - entropy") == q("ratio - (prob - entropy)")));
  CHECK(q("ratio + prob * entropy") == q("ratio + (prob * entropy)"));
  CHECK(q("ratio / prob / entropy") == q("(ratio / prob) / entropy"));
  CHECK(q("-ratio * prob") == q("(-ratio) * prob"));
  CHECK(q("ratio * (1 - 3e-1)") == q("ratio * 0.7"));
  CHECK(q("2 - -1 - 4 / 2 + ratio") == q("1 + ratio"));
  CHECK(q("ratio-1") == q("ratio - 1"));
  CHECK(q("1e-1-ratio") == q("0.1 - ratio"));
  double const lent[] = {0.25, 4.0};
  CHECK(read("cispo($0, high = $1)", lent) == read("cispo(0.25, 4)"));
  CHECK(read("cispo($0+1, $1-1)", lent) == read("cispo(1.25, 3)"));
  CHECK(read(R"({"objective": ["ppo", {"clipped": [0.8, 1.2]}]})") == read("objective(ppo, clipped(0.8, 1.2))"));
  CHECK(read(R"({"cispo": {"high": 4}})") == read("cispo(high = 4)"));
}

TEST_CASE("equal rules have one text", "[described]") {
  auto const text = [](std::string const& t) { return std::string(to_text(read(t))); };
  CHECK(text("cispo") == "objective(score_form(clamped(ratio, 0, 5)))");
  CHECK(text("ppo_clip(0.1)") == "objective(dual_clipped(clipped(0.9, 1.1), 3))");
  CHECK(text("ppo_clip(0.1)") == text("objective(dual_clipped(clipped(high = 1.1, low = 0.9, r = ratio), 3))"));
  CHECK(text("objective(fixed_cppo, ratio_form)") == text("fixed_cppo"));
  CHECK(text("fixed_cppo") == std::string(to_text(parse_region("fixed_cppo").region)));
  CHECK(text("unrestricted + penalty(kl_k1(), 1)") ==
        "objective(ratio_form) + penalty(log_prob - reference_log_prob, 1)");
}

TEST_CASE("an error of a rule's text names its column and the call", "[described]") {
  CHECK(error_of("minpr") == "column 1: there is nothing named minpr: did you mean minpro?");
  CHECK(error_of("nonsense") == "column 1: there is nothing named nonsense");
  CHECK(error_of("objective(clipped(0.8))") == "column 11: clipped lacks its high: clipped(low, high, r)");
  CHECK(error_of("objective(clipped(0.8, 1.2, 3, 4))") == "column 32: clipped takes no more: clipped(low, high, r)");
  CHECK(error_of("objective(clipped(low = 0.8, up = 1.2))") ==
        "column 30: clipped has no parameter up: clipped(low, high, r)");
  CHECK(error_of("opsm") ==
        "column 1: opsm lacks its delta: opsm(delta, epsilon, epsilon_low, epsilon_high, dual_clip)");
  CHECK(error_of("opsm(delta = 0.1, delta = 0.2)") == "column 27: delta is given twice");
  CHECK(error_of("gspo(epsilon_low = ppo)") == "column 20: expected a number, found ppo, which is a region");
  CHECK(error_of("softened(ppo)") == "column 1: softened takes softened(region, gate)");
  CHECK(error_of("objective()") ==
        "column 1: objective takes a region and a loss, or a loss alone: objective(region, surrogate)");
  CHECK(error_of("cispo $") == "column 7: expected an operator or the end, found $");
  CHECK(mask_error("at_most(ratio)") == "column 41: at_most takes (q, x): a quantity and what bounds it");
  CHECK(mask_error("prefix_budget(1, 1) & prefix_budget(1, 1)") ==
        "column 63: a trust region holds at most one prefix_budget");
  CHECK(score_error("hashed()") == "column 22: hashed takes a seed: hashed(seed)");
  CHECK(score_error("hashed(-1)") == "column 29: -1 is no whole number from 0 to 2^64 - 1");
}

TEST_CASE("a piece of the wrong kind is named with its remedy", "[described]") {
  CHECK(error_of("ratio_form") == "column 1: expected a region, found ratio_form, which is a loss: write "
                                  "objective(loss), or objective(region, loss)");
  CHECK(error_of("toward_rollout") == "column 1: expected a region, found toward_rollout, which is a mask: write "
                                      "trust_region(divergence, weight, mask)");
  CHECK(error_of("objective(ratio)") ==
        "column 11: expected a loss, found ratio, which is a quantity: score_form(q) is a loss, and ratio_form(q)");
  CHECK(error_of("objective(ppo)") == "column 11: expected a loss, found ppo, which is a region: a loss comes second, "
                                      "as objective(ppo(), ratio_form)");
  CHECK(error_of("objective(ratio_form * 2)") == "column 11: expected a quantity, found ratio_form, which is a loss: "
                                                 "only + and a weight in front, q * loss, join losses");
  CHECK(mask_error("ratio") == "column 41: expected a mask, found ratio, which is a quantity: compare it, as "
                               "at_most(ratio, 1.2)");
  CHECK(mask_error("at_most(keep_all | keep_none, 2)") == "column 58: expected a quantity, found a combination, which "
                                                          "is a mask: where(mask, 1, 0) is a number");
  CHECK(mask_error("below(ratio)") == "column 41: expected a mask, found below, which is a bound: it stands in a "
                                      "comparison, as at_most(ratio, below(1.2))");
  CHECK(score_error("mean(ratio)") == "column 22: expected a quantity, found mean, which is a statistic: take it over "
                                      "a range, as response(mean(log_ratio))");
  CHECK(score_error("linear_weight(0.8)") == "column 22: linear_weight is a weight, which stands in "
                                             "trust_region(divergence, weight, mask), prefix_budget(delta, budget) or "
                                             "softened(region, gate)");
  CHECK(score_error("share(0.5)") == "column 22: expected a quantity, found share, which is a rank: it is the place of "
                                     "a value, as kth_largest(entropy, share(0.2))");
}

TEST_CASE("an error of numbers, slopes and folds names its column", "[described]") {
  CHECK(error_of("objective(clipped(1.2, 0.8))") ==
        "column 19: clipped: low is 1.2, but must be a low that is not above high: write the smaller bound "
        "first, and no epsilon below 0");
  CHECK(error_of("objective(quadratic(prob, 0))") ==
        "column 27: quadratic: epsilon is 0, but must be in [1e-6, 1e6]");
  CHECK(error_of("fipo(half_life = 0)") ==
        "column 18: fipo: half_life is 0, but must be a whole number in [1, 1024]");
  CHECK(score_error("1e999") == "column 22: 1e999 is no number");
  std::string const divisor = "a divisor in a quantity is 0, but must be not 0: write another number, or a quantity "
                              "that is never 0, as max(q, 1e-6)";
  CHECK(score_error("ratio / 0") == "column 30: " + divisor);
  CHECK(score_error("response(mean(1 / ratio / (1 - 1)))") == "column 51: " + divisor);
  CHECK(score_error("nan + ratio") == "column 22: a number in a quantity is nan, but must be no NaN");
  CHECK(error_of("objective(clipped(0.8, 1.2, entropy))") ==
        "column 29: this is differentiated, and has no slope: score_form(q) and q * loss hold q constant");
  CHECK(score_error("response(ratio)") == "column 31: response takes a statistic, such as response(mean(log_ratio))");
  CHECK(score_error("response(kth_largest(ratio, share(2)))") ==
        "column 50: kth_largest: k is 2, but must be in (0, 1]");
  CHECK(score_error("before(halving_sum(ratio, 3))") == "column 29: a halving_sum is taken over from(...)");
  CHECK(score_error("from(kth_largest(ratio, 3))") ==
        "column 27: a k-th value, and a trimmed or capped one, is taken over response(...) or batch(...)");
  for (char const* others : {"variance(ratio)", "deviation(ratio)", "weighted_mean(ratio, ratio)",
                             "mean_of_others(ratio)"}) {
    CHECK(score_error("upto(" + std::string(others) + ")") ==
          "column 27: a variance, a deviation, a weighted mean and a mean of others are taken over response(...) or "
          "batch(...): fold sums over the other ranges");
  }
  CHECK(score_error("group(mean(ratio))").substr(0, 42) == "column 22: group(...) is a fold over respo");
  CHECK(score_error("response(count(response_max_within(1)))").substr(0, 45) ==
        "column 31: a fold is computed before prefix s");
  CHECK(error_of("mean_over_kept(fixed_cppo)").substr(0, 55) ==
        "column 1: mean_over_kept counts what a mask of comparis");
}

TEST_CASE("a rule that is too large is refused", "[described]") {
  std::string folds = "response(sum(ratio))", deep = "ratio", terms = "ratio";
  for (int k = 0; k < 16; ++k) folds += " + response(kth_smallest(ratio, " + std::to_string(k + 1) + "))";
  for (int k = 0; k < 4; ++k) deep = "response(mean(" + deep + "))";
  for (int k = 0; k < 70; ++k) terms += " + ratio";
  for (std::string const& q : {folds, deep, terms}) {
    CHECK(score_error(q) == "column 1: this rule is too large: a described_rule holds at most 128 nodes, 32 numbers, "
                            "and 16 folds in 3 levels: write it out as a type");
  }
}

TEST_CASE("a text that fills what rules are put together in is too large, and nothing else", "[described]") {
  std::string const too_large = "column 1: this rule is too large: a described_rule holds at most 128 nodes";
  for (int deep = 6; deep < 14; ++deep) {
    std::string bounded = "ratio", sum = "ratio";
    for (int k = 0; k < deep; ++k) {
      bounded = "where(between(" + bounded + ", 0, 1), 1, 0)";
      sum = "kl_k2(" + sum + ")";
    }
    INFO(deep);
    CHECK(score_error(bounded).starts_with(too_large));
    CHECK(score_error(sum).starts_with(too_large));
    CHECK(error_of("objective(ratio_form(exp(" + sum + ")))").starts_with(too_large));
  }
  std::string numbers = "ratio";
  for (int k = 0; k < 40; ++k) {  // of 9 terms each, within what a text may hold
    std::string const bound = std::to_string(k);
    numbers = "clamped(" + numbers + ", " + bound + ", " + bound + ".5)";
  }
  CHECK(score_error(numbers).starts_with(too_large));
}

TEST_CASE("a composition that does not fit into a rule says so, and has no text", "[described]") {
  auto const a = ratio + prob;
  auto const b = a * a * a * a;
  auto const c = b * b * b * b;
  described_rule const rule(objective(score_form(c * c * c)));
  CHECK(!rule.fits());
  CHECK(std::string(to_text(rule)).empty());
  parameter_check const found = rule.check();
  REQUIRE(!found);
  CHECK(std::string_view(found.name) == "fits() of a described_rule");
  CHECK(found.value == 0.0);
  CHECK(std::string_view(found.range) ==
        "1, which is at most 128 nodes, 32 numbers, and 16 folds in 3 levels: write the rule out as a type");
}

TEST_CASE("a rule whose text could not be read again has none", "[described]") {
  auto const a = ratio + prob;
  auto const b = a * a * a * a;
  auto const f = response(mean(b * b));
  auto const g = f + f;
  auto const h = g + g;
  auto const i = h + h;
  auto const whole = [](auto const& q) {
    described_rule const rule(objective(score_form(q)));
    REQUIRE(rule.fits());
    REQUIRE(rule.check());
    return rule;
  };
  described_rule const short_one = whole(i);  // the fold is one of the program, and is written at each use
  CHECK(read(std::string(to_text(short_one))) == short_one);
  described_rule const long_one = whole(i + i);
  CHECK(std::string(to_text(long_one)).empty());
}

TEST_CASE("arguments of comparisons, statistics, folds and ranks go by their names", "[described]") {
  auto const mask = [](std::string const& m) { return read("trust_region(binary_tv, uniform_weight, " + m + ")"); };
  auto const score = [](std::string const& q) { return read("objective(score_form(" + q + "))"); };
  CHECK(mask("at_most(x = 1.2, q = ratio)") == mask("at_most(ratio, 1.2)"));
  CHECK(mask("at_least(x = above(0.5), q = prob)") == mask("at_least(prob, above(0.5))"));
  CHECK(mask("between(high = below(x = 2), low = 0.5, q = ratio)") == mask("between(ratio, 0.5, below(2))"));
  CHECK(mask("between(ratio, high = 2, low = 0.5)") == mask("between(ratio, 0.5, 2)"));
  CHECK(read("trust_region(mask = at_most(ratio, 2), divergence = binary_tv, weight = uniform_weight)") ==
        mask("at_most(ratio, 2)"));
  CHECK(score("response(statistic = weighted_mean(weights = prob, q = ratio))") ==
        score("response(weighted_mean(ratio, prob))"));
  CHECK(score("batch(kth_largest(k = share(x = 0.2), q = entropy))") ==
        score("batch(kth_largest(entropy, share(0.2)))"));
  CHECK(score("from(halving_sum(half_life = 8, q = ratio))") == score("from(halving_sum(ratio, 8))"));
  CHECK(score("batch(count(mask = toward_rollout))") == score("batch(count(toward_rollout))"));
  CHECK(score("hashed(seed = 7)") == score("hashed(7)"));
  CHECK(read("objective(surrogate = ratio_form, region = fixed_cppo)") == read("fixed_cppo"));
  CHECK(read("objective(surrogate = score_form(ratio))") == score("ratio"));
  CHECK(read(R"({"trust_region": {"mask": {"at_most": {"x": 1.2, "q": "ratio"}}, "weight": "uniform_weight",)"
             R"( "divergence": "binary_tv"}})") == mask("at_most(ratio, 1.2)"));
}

TEST_CASE("a wrong name of such an argument is at its column", "[described]") {
  CHECK(mask_error("at_most(ratio, nonsense = 2)") == "column 56: at_most has no parameter nonsense: at_most(q, x)");
  CHECK(mask_error("between(q = ratio, high = 2)") == "column 41: between lacks its low: between(q, low, high)");
  CHECK(mask_error("between(q = ratio, high = 2, high = 3)") == "column 77: high is given twice");
  CHECK(mask_error("at_most(q = ratio, 1, 2)") == "column 63: at_most takes no more: at_most(q, x)");
  CHECK(mask_error("at_most(q = ratio)") == "column 41: at_most takes (q, x): a quantity and what bounds it");
  CHECK(mask_error("at_most(ratio, below(y = 2))") == "column 62: below has no parameter y: below(x)");
  CHECK(score_error("response(mean(nonsense = ratio))") == "column 36: mean has no parameter nonsense: mean(q)");
  CHECK(score_error("response(of = mean(ratio))") ==
        "column 31: response has no parameter of: response(statistic)");
  CHECK(score_error("batch(kth_largest(entropy, share(q = 0.2)))") ==
        "column 55: share has no parameter q: share(x)");
  CHECK(score_error("hashed(x = 7)") == "column 29: hashed has no parameter x: hashed(seed)");
  CHECK(error_of("mean_over_kept(x = entropy_top)") ==
        "column 16: mean_over_kept has no parameter x: mean_over_kept(region)");
  CHECK(error_of("softened(ppo, by = reciprocal_gate)") ==
        "column 15: softened has no parameter by: softened(region, gate)");
}

TEST_CASE("a number out of range is named where it stands, not where an equal one does", "[described]") {
  CHECK(error_of("objective(rolled_back(-1, 2, alpha = -1))") ==
        "column 38: rolled_back: alpha is -1, but must be in [0, 1e30]: 0 is the held loss of PPO");
  CHECK(error_of("objective(rolled_back(3, 2, alpha = 3))") ==
        "column 23: rolled_back: low is 3, but must be a low that is not above high: write the smaller "
        "bound first, and no epsilon below 0");
}

TEST_CASE("a number out of range is named by its parameter, with the name of the function in front", "[described]") {
  std::string const order = ", but must be a low that is not above high: write the smaller bound first, and no epsilon "
                            "below 0";
  std::string const epsilon = ", but must be 0 or more: it is a distance from 1, to either side";
  CHECK(error_of("clip_cov(1, low = 1, high = 0.5)") == "column 19: clip_cov: low is 1" + order);
  CHECK(error_of("clip_cov(1, high = 0.5, low = 1)") == "column 31: clip_cov: low is 1" + order);
  CHECK(error_of("fipo(half_life = 2, weight_low = 2, weight_high = 1)") ==
        "column 34: fipo: weight_low is 2" + order);
  CHECK(error_of("ppo_clip(epsilon_low = -0.25, epsilon_high = -0.25)") ==
        "column 24: ppo_clip: epsilon_low is -0.25" + epsilon);
  CHECK(error_of("ppo_clip(epsilon_low = 0.125, epsilon_high = -0.25, dual_clip = 3)") ==
        "column 46: ppo_clip: epsilon_high is -0.25" + epsilon);
  CHECK(error_of("ppo_clip(-0.25, dual_clip = 1.25)") == "column 10: ppo_clip: epsilon is -0.25" + epsilon);
  CHECK(error_of("clip_cov(1, low = 0.5, epsilon = nan)") == "column 34: clip_cov: epsilon is nan" + epsilon);
  CHECK(error_of("icepop(5, 0.5)") == "column 8: icepop: low is 5" + order);
  CHECK(mask_error("rs_seq_mean_k1(2, 1)") == "column 56: rs_seq_mean_k1: low is 2" + order);
  CHECK(mask_error("between(ratio, 2, 1)") == "column 56: between: low is 2" + order);
  CHECK(score_error("clamped(ratio, 2, 1)") == "column 37: clamped: low is 2" + order);
  CHECK(score_error("clamped(ratio, high = 1, low = 2)") == "column 53: clamped: low is 2" + order);
}

TEST_CASE("a function of advantage rules is said to stand there", "[described]") {
  std::string const there = " is known where advantages are computed: it stands in the text of an advantage rule, and "
                            "a region reads its result as advantage";
  for (std::string_view const name : detail::functions_of_advantages) {
    std::string const text(name);
    CHECK(error_of(text) == "column 1: " + text + there);
    CHECK(score_error(text + "(1)") == "column 22: " + text + there);
  }
  CHECK(error_of("grpoo") == "column 1: there is nothing named grpoo");
}
