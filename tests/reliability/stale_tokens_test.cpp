// Stale tokens of a resumed response, masked or weighed by 0; and how near ratio_cap comes to dual clip.
#include "support/catch_compat.hpp"

#include <cppo/cppo.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace {

using namespace cppo;

constexpr std::size_t stale = 5, tokens = 12;
using row = std::array<double, tokens>;

struct resumed {
  row pi, mu, advantage, weight, drift, mask, gradient;
  report sums;
  resumed() {
    for (std::size_t i = 0; i < tokens; ++i) {
      pi[i] = -0.4 - 0.03 * static_cast<double>(i * 5 % 7);
      mu[i] = pi[i] - 0.02 - 0.01 * static_cast<double>(i * 3 % 5);
      advantage[i] = 1.0;
    }
  }
  auto inputs() const {
    return rollout_batch(padded(1, tokens), log_prob(pi), rollout_log_prob(mu), cppo::advantage(advantage));
  }
  template <class Batch>
  resumed& call(Batch const& batch, loss_options const& o = {}) {
    auto const region = fixed_cppo({.delta = 0.05, .delta_b = 0.02, .w_min = 0.5});
    loss_outputs const out{
        .gradient = gradient, .mask = mask, .trace = {.weight = weight, .prefix_drift = drift}, .report = &sums};
    REQUIRE(policy_loss(seq, batch, region, out, o).ok());
    return *this;
  }
};

}  // namespace

TEST_CASE("F41: a token weighed by 0 keeps its position and its drift, and teaches nothing", "[reliability]") {
  resumed whole, weighed;
  std::array<float, tokens> teaches{};
  for (std::size_t i = stale; i < tokens; ++i) teaches[i] = 1.0F;
  whole.call(whole.inputs());
  weighed.call(rollout_batch(padded(1, tokens), log_prob(whole.pi), rollout_log_prob(whole.mu),
                             advantage(whole.advantage), token_weight(teaches)));
  CHECK(weighed.weight == whole.weight);
  CHECK(weighed.drift == whole.drift);
  CHECK(weighed.mask == whole.mask);
  for (std::size_t i = 0; i < tokens; ++i) CHECK(weighed.gradient[i] == (i < stale ? 0.0 : whole.gradient[i]));
  CHECK(whole.gradient[0] != 0.0);
  CHECK(whole.drift[stale] > 0.0);
  CHECK(weighed.sums.counts.tokens == tokens);
  CHECK(weighed.sums.kept == whole.sums.kept);
  CHECK(weighed.sums.teaching_tokens == tokens - stale);
}

TEST_CASE("F41: a masked token takes no position, adds no drift and is not read", "[reliability]") {
  resumed masked, alone;
  std::array<bool, tokens> sampled{};
  for (std::size_t i = stale; i < tokens; ++i) sampled[i] = true;
  for (std::size_t i = 0; i < stale; ++i) masked.mu[i] = std::numeric_limits<double>::quiet_NaN();
  masked.call(rollout_batch(padded(1, tokens), log_prob(masked.pi), rollout_log_prob(masked.mu),
                            advantage(masked.advantage), response_mask(sampled)));
  // The newer tokens are a response of their own.
  auto const rest = [](row const& x) { return x.data() + stale; };
  row weight{}, drift{}, mask{}, gradient{};
  auto const newer = rollout_batch(padded(1, tokens - stale), log_prob(rest(alone.pi)),
                                   rollout_log_prob(rest(alone.mu)), advantage(rest(alone.advantage)));
  REQUIRE(policy_loss(seq, newer, fixed_cppo({.delta = 0.05, .delta_b = 0.02, .w_min = 0.5}),
                      {.gradient = gradient.data(), .mask = mask.data(),
                       .trace = {.weight = weight.data(), .prefix_drift = drift.data()}}).ok());
  for (std::size_t i = stale; i < tokens; ++i) {
    CHECK(masked.weight[i] == weight[i - stale]);
    CHECK(masked.drift[i] == drift[i - stale]);
    CHECK(masked.mask[i] == mask[i - stale]);
    CHECK(masked.gradient[i] == gradient[i - stale]);
  }
  for (std::size_t i = 0; i < stale; ++i) CHECK(masked.gradient[i] == 0.0);
  CHECK(masked.sums.counts.tokens == tokens - stale);
}

TEST_CASE("F41: token_mean divides by tokens of weight 0 too, unless a normalizer says by what", "[reliability]") {
  resumed r, sum;
  std::array<float, tokens> teaches{};
  for (std::size_t i = stale; i < tokens; ++i) teaches[i] = 1.0F;
  auto const batch = rollout_batch(padded(1, tokens), log_prob(r.pi), rollout_log_prob(r.mu), advantage(r.advantage),
                                   token_weight(teaches));
  sum.call(batch);
  for (double const normalizer : {0.0, static_cast<double>(tokens - stale)}) {
    r.call(batch, {.aggregate = aggregation::token_mean, .normalizer = normalizer});
    double const divisor = normalizer > 0.0 ? normalizer : static_cast<double>(tokens);
    for (std::size_t i = 0; i < tokens; ++i) CHECK(std::fabs(r.gradient[i] - sum.gradient[i] / divisor) < 1e-15);
  }
}

TEST_CASE("F41: under ppo a cap on the ratio has the gradients of dual clip, elsewhere it stops gains too",
          "[reliability]") {
  constexpr double c = 3.0, low = 0.8, high = 1.2;
  std::vector<double> pi, mu, advantage;
  for (double const rho : {0.3, 0.79, 0.81, 1.0, 1.19, 1.21, 2.9, 3.1, 40.0}) {
    for (double const a : {-1.5, 0.7}) {
      mu.push_back(-4.0);
      pi.push_back(-4.0 + std::log(rho));
      advantage.push_back(a);
    }
  }
  auto const batch = rollout_batch(padded(1, static_cast<index_t>(pi.size())), log_prob(pi), rollout_log_prob(mu),
                                   cppo::advantage(advantage));
  loss_options capped;
  capped.surrogate.ratio_cap = c;
  std::vector<double> clipped(pi.size()), free(pi.size());
  REQUIRE(policy_loss(seq, batch, ppo(), {.gradient = clipped}, capped).ok());
  REQUIRE(policy_loss(seq, batch, unrestricted(), {.gradient = free}, capped).ok());
  for (std::size_t i = 0; i < pi.size(); ++i) {
    double const rho = std::exp(pi[i] - mu[i]), a = advantage[i];
    // -max(min(rho A, clip(rho) A), c A) for A < 0, -min(rho A, clip(rho) A) for A > 0
    bool const flat = a < 0.0 ? rho < low || rho > c : rho > high;
    CHECK(std::fabs(clipped[i] - (flat ? 0.0 : -rho * a)) < 1e-12);
    // Without a clip, dual clip would stop losses alone; the cap stops both.
    CHECK(std::fabs(free[i] - (rho > c ? 0.0 : -rho * a)) < 1e-12);
  }
}
