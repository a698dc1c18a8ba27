// What is read out of logits, and written back into them, against the formulas.
#include "support/catch_compat.hpp"
#include "support/chosen_region.hpp"
#include "experience.hpp"
#include "plain_softmax.hpp"
#include "policy.hpp"
#include "random.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

using namespace trainer;
using trainer_test::softmax_of;

namespace {

constexpr Index tokens = 5, vocabulary = 61;
constexpr double temperature = 0.7;
std::vector<std::int32_t> const y = {0, 60, 17, 17, 33};

matrix<float> random_logits(std::uint64_t seed) {
  matrix<float> x(tokens, vocabulary);
  random_stream random({seed});
  for (Index t = 0; t < tokens; ++t) {
    for (Index v = 0; v < vocabulary; ++v) x(t, v) = static_cast<float>(2.0 * random.normal());
  }
  return x;
}

rollout_policy listed_policy_of(matrix<float> const& logits, std::vector<std::int32_t> const& ids, double at) {
  rollout_policy mu = rollout_policy_of(logits, ids, at);
  add_lists(mu, at);
  return mu;
}

struct two_policies {
  matrix<float> mu_logits = random_logits(1), pi_logits = random_logits(2);
  rollout_policy mu = listed_policy_of(mu_logits, y, temperature);
  trained_policy pi =
      trained_policy_of(pi_logits, y, temperature, mu, {.entropy = true, .full_divergences = true});
};

/// D of the tokens of one response, as a region on that divergence measures it.
std::vector<float> divergences(rollout_policy const& mu, trained_policy const& pi, std::vector<std::int32_t> const& ids,
                               evidence source, std::string_view divergence) {
  std::vector<experience> all(1);
  all[0].tokens = {ids, 1};
  all[0].mu = mu;
  std::size_t const picked[] = {0};
  std::vector<trained_policy> const now = {pi};
  lent_minibatch const lent(all, picked, now, source);
  std::vector<float> d(lent.slots());
  dispatch::region_or_rule const region = cppo_test::described({.region = "dppo", .divergence = divergence});
  REQUIRE(dispatch::policy_loss(dispatch::executor::seq, lent.lend(), region, {.trace = {.divergence = d}}).ok());
  return d;
}

/// The ids, the likeliest first.
std::vector<std::size_t> ranked(std::vector<double> const& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
  return order;
}

/// 1/2 sum |pi - mu| over the ids in `apart`, and over all others as one.
double tv_over(std::vector<double> const& mu, std::vector<double> const& pi, std::vector<std::size_t> apart) {
  std::sort(apart.begin(), apart.end());
  apart.erase(std::unique(apart.begin(), apart.end()), apart.end());
  double sum = 0.0, mu_rest = 1.0, pi_rest = 1.0;
  for (std::size_t const v : apart) {
    sum += std::abs(pi[v] - mu[v]);
    mu_rest -= mu[v];
    pi_rest -= pi[v];
  }
  return 0.5 * (sum + std::abs(pi_rest - mu_rest));
}

}  // namespace

TEST_CASE("log-probs, lists, entropy and full divergences are those of the softmax at the temperature") {
  two_policies const both;
  for (std::size_t t = 0; t < y.size(); ++t) {
    std::vector<double> const mu = softmax_of(both.mu_logits.row(static_cast<Index>(t)), temperature);
    std::vector<double> const pi = softmax_of(both.pi_logits.row(static_cast<Index>(t)), temperature);
    auto const id = static_cast<std::size_t>(y[t]);
    CHECK(std::abs(static_cast<double>(both.mu.log_prob[t]) - std::log(mu[id])) < 4e-6);
    CHECK(std::abs(static_cast<double>(both.pi.log_prob[t]) - std::log(pi[id])) < 4e-6);
    std::vector<std::size_t> const order = ranked(mu);
    for (std::size_t j = 0; j < static_cast<std::size_t>(listed); ++j) {
      std::size_t const at = t * static_cast<std::size_t>(listed) + j;
      CHECK(both.mu.list_id[at] == static_cast<std::int32_t>(order[j]));
      CHECK(std::abs(static_cast<double>(both.mu.list_log_prob[at]) - std::log(mu[order[j]])) < 4e-6);
      CHECK(std::abs(static_cast<double>(both.pi.list_log_prob[at]) - std::log(pi[order[j]])) < 4e-6);
    }
    double tv = 0.0, kl = 0.0, entropy = 0.0;
    for (std::size_t v = 0; v < mu.size(); ++v) {
      tv += 0.5 * std::abs(pi[v] - mu[v]);
      kl += mu[v] * std::log(mu[v] / pi[v]);
      entropy -= pi[v] * std::log(pi[v]);
    }
    CHECK(std::abs(static_cast<double>(both.pi.full_tv[t]) - tv) < 5e-6);
    CHECK(std::abs(static_cast<double>(both.pi.full_kl[t]) - kl) < 5e-5);
    CHECK(std::abs(static_cast<double>(both.pi.entropy[t]) - entropy) < 1e-4);
  }
}

TEST_CASE("the gradient that replaces logits is that of the log-probs of the sampled ids") {
  two_policies both;
  std::vector<float> const slope = {0.5F, -1.25F, 0.0F, 2.0F, -0.125F};
  matrix<float> gradient = both.pi_logits;
  replace_by_gradient(gradient, y, temperature, both.pi.log_sum_exp, slope);
  for (Index t = 0; t < tokens; ++t) {
    std::vector<double> const pi = softmax_of(both.pi_logits.row(t), temperature);
    for (Index v = 0; v < vocabulary; ++v) {
      double const sampled = y[static_cast<std::size_t>(t)] == v ? 1.0 : 0.0;
      double const of_logit = (sampled - pi[static_cast<std::size_t>(v)]) / temperature;
      double const expected = static_cast<double>(slope[static_cast<std::size_t>(t)]) * of_logit;
      CHECK(std::abs(static_cast<double>(gradient(t, v)) - expected) < 2e-6);
    }
  }
}

TEST_CASE("Binary, Top-K and full total variation are lent for the same tokens, each at most the next") {
  two_policies const both;
  std::vector<std::int32_t> const ids = {7, 0, 60, 17, 17, 33};
  auto const binary = divergences(both.mu, both.pi, ids, evidence::log_probs, "binary_tv");
  auto const top_k = divergences(both.mu, both.pi, ids, evidence::top_k, "top_k_tv");
  auto const full = divergences(both.mu, both.pi, ids, evidence::exact_tv, "precomputed");
  for (std::size_t t = 0; t < y.size(); ++t) {
    auto const row = static_cast<Index>(t);
    std::vector<double> const mu = softmax_of(both.mu_logits.row(row), temperature);
    std::vector<double> const now = softmax_of(both.pi_logits.row(row), temperature);
    auto const id = static_cast<std::size_t>(y[t]);
    std::vector<std::size_t> apart = ranked(mu);
    apart.resize(static_cast<std::size_t>(listed));
    apart.push_back(id);
    CHECK(std::abs(static_cast<double>(binary[t]) - tv_over(mu, now, {id})) < 5e-6);
    CHECK(std::abs(static_cast<double>(top_k[t]) - tv_over(mu, now, apart)) < 5e-6);
    CHECK(binary[t] < top_k[t]);
    CHECK(top_k[t] < full[t]);
  }
}

TEST_CASE("a vocabulary smaller than a list leaves entries empty, and Top-K is then full") {
  matrix<float> mu_logits(1, 3), pi_logits(1, 3);
  mu_logits << 1.0F, 0.5F, -2.0F;
  pi_logits << 0.0F, 0.75F, -1.0F;
  std::vector<std::int32_t> const id = {2};
  rollout_policy const mu = listed_policy_of(mu_logits, id, 1.0);
  CHECK(mu.list_id[2] == 2);
  CHECK(std::count(mu.list_id.begin(), mu.list_id.end(), -1) == listed - 3);
  trained_policy const pi = trained_policy_of(pi_logits, id, 1.0, mu, {.full_divergences = true});
  CHECK(std::abs(divergences(mu, pi, {1, 2}, evidence::top_k, "top_k_tv")[0] - pi.full_tv[0]) < 5e-6F);
}

TEST_CASE("logits without log-probs are refused with their place") {
  matrix<float> x = random_logits(3);
  x(2, 4) = std::nanf("");
  CHECK_THROWS_AS(rollout_policy_of(x, y, 1.0), std::runtime_error);
  two_policies const both;
  CHECK_THROWS_WITH(trained_policy_of(x, y, 1.0, both.mu), cppo_test::contains("token 2"));
}
