// What the field computes for a token, as one or two lines of text: made of parts, and by its name. Both are the same.
#include "support/catch_compat.hpp"
#include "support/rule_runs.hpp"
#include "support/rule_texts.hpp"

#include <cmath>
#include <string>

namespace {

using namespace cppo;

#define NO_REGION "trust_region(no_divergence, uniform_weight, "
#define TR_PPO                                                    \
  "objective(trust_region(binary_kl, uniform_weight, keep_all), " \
  "where(toward_rollout | at_most(divergence, "
#define COVARIANCE "(advantage - batch(mean(advantage))) * (log_prob - batch(mean(log_prob)))"
#define LOG_PRODUCT "clamped(response(sum(clamped(log_ratio, -20, 20))), log(1e-8), 20)"
#define FUTURE "exp(from(halving_sum(where(at_most(log_ratio, log(10)), log_ratio, 0), 32)))"
#define UNSAFE "negative_advantage & at_least(ratio, above(10))"
#define BETTER_HALF                                                          \
  "where(at_least(advantage, batch(kth_largest(advantage, share(0.5)))), "   \
  "exp(advantage - batch(most(advantage))), 0)"
#define ROOT "sqrt(position_value)"

struct said_twice {
  char const* by_name;
  char const* of_parts;
};
constexpr said_twice systems[] = {
    {"ppo_clip(epsilon_low = 0.2, epsilon_high = 0.28)", "objective(dual_clipped(clipped(0.8, 1.28), 3))"},
    {"ppo_rb", "objective(rolled_back(0.8, 1.2, 0.3))"},
    {"tr_ppo", TR_PPO "below(0.035)), ratio_form, held(ratio_form)))"},
    {"truly_ppo", TR_PPO "below(0.03)), ratio_form, ratio_form + penalty(binary_kl, 5)))"},
    {"trgppo", "trust_region(binary_kl, uniform_weight, "
               "toward_rollout | divergence_within(0.03) | ratio_within(0.8, 1.2))"},
    {"gpg_loss", "objective(score_form(1))"},
    {"gspo", "objective(clipped(1 - 3e-4, 1 + 4e-4, exp(clamped(response(mean(log_ratio)), -1000, 10))))"},
    {"gmpo", "objective(ratio_form(exp(response(mean(where(positive_advantage, min(log_ratio, 0.4), "
             "where(negative_advantage, max(log_ratio, -0.4), 0)))))))"},
    {"cispo", "objective(score_form(clamped(ratio, 0, 5)))"},
    {"sapo", "objective(sigmoid_form(1.0, 1.05))"},
    {"minpro", "objective(score_form(clamped(exp(before(least(log_ratio)) + log_ratio), 0.8, 1.28)))"},
    {"ctpo", "objective(dual_clipped(clipped(exp(-0.025 * " ROOT "), exp(0.05 * " ROOT
             "), exp(min(with_slope_of(upto(sum(log_ratio)), log_prob), 10))), exp(0.05 * " ROOT ")))"},
    {"fipo", "objective(" NO_REGION "at_most(response(count(" UNSAFE ")), 1)), where(" UNSAFE
             ", clamped(clamped(" FUTURE ", 1, 1.2), 0.8, 1), clamped(" FUTURE
             ", 1, 1.2)) * dual_clipped(clipped(0.8, 1.28), 10))"},
    {"vespo", "objective(score_form(exp(where(at_least(advantage, 0), 3, 2) * (1 - exp(" LOG_PRODUCT
              ")) + where(at_least(advantage, 0), 2, 3) * " LOG_PRODUCT ")))"},
    {"kl_cov(share = 0.1)", "objective(ratio_form + where(at_least(" COVARIANCE ", batch(kth_largest(" COVARIANCE
                            ", share(0.1)))), penalty(abs(log_ratio), 1), nothing))"},
    {"entropy_top", "objective(" NO_REGION "at_least(entropy, batch(kth_largest(entropy, share_rounded_up(0.2))))), "
                    "dual_clipped(clipped(0.8, 1.28), 3))"},
    {"dppo_quadratic", "dppo(delta = 0.2) + penalty(log_ratio * log_ratio, 1e-3)"},
    {"trm_max(delta = 0.1)", "trust_region(binary_kl, uniform_weight, at_most(response(most(binary_kl)), 0.1))"},
    {"drpo", "objective(ratio_form + quadratic(rollout_prob, 12.5))"},
    {"spo", "objective(ratio_form + quadratic(1, 0.2))"},
    {"opsm(delta = 0.001)", "objective(" NO_REGION "at_least(advantage, 0) | "
                            "at_most(response(mean(-log_ratio)), 0.001)), dual_clipped(clipped(0.8, 1.2), 3))"},
    {"tis", "objective(value_form(min(ratio, 2)))"},
    {"icepop", "objective(value_form(where(between(ratio, 0.5, 5), ratio, 0)))"},
    {"geometric_band(0.99, 1.01)", "objective(value_form(where(between(exp(response(mean(log_ratio))), 0.99, 1.01), "
                                   "exp(response(mean(log_ratio))), 0)))"},
    {"m2po_mask(0.001)", NO_REGION "at_most(log_ratio * log_ratio, batch(trimmed(log_ratio * log_ratio, 0.001))))"},
    {"vmpo", "objective(penalty(log_prob, -(" BETTER_HALF " / batch(sum(" BETTER_HALF ")))))"},
};
#undef NO_REGION
#undef TR_PPO
#undef COVARIANCE
#undef LOG_PRODUCT
#undef FUTURE
#undef UNSAFE
#undef BETTER_HALF
#undef ROOT

described_rule rule_of(char const* text) {
  parsed_rule const p = parse_rule(text);
  INFO(text);
  INFO(std::string(std::string_view(p.error)));
  REQUIRE(p.good);
  return p.rule;
}

}  // namespace

TEST_CASE("what the field computes for a token is a line of text: of parts and by its name it is the same") {
  testing::generator_options g;
  g.entropy = g.reference = true;
  for (said_twice const& s : systems) {
    INFO(s.by_name);
    auto const named = cppo_test::rule_runner(rule_of(s.by_name)), made = cppo_test::rule_runner(rule_of(s.of_parts));
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      auto const batch = testing::generate<float>(seed, g);
      auto const want = named.run(0, batch, {}), got = made.run(0, batch, {});
      REQUIRE(want.outcome.ok() == got.outcome.ok());
      for (auto const output : {testing::captured::loss, testing::captured::gradient}) {
        REQUIRE(!want[output].empty());
        REQUIRE(want[output].size() == got[output].size());
        for (std::size_t i = 0; i < want[output].size(); ++i) {
          double const x = static_cast<double>(want[output][i]), y = static_cast<double>(got[output][i]);
          if (!(std::fabs(x - y) <= 2e-4 * (1 + std::fabs(x))))
            FAIL_CHECK("slot " << i << ": " << x << " by name, " << y << " of parts");
        }
      }
    }
  }
}
