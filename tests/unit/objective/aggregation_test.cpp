// The five ways to make one number of token losses, against their formulas.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

#include <cmath>
#include <numeric>

namespace {

using cppo::index_t;
using namespace cppo::testing;

constexpr cppo::aggregation all_ways[] = {cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum,
                                          cppo::seq_mean_token_mean, cppo::seq_mean_token_sum_norm};

// Unscaled token losses by response, valid tokens only.
using token_losses = std::vector<std::vector<double>>;

double sum(std::vector<double> const& x) { return std::accumulate(x.begin(), x.end(), 0.0); }

// The loss as its name says; responses without a token are left aside.
double written_out(cppo::aggregation how, token_losses const& all, double horizon) {
  double total = 0.0, tokens = 0.0, responses = 0.0, means = 0.0;
  for (std::vector<double> const& one : all) {
    if (one.empty()) continue;
    auto const n = static_cast<double>(one.size());
    total += sum(one);
    means += sum(one) / n;
    tokens += n;
    responses += 1.0;
  }
  if (responses == 0.0) return 0.0;
  switch (how) {
    case cppo::token_sum: return total;
    case cppo::token_mean: return total / tokens;
    case cppo::seq_mean_token_sum: return total / responses;
    case cppo::seq_mean_token_mean: return means / responses;
    case cppo::seq_mean_token_sum_norm: return total / responses / horizon;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double magnitude(token_losses const& all) {
  double m = 0.0;
  for (auto const& one : all) {
    for (double const x : one) m += std::fabs(x);
  }
  return m;
}

template <class T>
token_losses by_response(generated_batch<T> const& batch, captured_run<double> const& run) {
  token_losses all;
  for (index_t b = 0; b < batch.responses; ++b) {
    all.emplace_back();
    for (index_t const s : batch.token_row(b)) {
      all.back().push_back(run[captured::loss][static_cast<std::size_t>(s)]);
    }
  }
  return all;
}

}  // namespace

TEST_CASE("every aggregation equals its formula, empty responses included") {
  auto const region = cppo::fixed_cppo();
  int with_empty = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    generated_batch<double> const batch = generate<double>(seed);
    auto const plain = capture(cppo::seq, batch, region, {});
    token_losses const losses = by_response(batch, plain);
    for (auto const& one : losses) with_empty += one.empty() ? 1 : 0;
    for (cppo::aggregation const how : all_ways) {
      auto const run = capture(cppo::seq, batch, region, {.aggregate = how, .horizon = 64});
      INFO("seed " << seed << ", aggregation " << static_cast<int>(how));
      double const want = written_out(how, losses, 64.0);
      double const scale = magnitude(losses) + 1e-300;
      CHECK(std::fabs(run.report.loss() - want) <= 1e-12 * scale);
      // The token losses that come out add up to it.
      double total = 0.0;
      for (auto const& one : by_response(batch, run)) total += sum(one);
      CHECK(std::fabs(total - want) <= 1e-12 * scale);
    }
  }
  CHECK(with_empty > 30);
}

TEST_CASE("F14: a batch without a token has loss 0 under every aggregation, and says so") {
  auto const how = GENERATE(cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean,
                            cppo::seq_mean_token_sum_norm);
  std::vector<float> const nan(6, std::numeric_limits<float>::quiet_NaN());
  std::vector<std::uint8_t> const none(6, 0);
  std::vector<float> loss(6, 7.0F), gradient(6, 7.0F);
  cppo::report r;
  auto const batch = cppo::rollout_batch(cppo::padded(2, 3), cppo::log_prob(nan), cppo::rollout_log_prob(nan),
                                         cppo::advantage(nan), cppo::response_mask(none));
  auto const outcome = policy_loss(cppo::seq, batch, cppo::fixed_cppo(),
                                   {.loss = loss, .gradient = gradient, .report = &r},
                                   {.aggregate = how, .horizon = 3});
  CHECK(outcome.ok());
  CHECK(outcome.code == cppo::status_code::no_active_tokens);
  CHECK(same_bits(r.loss(), 0.0));
  CHECK(r.masked_fraction() == 0.0);
  CHECK(r.mean_divergence() == 0.0);
  for (float const x : loss) CHECK(same_bits(x, 0.0F));
  for (float const x : gradient) CHECK(same_bits(x, 0.0F));
}

TEST_CASE("nothing is divided by 0: counts of 0 divide by 1, and an empty response has scale 0") {
  for (cppo::aggregation const how : all_ways) {
    CHECK(cppo::divisor(how, {0, 0}) == 1.0);
    CHECK(cppo::divisor(how, {1, 1}) == 1.0);
    CHECK(cppo::divisor(how, {7, 3}) == (how == cppo::token_sum ? 1.0 : how == cppo::token_mean ? 7.0 : 3.0));
  }
  CHECK(cppo::scale_of(cppo::seq_mean_token_mean, 4.0, 0, 8.0) == 0.0);
  CHECK(cppo::scale_of(cppo::seq_mean_token_mean, 4.0, 1, 8.0) == 0.25);
  CHECK(cppo::scale_of(cppo::seq_mean_token_mean, 4.0, 2, 8.0) == 0.125);
  CHECK(cppo::scale_of(cppo::seq_mean_token_sum_norm, 4.0, 2, 8.0) == 1.0 / 32.0);
  CHECK(cppo::scale_of(cppo::token_mean, 4.0, 2, 8.0) == 0.25);
}

TEST_CASE("a batch of no slots or of no responses has loss 0") {
  cppo::report r;
  auto const empty = [&](cppo::layout const& l) {
    float const* const none = nullptr;
    r.sum_loss = 7.0;
    auto const batch =
        cppo::rollout_batch(l, cppo::log_prob(none), cppo::rollout_log_prob(none), cppo::advantage(none));
    return policy_loss(cppo::seq, batch, cppo::fixed_cppo(), {.report = &r}, {.aggregate = cppo::token_mean}).code;
  };
  std::vector<std::int64_t> const offsets{0, 0, 0};
  for (cppo::layout const& l :
       {cppo::padded(0, 0), cppo::padded(0, 5), cppo::padded(3, 0), cppo::layout(cppo::packed(offsets))}) {
    CHECK(empty(l) == cppo::status_code::no_active_tokens);
    CHECK(same_bits(r.loss(), 0.0));
    CHECK(r.counts.tokens == 0);
  }
}

TEST_CASE("a rejected response is not counted by any mean") {
  auto const how = GENERATE(cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean);
  std::vector<double> const pi{-1.0, -1.0, -1.0, std::numeric_limits<double>::quiet_NaN()}, mu(4, -1.0), a(4, 1.0);
  cppo::report r;
  auto const batch = cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  CHECK_FALSE(policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &r}, {.aggregate = how}).ok());
  CHECK(r.loss() == (how == cppo::seq_mean_token_sum ? -2.0 : -1.0));
}

TEST_CASE("with a given normalizer, micro-batches give every token the bits of the whole batch") {
  auto const how = GENERATE(cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean,
                            cppo::seq_mean_token_sum_norm);
  auto const region = cppo::calibrated_cppo();
  int split = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    generated_batch<float> const batch = generate<float>(seed);
    cppo::loss_options const o{.aggregate = how, .normalizer = 12.0, .horizon = 100};
    auto const whole = capture(cppo::seq, batch, region, o);
    cppo::report total;
    for (index_t b = 0; b < batch.responses; ++b) {
      auto const part = rearranged(batch, {batch.row(b)}, packed_if(b % 2 == 0));
      auto const got = capture(cppo::seq, part.batch, region, o);
      REQUIRE(cppo_test::unlike(got, whole, part.batch.rows(), part.source) == "");
      total = total + got.report;
      ++split;
    }
    CHECK(same_bits(total.loss(), whole.report.loss()));
    CHECK(total.counts.tokens == whole.report.counts.tokens);
    CHECK(total.counts.responses == whole.report.counts.responses);
  }
  CHECK(split > 80);
}

TEST_CASE("the batch's own count as normalizer changes no bit") {
  auto const how = GENERATE(cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean,
                            cppo::seq_mean_token_sum_norm);
  auto const region = cppo::fixed_cppo();
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    generated_batch<float> const batch = generate<float>(seed);
    auto const own = capture(cppo::seq, batch, region, {.aggregate = how, .horizon = 9});
    double const count = cppo::divisor(how, own.report.counts);
    auto const given = capture(cppo::seq, batch, region, {.aggregate = how, .normalizer = count, .horizon = 9});
    REQUIRE(cppo_test::unlike(own, given, batch.rows()) == "");
    CHECK(same_bits(own.report.loss(), given.report.loss()));
    cppo::report as_own = given.report;
    as_own.scaling = own.report.scaling;
    REQUIRE(cppo_test::unlike(own.report, as_own) == "");
  }
}

TEST_CASE("the horizon divides seq_mean_token_sum_norm, and must be given") {
  std::vector<double> const pi(8, -1.0), a(8, 1.0);
  auto const padded = cppo::rollout_batch(cppo::padded(2, 4), cppo::log_prob(pi), cppo::rollout_log_prob(pi),
                                          cppo::advantage(a));
  cppo::report r;
  auto const loss = [&](auto const& batch, cppo::loss_options const& o) {
    cppo::status const s = policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &r}, o);
    return s.ok() ? r.loss() : 1.0;
  };
  cppo::loss_options o{.aggregate = cppo::seq_mean_token_sum_norm, .horizon = 4};
  CHECK(loss(padded, o) == -1.0);
  o.horizon = 8;
  CHECK(loss(padded, o) == -0.5);
  o.normalizer = 4.0;
  CHECK(loss(padded, o) == -0.25);
  std::vector<std::int64_t> const offsets{0, 4, 8};
  auto const packed = cppo::rollout_batch(cppo::packed(offsets), cppo::log_prob(pi), cppo::rollout_log_prob(pi),
                                          cppo::advantage(a));
  CHECK(loss(packed, o) == -0.25);
  o.horizon = 0;
  CHECK(policy_loss(cppo::seq, packed, cppo::dppo(), {.report = &r}, o).code == cppo::status_code::bad_parameter);
  CHECK(policy_loss(cppo::seq, padded, cppo::dppo(), {.report = &r}, o).code == cppo::status_code::bad_parameter);
}

TEST_CASE("normalizers and horizons out of range are refused") {
  std::vector<double> const pi(2, -1.0);
  auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(pi), cppo::rollout_log_prob(pi),
                                         cppo::advantage(pi));
  auto const code = [&](cppo::loss_options const& o) {
    return policy_loss(cppo::seq, batch, cppo::dppo(), {}, o).code;
  };
  CHECK(code({.normalizer = -1.0}) == cppo::status_code::bad_parameter);
  CHECK(code({.normalizer = std::numeric_limits<double>::quiet_NaN()}) == cppo::status_code::bad_parameter);
  CHECK(code({.normalizer = std::numeric_limits<double>::infinity()}) == cppo::status_code::bad_parameter);
  CHECK(code({.horizon = -1}) == cppo::status_code::bad_parameter);
  CHECK(code({.horizon = 1, .positions = cppo::position_convention::fixed_horizon}) ==
        cppo::status_code::horizon_too_short);
}
