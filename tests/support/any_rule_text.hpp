// The text of any rule, made of numbers that a test draws: all of the algebra, to a depth. Needs no test framework.
#pragma once

#include "support/any_region.hpp"

#include <string>

namespace cppo_test {

// Draws texts. Nearly all of them are rules; some are refused, since a slope is missing or a rule is too large.
class rule_texts {
 public:
  explicit rule_texts(choices& from) : from_(from) {}

  std::string rule() {
    std::string const all = from_.below(4) == 0 ? "objective(" + loss(3) + ")"
                                                : "objective(" + region() + ", " + loss(3) + ")";
    return from_.below(3) == 0 ? all + " + penalty(" + sloped(2) + ", " + number() + ")" : all;
  }
  std::string region() {
    switch (from_.below(5)) {
      case 0:
        return one({"ppo", "unrestricted", "fixed_cppo(0.02)", "dppo({.delta = 0.01}, binary_kl)", "trm_mean(0.01)"});
      case 1: return "softened(calibrated_cppo(0.02), reciprocal_gate)";
      case 2: return "reporting(" + trust_region("no_divergence", bounded_mask(2)) + ", " + divergence() + ")";
      default: {
        std::string const budget = from_.below(2) == 0 ? " & prefix_budget(0.02, 0.004)" : "";
        return trust_region(divergence(), "(" + mask(3) + ")" + budget);
      }
    }
  }
  std::string loss(int depth) {
    if (depth == 0) return one({"ratio_form", "nothing", "score_form(ratio)", "clipped(0.98, 1.03)"});
    switch (from_.below(11)) {
      case 0: return "clipped(" + number() + ", 3 + " + number() + ", " + sloped(depth - 1) + ")";
      case 1: return "score_form(" + quantity(depth - 1) + ")";
      case 2: return "rolled_back(0.98, 1.02, " + number() + ")";
      case 3: return "sigmoid_form(1, " + number() + ", " + sloped(depth - 1) + ")";
      case 4: return "quadratic(" + quantity(depth - 1) + ", " + number() + ")";
      case 5: return "penalty(" + sloped(depth - 1) + ", " + quantity(depth - 1) + ")";
      case 6: return "(" + loss(depth - 1) + " + " + loss(depth - 1) + ")";
      case 7: return quantity(depth - 1) + " * " + loss(depth - 1);
      case 8: return "where(" + mask(depth - 1) + ", " + loss(depth - 1) + ", " + loss(depth - 1) + ")";
      case 9: return "dual_clipped(" + loss(depth - 1) + ", 1 + " + number() + ")";
      default: return one({"held(", "with_slope_of(ratio_form, "}) + loss(depth - 1) + ")";
    }
  }
  std::string quantity(int depth) {
    if (depth == 0) {
      return one({"ratio", "log_ratio", "prob", "rollout_prob", "log_prob", "rollout_log_prob", "advantage", "entropy",
                  "reference_log_prob", "divergence", "weighted_divergence", "position_value", "binary_kl", "k3",
                  "response_length", "hashed(7)", "0.5"});
    }
    switch (from_.below(8)) {
      case 0:
        return one({"exp(clamped(", "log(clamped(", "abs(clamped(", "sqrt(clamped("}) + quantity(depth - 1) +
               ", 0.01, 2))";
      case 1: return one({"min(", "max(", "with_slope_of("}) + quantity(depth - 1) + ", " + quantity(depth - 1) + ")";
      case 2: return "where(" + mask(depth - 1) + ", " + quantity(depth - 1) + ", " + number() + ")";
      case 3: return "(-" + quantity(depth - 1) + ")";
      case 4:
      case 5: return fold(depth - 1);
      default:
        return "(" + quantity(depth - 1) + one({" + ", " - ", " * ", " / "}) + quantity(depth - 1) + ")";
    }
  }
  // One that has a slope.
  std::string sloped(int depth) {
    if (depth == 0) return one({"ratio", "log_ratio", "prob", "log_prob", "binary_tv", "kl_k3()", "kl_abs()"});
    switch (from_.below(5)) {
      case 0: return "exp(clamped(" + sloped(depth - 1) + ", -1, 1))";
      case 1: return "exp(response(mean(clamped(" + sloped(depth - 1) + ", -1, 1))))";
      case 2: return "(" + sloped(depth - 1) + " + upto(sum(clamped(" + sloped(depth - 1) + ", -1, 1))))";
      default: return "(" + sloped(depth - 1) + one({" + ", " * ", " - "}) + sloped(depth - 1) + ")";
    }
  }
  std::string mask(int depth) {
    if (from_.below(6) == 0) return one({"response_max_within(0.02)", "response_mean_within(0.005)"});
    return bounded_mask(depth);
  }
  std::string fold(int depth) {
    std::string const q = "clamped(" + quantity(depth) + ", -9, 9)";
    switch (from_.below(6)) {
      case 0: return "from(halving_sum(" + q + ", 3))";
      case 1: return one({"response(", "batch("}) + one({"kth_smallest(", "kth_largest("}) + q + ", " +
                     one({"3", "share(0.4)", "share_rounded_up(0.1)", "at_quantile(0.7)"}) + "))";
      case 2: return one({"response(", "batch("}) + one({"trimmed(", "capped("}) + q + ", 0.1))";
      case 3: return range() + "(count(" + bounded_mask(depth) + "))";
      case 4: return one({"response(", "batch("}) + one({"variance(", "deviation(", "mean_of_others("}) + q + "))";
      default: return range() + "(" + one({"sum(", "mean(", "least(", "most("}) + q + "))";
    }
  }

 private:
  // A mask that asks for no statistic of the divergence but by folds.
  std::string bounded_mask(int depth) {
    if (depth == 0) {
      return one({"toward_rollout", "keep_all", "ratio_within(0.98, 1.02)", "positive_advantage",
                  "divergence_within(0.01)", "at_most(abs(log_ratio), 0.02)", "divergence_within(0.01, 0.02)"});
    }
    switch (from_.below(5)) {
      case 0: return "!(" + bounded_mask(depth - 1) + ")";
      case 1: return "at_most(" + quantity(depth - 1) + ", below(" + quantity(depth - 1) + "))";
      case 2: return "between(" + quantity(depth - 1) + ", -0.1, above(" + number() + "))";
      default: return "(" + bounded_mask(depth - 1) + one({" & ", " | "}) + bounded_mask(depth - 1) + ")";
    }
  }
  std::string trust_region(std::string const& d, std::string const& m) {
    std::string const w = one({"linear_weight(0.8)", "reversed(linear_weight(0.8))",
                               "permuted(reversed(linear_weight(0.8)), 7)"});
    return "trust_region(" + d + ", " + w + ", " + m + ")";
  }
  std::string divergence() { return one({"binary_tv", "binary_kl", "k1", "k2", "k3", "squared_hellinger"}); }
  std::string range() { return one({"before", "upto", "from", "response", "batch"}); }
  std::string number() { return one({"0.02", "0.5", "1", "1e-3", "3"}); }
  std::string one(std::initializer_list<char const*> all) { return all.begin()[from_.below(all.size())]; }

  choices& from_;
};

}  // namespace cppo_test
