// The text of any advantage rule, made of numbers that a test draws: all of the algebra, to a depth. Needs no test
// framework.
#pragma once

#include "support/any_region.hpp"

#include <string>

namespace cppo_test {

// Draws texts. Nearly all of them are rules; some are refused, since they are too large.
class advantage_texts {
 public:
  explicit advantage_texts(choices& from) : from_(from) {}

  std::string rule() {
    switch (from_.below(8)) {
      case 0: return "gae(" + one({"0.5", "1"}) + ", " + one({"0.95", "0", "1"}) + ")";
      case 1: return mask(3);
      default: return quantity(4);
    }
  }
  std::string quantity(int depth) {
    if (depth == 0) return one({"reward", "response_length", "position_value", "advantage", "0.5", "reward", "reward"});
    switch (from_.below(9)) {
      case 0:
        return one({"exp(clamped(", "log(clamped(", "abs(clamped(", "sqrt(clamped("}) + quantity(depth - 1) +
               ", 0.01, 2))";
      case 1: return one({"min(", "max(", "with_slope_of("}) + quantity(depth - 1) + ", " + quantity(depth - 1) + ")";
      case 2: return "where(" + mask(depth - 1) + ", " + quantity(depth - 1) + ", " + number() + ")";
      case 3: return "(-" + quantity(depth - 1) + ")";
      case 4:
      case 5: return fold(depth - 1);
      case 6: return named(depth - 1);
      default:
        return "(" + quantity(depth - 1) + one({" + ", " - ", " * ", " / "}) + quantity(depth - 1) + ")";
    }
  }
  std::string mask(int depth) {
    if (depth == 0) {
      return one({"keep_all", "keep_none", "at_least(reward, above(0))", "positive_advantage", "dynamic_sampling",
                  "at_most(response_length, 3)"});
    }
    switch (from_.below(5)) {
      case 0: return "!(" + mask(depth - 1) + ")";
      case 1: return "at_most(" + quantity(depth - 1) + ", below(" + quantity(depth - 1) + "))";
      case 2: return "between(" + quantity(depth - 1) + ", -0.1, above(" + number() + "))";
      default: return "(" + mask(depth - 1) + one({" & ", " | "}) + mask(depth - 1) + ")";
    }
  }

 private:
  std::string named(int depth) {
    std::string const q = quantity(depth);
    switch (from_.below(7)) {
      case 0: return "grpo(" + number() + ", " + q + ")";
      case 1: return one({"dr_grpo(", "rloo(", "opo("}) + q + ")";
      case 2: return one({"gpg(", "gpg_nonzero("}) + number() + ", " + q + ")";
      case 3: return "overlong(5, 2, " + number() + ", " + q + ")";
      case 4: return "each_token(" + q + ")";
      case 5: return "reinforce_pp(0.9, 1e-8, " + q + one({")", ", unbiased_plus)"});
      default: return "whitened(" + q + ", 1e-6" + one({")", ", unbiased_plus)", ", population_floor)"});
    }
  }
  std::string fold(int depth) {
    std::string const over = one({"group(", "batch("}), q = "clamped(" + quantity(depth) + ", -9, 9)";
    switch (from_.below(4)) {
      case 0: return over + "count(" + mask(depth) + "))";
      case 1: return over + one({"variance(", "population_variance(", "deviation(", "mean_of_others("}) + q + "))";
      case 2: return over + "weighted_mean(" + q + ", response_length))";
      default: return over + one({"sum(", "mean(", "least(", "most("}) + q + "))";
    }
  }
  std::string number() { return one({"0.02", "0.5", "1", "1e-3", "3"}); }
  std::string one(std::initializer_list<char const*> all) { return all.begin()[from_.below(all.size())]; }

  choices& from_;
};

}  // namespace cppo_test
