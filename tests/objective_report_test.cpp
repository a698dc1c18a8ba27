// Every field of the report against a recount from what the call wrote for each token.
#include "catch_compat.hpp"
#include "lane_recount.hpp"
#include "same_run.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/policy.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

#include <cmath>

namespace {

using cppo::index_t;
using cppo::report;
using namespace cppo::testing;

// A recount with plain loops.
struct recount {
  report r;
  double absolute_loss = 0.0;
};

recount count_again(generated_batch<float> const& batch, captured_run<float> const& run, double clamp, double cap) {
  recount c;
  report& r = c.r;
  bool first_token = true;
  for (index_t b = 0; b < batch.responses; ++b) {
    std::vector<index_t> const slots = batch.row(b, true);
    auto const n = static_cast<index_t>(slots.size());
    if (n > 0) ++r.counts.responses;
    cppo_test::lane_recount loss, divergence, weighted, gate;
    for (index_t rank = 0; rank < n; ++rank) {
      auto const s = static_cast<std::size_t>(slots[static_cast<std::size_t>(rank)]);
      auto const value = [&](captured what) { return static_cast<double>(run[what][s]); };
      ++r.counts.tokens;
      bool const kept = value(captured::mask) == 1.0;
      auto const why = static_cast<cppo::decision>(static_cast<int>(value(captured::decision)));
      CHECK(kept == (why == cppo::decision::kept || why == cppo::decision::kept_toward));
      r.kept += kept ? 1 : 0;
      r.kept_toward += why == cppo::decision::kept_toward ? 1 : 0;
      r.masked_ratio += why == cppo::decision::masked_ratio ? 1 : 0;
      r.masked_divergence += why == cppo::decision::masked_divergence ? 1 : 0;
      r.masked_budget += why == cppo::decision::masked_budget ? 1 : 0;
      r.masked_response += why == cppo::decision::masked_response ? 1 : 0;
      r.masked_other += why == cppo::decision::masked_other ? 1 : 0;
      double const d = static_cast<double>(batch.log_prob[s]) - static_cast<double>(batch.rollout_log_prob[s]);
      double const used = std::min(std::max(d, -clamp), clamp);
      double const rho = std::exp(used);
      r.clamped += std::fabs(d) > clamp ? 1 : 0;
      r.capped += cap > 0.0 && rho > cap ? 1 : 0;
      auto const bin = static_cast<int>(20 * rank / n);
      ++r.position_tokens[bin];
      r.position_masked[bin] += kept ? 0 : 1;
      loss.add(rank, run[captured::loss][s]);
      c.absolute_loss += std::fabs(value(captured::loss));
      divergence.add(rank, run[captured::divergence][s]);
      double const score = value(captured::divergence);
      r.max_divergence = first_token ? score : std::max(r.max_divergence, score);
      first_token = false;
      weighted.add(rank, run[captured::weighted_divergence][s]);
      gate.add(rank, run[captured::gate][s]);
      r.sum_ratio += rho;
      r.max_ratio = std::max(r.max_ratio, rho);
      r.sum_k1 -= used;
      r.sum_k3 += std::expm1(used) - used;
    }
    r.loss += loss.sum();
    r.sum_divergence += divergence.sum();
    r.sum_weighted += weighted.sum();
    r.sum_gate += gate.sum();
  }
  return c;
}

void check_near(double got, double want, double tolerance, double scale) {
  CHECK(std::fabs(got - want) <= tolerance * (1.0 + std::fabs(scale)));
}

// Counts to the unit, sums within `tolerance`.
void check_equal(report const& got, recount const& plain, double tolerance) {
  report const& want = plain.r;
  CHECK(got.counts.tokens == want.counts.tokens);
  CHECK(got.counts.responses == want.counts.responses);
  CHECK(got.kept == want.kept);
  CHECK(got.kept_toward == want.kept_toward);
  CHECK(got.masked_ratio == want.masked_ratio);
  CHECK(got.masked_divergence == want.masked_divergence);
  CHECK(got.masked_budget == want.masked_budget);
  CHECK(got.masked_response == want.masked_response);
  CHECK(got.masked_other == want.masked_other);
  CHECK(got.clamped == want.clamped);
  CHECK(got.capped == want.capped);
  CHECK(got.masked() == want.counts.tokens - want.kept);
  for (int i = 0; i < report::bins; ++i) {
    CHECK(got.position_tokens[i] == want.position_tokens[i]);
    CHECK(got.position_masked[i] == want.position_masked[i]);
  }
  check_near(got.loss, want.loss, 1e-12, plain.absolute_loss);
  check_near(got.sum_divergence, want.sum_divergence, 1e-12, want.sum_divergence);
  CHECK(got.max_divergence == want.max_divergence);
  check_near(got.sum_weighted, want.sum_weighted, 1e-12, want.sum_weighted);
  check_near(got.sum_gate, want.sum_gate, 1e-12, want.sum_gate);
  check_near(got.sum_ratio, want.sum_ratio, tolerance, want.sum_ratio);
  check_near(got.max_ratio, want.max_ratio, tolerance, want.max_ratio);
  check_near(got.sum_k1, want.sum_k1, tolerance, static_cast<double>(want.counts.tokens));
  check_near(got.sum_k3, want.sum_k3, tolerance, want.sum_ratio);
}

template <class F>
void each_region(F const& f) {
  f(cppo::fixed_cppo());
  f(cppo::ppo());
  f(softened(cppo::calibrated_cppo(), cppo::reciprocal_gate));
  f(cppo::trm_mean());
  f(cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, !cppo::divergence_within(0.01)));
}

}  // namespace

TEST_CASE("every field of the report equals a plain recount") {
  report seen;
  each_region([&](auto const& region) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      double const cap = seed % 2 == 0 ? 1.25 : 0.0;
      INFO("seed " << seed);
      auto const run = capture(cppo::seq, batch, region, {.surrogate = {.ratio_cap = cap}});
      check_equal(run.diagnostics, count_again(batch, run, 20.0, cap), 2e-6);
      seen = seen + run.diagnostics;
    }
  });
  // Nothing of it stayed untried.
  CHECK(seen.kept > 0);
  CHECK(seen.kept_toward > 0);
  CHECK(seen.masked_ratio > 0);
  CHECK(seen.masked_divergence > 0);
  CHECK(seen.masked_budget > 0);
  CHECK(seen.masked_response > 0);
  CHECK(seen.masked_other > 0);
  CHECK(seen.clamped > 0);
  CHECK(seen.capped > 0);
}

TEST_CASE("each mean is its sum over its count") {
  generated_batch<float> const batch = generate<float>(12, {.max_length = 60});
  report const r = capture(cppo::seq, batch, softened(cppo::fixed_cppo(), cppo::reciprocal_gate), {}).diagnostics;
  auto const n = static_cast<double>(r.counts.tokens);
  REQUIRE(n > 10.0);
  CHECK(r.masked_fraction() == static_cast<double>(r.masked()) / n);
  CHECK(r.toward_fraction() == static_cast<double>(r.kept_toward) / n);
  CHECK(r.mean_divergence() == r.sum_divergence / n);
  CHECK(r.mean_weighted() == r.sum_weighted / n);
  CHECK(r.mean_ratio() == r.sum_ratio / n);
  CHECK(r.mean_gate() == r.sum_gate / n);
  CHECK(r.kl_k1() == r.sum_k1 / n);
  CHECK(r.kl_k3() == r.sum_k3 / n);
  CHECK(r.mean_delta_b() == r.sum_delta_b / static_cast<double>(r.counts.responses));
}

TEST_CASE("the histogram puts position t of T into bin floor(20 (t - 1)/T)") {
  index_t const length = GENERATE(1, 2, 19, 20, 21, 40, 61);
  std::vector<float> const pi(static_cast<std::size_t>(length), -0.1F), mu(pi.size(), -1.0F), a(pi.size(), 1.0F);
  std::vector<std::int64_t> const offsets{0, length};
  report r;
  auto const batch = cppo::rollout_batch(cppo::packed(offsets), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &r}).ok());
  std::vector<index_t> want(report::bins, 0);
  for (index_t t = 1; t <= length; ++t) {
    ++want[static_cast<std::size_t>(std::floor(20.0 * static_cast<double>(t - 1) / static_cast<double>(length)))];
  }
  for (int i = 0; i < report::bins; ++i) {
    CHECK(r.position_tokens[i] == want[static_cast<std::size_t>(i)]);
    CHECK(r.position_masked[i] == want[static_cast<std::size_t>(i)]);
    CHECK(r.masked_fraction_at(i) == (want[static_cast<std::size_t>(i)] > 0 ? 1.0 : 0.0));
  }
}

TEST_CASE("the report of a whole batch is the sum of its parts' reports") {
  auto const region = cppo::calibrated_cppo();
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    generated_batch<float> const batch = generate<float>(seed);
    report const whole = capture(cppo::seq, batch, region, {}).diagnostics;
    index_t const half = batch.responses / 2;
    slot_rows const rows = batch.rows();
    auto const part = [&](index_t from, index_t to) {
      slot_rows const some(rows.begin() + from, rows.begin() + to);
      return capture(cppo::seq, rearranged(batch, some, true).batch, region, {}).diagnostics;
    };
    report const sum = part(0, half) + part(half, batch.responses);
    INFO("seed " << seed);
    CHECK(sum.counts.tokens == whole.counts.tokens);
    CHECK(sum.counts.responses == whole.counts.responses);
    CHECK(sum.kept == whole.kept);
    CHECK(sum.kept_toward == whole.kept_toward);
    CHECK(sum.masked_divergence == whole.masked_divergence);
    CHECK(sum.masked_budget == whole.masked_budget);
    CHECK(sum.clamped == whole.clamped);
    for (int i = 0; i < report::bins; ++i) {
      CHECK(sum.position_tokens[i] == whole.position_tokens[i]);
      CHECK(sum.position_masked[i] == whole.position_masked[i]);
    }
    CHECK(sum.max_divergence == whole.max_divergence);
    CHECK(sum.max_ratio == whole.max_ratio);
    CHECK(sum.min_delta_b == whole.min_delta_b);
    CHECK(sum.max_delta_b == whole.max_delta_b);
    auto const near = [](double x, double y, double scale) { return std::fabs(x - y) <= 1e-12 * scale; };
    CHECK(near(sum.loss, whole.loss, 1.0 + whole.sum_ratio * 10.0));
    CHECK(near(sum.sum_divergence, whole.sum_divergence, whole.sum_divergence));
    CHECK(near(sum.sum_weighted, whole.sum_weighted, whole.sum_weighted));
    CHECK(near(sum.sum_gate, whole.sum_gate, whole.sum_gate));
    CHECK(near(sum.sum_ratio, whole.sum_ratio, whole.sum_ratio));
    CHECK(near(sum.sum_k1, whole.sum_k1, 1.0 + 100.0 * static_cast<double>(whole.counts.tokens)));
    CHECK(near(sum.sum_k3, whole.sum_k3, 1.0 + whole.sum_ratio));
    CHECK(near(sum.sum_delta_b, whole.sum_delta_b, whole.sum_delta_b));
  }
}

TEST_CASE("an empty report is the neutral element of the sum") {
  report const r = capture(cppo::seq, generate<float>(3), cppo::calibrated_cppo(), {}).diagnostics;
  REQUIRE(r.counts.tokens > 0);
  CHECK(cppo_test::unlike(r + report{}, r) == "");
  CHECK(cppo_test::unlike(report{} + r, r) == "");
}

TEST_CASE("the budget-mask share counts what only the prefix budget rejects") {
  // delta 0.5, delta_b 0: token 1 spends 0.5, tokens 2 and 3 fit the threshold but not the budget, token 4 neither,
  // token 5 moves toward the rollout.
  std::vector<double> const pi{-0.5, -0.5, -0.5, -0.5, -1.5}, mu(5, -1.0), a(5, 1.0), d{0.5, 0.25, 0.125, 0.75, 0.5};
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(1, 5), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::divergence_values(d));
  auto const region = cppo::fixed_cppo({.delta = 0.5, .delta_b = 0.0, .w_min = 1.0}, cppo::precomputed);
  REQUIRE(policy_loss(cppo::seq, batch, region, {.report = &r}).ok());
  CHECK(r.kept == 2);
  CHECK(r.kept_toward == 1);
  CHECK(r.masked_budget == 2);
  CHECK(r.masked_divergence == 1);
  CHECK(r.budget_mask_share() == 2.0 / 3.0);
  CHECK(r.masked_fraction() == 0.6);
}

TEST_CASE("the range of delta_b is that of the responses with a token") {
  // P90 of responses of one token is that token: 0.01 (floor), 0.03, 0.9 (ceiling); the fourth response is empty.
  std::vector<double> const pi(4, -0.5), mu(4, -1.0), a(4, 1.0), d{0.03, 0.9, 0.01, 0.5};
  std::vector<std::uint8_t> const valid{1, 1, 1, 0};
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(4, 1), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::divergence_values(d), cppo::response_mask(valid));
  auto const region = cppo::calibrated_cppo({.delta = 0.15, .delta_b = 0.02}, cppo::precomputed);
  REQUIRE(policy_loss(cppo::seq, batch, region, {.report = &r}).ok());
  CHECK(r.min_delta_b == 0.02);
  CHECK(r.max_delta_b == 0.04);
  CHECK(r.mean_delta_b() == cppo_test::approx((0.02 + 0.03 + 0.04) / 3.0).epsilon(1e-15));
}

TEST_CASE("under a soft gate the mean gate lies above the kept share") {
  std::vector<double> const pi(2, -0.5), mu(2, -1.0), a(2, 1.0), d{0.25, 1.0};
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(2, 1), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::divergence_values(d));
  auto const region = softened(cppo::dppo({.delta = 0.5}, cppo::precomputed), cppo::reciprocal_gate);
  REQUIRE(policy_loss(cppo::seq, batch, region, {.report = &r}).ok());
  CHECK(r.kept == 1);
  CHECK(r.mean_gate() == 0.75);  // 1, and 1/x at x = 1/0.5
}

TEST_CASE("bad input is counted in the report") {
  std::vector<float> const pi{-1.0F, std::numeric_limits<float>::quiet_NaN(), -1.0F, 1.0F}, mu(4, -1.0F), a(4, 1.0F);
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  auto const with = [&](cppo::on_bad_input how) {
    cppo::status const s = policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &r}, {.bad_input = how});
    return s.count;
  };
  CHECK(with(cppo::on_bad_input::reject) == 2);
  CHECK(r.rejected_responses == 2);
  CHECK(r.bad_tokens == 2);
  CHECK(r.counts.tokens == 0);
  CHECK(with(cppo::on_bad_input::exclude) == 2);
  CHECK(r.rejected_responses == 0);
  CHECK(r.bad_tokens == 2);
  CHECK(r.counts.tokens == 2);
}

TEMPLATE_TEST_CASE("k3 in a report does not cancel where pi is close to mu", "", float, double) {
  double const tolerance = std::is_same_v<TestType, float> ? 5e-7 : 1e-15;
  random_source random(8);
  for (double const size : {1e-6, 1e-5, 3e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.45}) {
    std::vector<TestType> mu, pi;
    std::vector<TestType> const a(1000, TestType(1));
    long double want = 0.0L;
    for (std::size_t i = 0; i < a.size(); ++i) {
      mu.push_back(static_cast<TestType>(-0.5 - random.uniform()));
      pi.push_back(static_cast<TestType>(static_cast<double>(mu[i]) + random.uniform(-size, size)));
      auto const d = static_cast<long double>(pi[i] - mu[i]);
      want += std::expm1(d) - d;
    }
    if (size < 1e-3) {  // expm1(d) - d loses digits itself: d^2/2 + d^3/6
      want = 0.0L;
      for (std::size_t i = 0; i < a.size(); ++i) {
        auto const d = static_cast<long double>(pi[i] - mu[i]);
        want += d * d * (0.5L + d * (1.0L / 6 + d / 24));
      }
    }
    auto const batch = cppo::rollout_batch(cppo::padded(1, 1000), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                           cppo::advantage(a));
    report plain, fast;
    REQUIRE(policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &plain}).ok());
    REQUIRE(policy_loss(cppo::simd, batch, cppo::dppo(), {.report = &fast}).ok());
    INFO("size " << size);
    CHECK(plain.sum_k3 == cppo_test::approx(static_cast<double>(want)).epsilon(tolerance));
    CHECK(fast.sum_k3 == plain.sum_k3);
  }
}

TEST_CASE("bins and counts stay in range where there is nothing to count") {
  using cppo::detail::position_bin;
  CHECK(position_bin(1, 0) == 0);
  CHECK(position_bin(20, 20) == 19);
  CHECK(position_bin(21, 20) == 19);  // past a horizon
  cppo::report r;
  cppo::detail::count_decision(r, cppo::decision::excluded, 5);
  cppo::detail::count_decision(r, static_cast<cppo::decision>(99), 5);
  CHECK(r.kept + r.kept_toward + r.masked_ratio + r.masked_divergence + r.masked_budget + r.masked_response +
            r.masked_other == 0);
}
