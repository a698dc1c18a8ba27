// Rules as data: every rule of the field has, on every executor, the bits of the composition that is written out.
#include "support/catch_compat.hpp"
#include "support/rule_runs.hpp"
#include "support/rule_texts.hpp"

#include <cppo/cppo.hpp>
#include <cppo/described_rule/parse.hpp>
#include <cppo/rules.hpp>

#include <algorithm>
#include <cmath>

namespace {

using namespace cppo;
using namespace cppo_test;

// A batch that lends all that rules read. Drawn so that clips, caps and masks are met.
testing::generated_batch<float> batch_of(std::uint64_t seed, index_t most_responses) {
  testing::generator_options g;
  g.max_responses = most_responses;
  g.divergence = g.entropy = g.reference = true;
  return testing::generate<float>(seed, g);
}
loss_options options_of(std::uint64_t seed) {
  return {.aggregate = seed % 2 == 0 ? token_mean : seq_mean_token_mean,
          .surrogate = {.log_ratio_clamp = seed % 3 == 0 ? 0.0 : seed % 3 == 1 ? 20.0 : 0.05}};
}

// Runs the composition that is written out on seq, and the same as data on every executor.
template <class Region>
void same_as_data(char const* name, Region const& written, index_t most_responses = 6) {
  INFO(name);
  described_rule const rule(written);
  REQUIRE(rule.fits());
  CHECK(static_cast<bool>(rule.check()));
  auto const on = rule_runner(rule);
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    INFO("seed " << seed);
    auto const batch = batch_of(seed, most_responses);
    auto const o = options_of(seed);
    auto const want = testing::capture_view(seq, batch.view(), static_cast<std::size_t>(batch.slots()), written, o);
    for (std::size_t k = 0; k < on.executors(); ++k) {
      INFO(on.name(k));
      CHECK(unlike_runs(on.run(k, batch, o), want, batch.rows()).empty());
    }
  }
}

}  // namespace

TEST_CASE("rules of one token as data have the bits of those written out") {
  same_as_data("cispo", cispo({.low = 0.9, .high = 1.05}));
  same_as_data("sapo", sapo());
  same_as_data("drpo", drpo());
  same_as_data("spo", spo());
  same_as_data("gpg_loss", gpg_loss());
  same_as_data("dro", dro());
  same_as_data("ppo_clip", ppo_clip({.epsilon = 0.02, .dual_clip = 1.01}));
  same_as_data("ppo_rb", ppo_rb({.epsilon = 0.02}));
  same_as_data("tr_ppo", tr_ppo({.delta = 1e-3}));
  same_as_data("tr_ppo_rb", tr_ppo_rb({.delta = 1e-3}));
  same_as_data("truly_ppo", truly_ppo({.delta = 1e-3}));
  same_as_data("trgppo", trgppo({.delta = 1e-3, .epsilon = 0.01}));
  same_as_data("dppo_quadratic", dppo_quadratic({.delta_low = 0.01, .delta_high = 0.02}));
  same_as_data("dppo_quadratic_symmetric", dppo_quadratic_symmetric({.delta_high = 0.02}));
}
TEST_CASE("rules with penalties, soft gates and budgets as data have the bits of those written out") {
  same_as_data("kl_k1", ppo() + penalty(kl_k1(), 0.1));
  same_as_data("kl_k3_plus", softened(fixed_cppo(), reciprocal_gate) + penalty(kl_k3_plus(), 0.1));
  same_as_data("kl_abs", objective(calibrated_cppo(), clipped(0.99, 1.01)) + penalty(kl_abs(), 0.1) +
                             penalty(kl_k2(), 0.01));
  same_as_data("a region alone", softened(fixed_cppo({.delta = 0.01}), reciprocal_gate));
  same_as_data("reported", objective(reporting(ppo(), binary_kl), score_form(ratio)));
  same_as_data("comparisons", trust_region(binary_tv, linear_weight(0.5),
                                           toward_rollout | (at_most(weighted_divergence, 0.01) &
                                                             !at_least(log_ratio, above(0.02)) &
                                                             at_most(response(most(divergence)), 0.5))));
}
TEST_CASE("rules of responses as data have the bits of those written out") {
  same_as_data("gspo", gspo({.epsilon_low = 0.01, .epsilon_high = 0.01}));
  same_as_data("gmpo", gmpo({.log_low = 0.02, .log_high = 0.03}));
  same_as_data("vespo", vespo());
  same_as_data("opsm", opsm(0.001));
  same_as_data("trm_mean", trm_mean({.delta = 0.01}));
  same_as_data("trm_max", objective(trm_max({.delta = 0.1}), clipped(0.9, 1.1)));
  same_as_data("rejection", detail::keeping(rs_token_k2(0.01) & rs_seq_mean_k1(0.9, 1.1) & rs_seq_max_k3(0.1)));
  same_as_data("geometric_band", geometric_band(0.99, 1.01));
  same_as_data("normalized", correction(normalized_over_responses(sequence_ratio())));
}
TEST_CASE("rules of what comes before and after as data have the bits of those written out") {
  same_as_data("minpro", minpro());
  same_as_data("ctpo", ctpo());
  same_as_data("ctpo_geometric_in_band", ctpo_geometric_in_band());
  same_as_data("fipo", fipo({.half_life = 4}));
  same_as_data("from", objective(score_form(from(mean(ratio)) * from(most(log_ratio)))));
}
TEST_CASE("what depends on the position alone, found once for many responses, has the bits of each token's own") {
  using quantities::exp, quantities::log;
  auto const early = trust_region(no_divergence, uniform_weight, at_most(log(position_value), 2));
  auto const fading = exp(-0.02 * position_value);
  auto const weighed = response(sum(fading * clamped(log_ratio, -1, 1)));
  same_as_data("of positions",
               objective(early, score_form(fading + weighed)) + penalty(log(position_value) * log_ratio, fading), 24);
  same_as_data("ctpo of many", ctpo(), 24);
}
TEST_CASE("rules of the batch as data have the bits of those written out") {
  same_as_data("clip_cov", clip_cov({.share = 0.1, .low = 0.01}));
  same_as_data("kl_cov", kl_cov({.share = 0.1}));
  same_as_data("entropy_top", mean_over_kept(entropy_top()));
  same_as_data("entropy_top_quantile", entropy_top_quantile());
  same_as_data("m2po", m2po({.budget = 0.001}));
  same_as_data("m2po_mask", m2po_mask(0.001));
  same_as_data("vmpo", vmpo());
  same_as_data("deviation",
               objective(score_form((advantage - batch(mean(advantage))) / batch(deviation(advantage)))));
  same_as_data("variance", objective(score_form(response(population_variance(log_ratio)))));
  same_as_data("means", objective(score_form(batch(mean_of_others(ratio)) + response(weighted_mean(ratio, prob)))));
}

TEST_CASE("rules as data stand the check of regions: executors, bodies, cuts, permutations, a plain loop in double") {
  for (char const* const text : {
           "softened(fixed_cppo(0.02), reciprocal_gate) + penalty(kl_k3_plus(), 0.1)",
           "objective(calibrated_cppo(), clipped(0.95, 1.05, exp(response(mean(log_ratio)))))",
           "ctpo", "fipo(half_life = 3)", "kl_cov(share = 0.1)", "mean_over_kept(entropy_top)",
           "objective(score_form(response(kth_largest(ratio, share(0.3))) + batch(capped(abs(log_ratio), 0.01))))"}) {
    INFO(text);
    auto const p = parse_rule(text);
    INFO(std::string(p.error));
    REQUIRE(p.good);
    auto const checked = check_rule(p.rule, {.batches = 1});
    INFO(checked.message);
    CHECK(checked.ok);
  }
}

TEST_CASE("a number of the position alone has slope 0, whether it is found beforehand or at each token") {
  auto const of_position = exp(log(position_value - 1));  // its slope at t = 1 would be 0 / 0
  auto const rule = objective(ratio_form(of_position * ratio + response(mean(ratio))));
  std::vector<double> gradients[2];
  for (index_t const rows : {4, 8}) {  // of few tokens nothing is found beforehand
    auto const n = static_cast<std::size_t>(rows * 4);
    std::vector<double> pi(n), mu(n), a(n, 1.0);
    for (std::size_t i = 0; i < n; ++i) {
      mu[i] = -0.5 - 0.03125 * static_cast<double>(i % 4);
      pi[i] = -0.25 - 0.0625 * static_cast<double>(i % 4);
    }
    auto const b = rollout_batch(padded(rows, 4), log_prob(pi), rollout_log_prob(mu), advantage(a));
    auto const run = [&](auto const& executor, auto const& region) {
      std::vector<double> gradient(n);
      CHECK(policy_loss(executor, b, region, {.gradient = gradient}, {.aggregate = aggregation::token_sum}).ok());
      gradient.resize(16);
      return gradient;
    };
    std::vector<double> const found = run(seq, described_rule(rule));
    CHECK(std::none_of(found.begin(), found.end(), [](double x) { return std::isnan(x); }));
    CHECK(run(simd, described_rule(rule)) == found);
    gradients[rows / 8] = found;
  }
  CHECK(gradients[0] == gradients[1]);
}

TEST_CASE("numbers of the position alone have slope 0 beyond those that are found beforehand") {
  auto const rule = parse_rule("objective(ratio_form(ratio * (exp(log(position_value - 1)) + response(mean(ratio)) + "
                               "exp(log(2 * (position_value - 1))) + response(mean(ratio)) + "
                               "exp(log(3 * (position_value - 1))) + response(mean(ratio)) + "
                               "exp(log(4 * (position_value - 1))) + response(mean(ratio)) + "
                               "exp(log(5 * (position_value - 1))))))");
  INFO(rule.error.c_str());
  REQUIRE(rule.good);
  std::vector<double> pi(32, -0.5), mu(32, -0.625), a(32, 1.0), gradient(32);
  auto const b = rollout_batch(padded(8, 4), log_prob(pi), rollout_log_prob(mu), advantage(a));
  CHECK(policy_loss(seq, b, rule.rule, {.gradient = gradient}).ok());
  CHECK(std::none_of(gradient.begin(), gradient.end(), [](double x) { return std::isnan(x); }));
}
