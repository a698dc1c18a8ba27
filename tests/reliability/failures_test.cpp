// Failures that trainers had, one by one: docs/failures.md says what they were. Those with a test file of their own
// subject are there.
#include "support/catch_compat.hpp"
#include "support/lane_sets.hpp"
#include "support/same_run.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/emulated_lanes.hpp>
#include <cppo/testing/generators.hpp>

#include <cmath>
#include <thread>

namespace {

using namespace cppo;
using namespace cppo::testing;
using cppo_test::unlike;

constexpr float quiet = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

// Two responses of three tokens.
generated_batch<float> two_responses() {
  generated_batch<float> batch;
  batch.responses = 2;
  batch.width = 3;
  batch.offsets = {0, 3, 6};
  batch.valid.assign(6, 1);
  batch.log_prob = {-0.5F, -0.9F, -0.2F, -1.0F, -0.1F, -0.3F};
  batch.rollout_log_prob.assign(6, -0.7F);
  batch.advantage = {1.0F, 1.0F, 1.0F, -0.5F, -0.5F, -0.5F};
  batch.seal();
  return batch;
}

// f(executor) for every way to run on this machine.
template <class F>
void for_each_executor(F const& f) {
  f(seq);
  f(simd);
  f(simd.with_threads(3, 1));
}

bool is_plus_zero(float x) { return std::bit_cast<std::uint32_t>(x) == 0; }

}  // namespace

TEST_CASE("F4_missing_is_a_mask_state: 0 is a log-prob like any other, and NaN becomes none", "[reliability]") {
  for_each_executor([](auto const& executor) {
    generated_batch<float> batch = two_responses();
    batch.rollout_log_prob[1] = 0.0F;  // probability 1
    auto const certain = capture(executor, batch, unrestricted(), {});
    CHECK(certain.outcome.code == status_code::ok);
    CHECK(certain.report.counts.tokens == 6);
    CHECK(static_cast<double>(certain[captured::gradient][1]) == cppo_test::approx(-std::exp(-0.9)));
    for (float const missing : {quiet, infinity, -infinity}) {
      batch.rollout_log_prob[1] = missing;
      CHECK(capture(executor, batch, unrestricted(), {}).outcome.code == status_code::rollout_log_prob_invalid);
      auto const out = capture(executor, batch, unrestricted(), {.bad_input = on_bad_input::exclude});
      CHECK(out.report.counts.tokens == 5);
      CHECK(is_plus_zero(out[captured::gradient][1]));
      CHECK(out[captured::decision][1] == 0.0F);
    }
  });
}

TEST_CASE("F6_rollout_log_prob_of_minus_infinity_is_refused, whatever the advantage", "[reliability]") {
  for_each_executor([](auto const& executor) {
    for (float const advantage : {1.0F, -1.0F, 0.0F}) {
      generated_batch<float> batch = two_responses();
      batch.advantage[4] = advantage;
      batch.rollout_log_prob[4] = -infinity;
      auto const run = capture(executor, batch, fixed_cppo(), {});
      CHECK(run.outcome.code == status_code::rollout_log_prob_invalid);
      CHECK(run.outcome.response == 1);
      CHECK(run.outcome.token == 1);
      CHECK(run[captured::mask][4] == 0.0F);
      CHECK(is_plus_zero(run[captured::gradient][4]));
      batch.rollout_log_prob[4] = -300.0F;  // absurd but finite: the clamp binds, and is counted
      auto const clamped = capture(executor, batch, unrestricted(), {});
      CHECK(clamped.outcome.code == status_code::ok);
      CHECK(clamped.report.clamped == 1);
      CHECK(clamped[captured::gradient][4] == 0.0F);
    }
  });
}

TEST_CASE("F7_a_bad_step_shows: status, counts and place, and the loss is never made up", "[reliability]") {
  for_each_executor([](auto const& executor) {
    generated_batch<float> batch = two_responses();
    batch.log_prob[2] = quiet;
    auto const rejected = capture(executor, batch, ppo(), {});
    CHECK_FALSE(rejected.outcome.ok());
    CHECK(rejected.outcome.token == 2);
    CHECK(rejected.report.bad_tokens == 1);
    CHECK(rejected.report.rejected_responses == 1);
    CHECK(rejected.report.counts.tokens == 3);
    CHECK(std::isfinite(rejected.report.loss()));  // of the other response, and the status says so
    auto const excluded = capture(executor, batch, ppo(), {.bad_input = on_bad_input::exclude});
    CHECK(excluded.outcome.code == status_code::bad_input_excluded);
    CHECK(excluded.outcome.count == 1);
    auto const propagated = capture(executor, batch, ppo(), {.bad_input = on_bad_input::propagate});
    CHECK(propagated.outcome.code == status_code::bad_input_propagated);
    CHECK(std::isnan(propagated.report.loss()));
  });
}

TEST_CASE("F8_quantile_of_any_length: more than 2^24 values, none, and half precision", "[reliability]") {
  constexpr index_t n = (index_t{1} << 24) + 5;
  std::vector<float> values(static_cast<std::size_t>(n));
  for (index_t i = 0; i < n; ++i) values[static_cast<std::size_t>(i)] = static_cast<float>(i * 7919 % n / 4);
  double const place = 0.9 * static_cast<double>(n - 1), below = std::floor(std::floor(place) / 4.0);
  double const above = std::floor((std::floor(place) + 1.0) / 4.0);
  CHECK(quantile(values.data(), n, 0.9) == below + (above - below) * (place - std::floor(place)));
  CHECK(quantile(values.data(), 0, 0.9) == 0.0);
  std::vector<bfloat16> const d{to_bfloat16(0.5F), to_bfloat16(0.25F), to_bfloat16(0.375F)};
  std::vector<half> const p(3, to_half(-1.0F)), a(3, to_half(1.0F));
  auto const batch = rollout_batch(padded(1, 3), log_prob(p), rollout_log_prob(p), advantage(a), divergence_values(d));
  report r;
  auto const region = calibrated_cppo({.delta_b = 0.25}, precomputed, {.quantile = 0.75});
  CHECK(policy_loss(simd, batch, region, {.report = &r}).ok());
  CHECK(r.max_delta_b == 0.4375);
}

TEST_CASE("F9_prefix_exact: a long response of bfloat16 divergences", "[reliability]") {
  constexpr std::size_t tokens = 100000;
  std::vector<float> const p(tokens, -1.0F), a(tokens, 1.0F);
  std::vector<bfloat16> const d(tokens, to_bfloat16(0.02F));
  auto const step = static_cast<double>(to_float(d[0]));
  auto const batch =
      rollout_batch(padded(1, tokens), log_prob(p), rollout_log_prob(p), advantage(a), divergence_values(d));
  auto const region = trust_region(precomputed, uniform_weight, prefix_budget(0.15, 0.02));
  for_each_executor([&](auto const& executor) {
    std::vector<float> drift(tokens);
    CHECK(policy_loss(executor, batch, region, {.trace = {.prefix_drift = drift}}).ok());
    int wrong = 0;
    for (std::size_t t = 0; t < tokens; ++t) {
      wrong += drift[t] == static_cast<float>(step * static_cast<double>(t)) ? 0 : 1;
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("F10_group_of_one: NaN advantages are refused by name, equal rewards teach nothing", "[reliability]") {
  for_each_executor([](auto const& executor) {
    generated_batch<float> batch = two_responses();
    batch.advantage.assign(6, quiet);
    auto const refused = capture(executor, batch, fixed_cppo(), {.aggregate = token_mean});
    CHECK(refused.outcome.code == status_code::advantage_invalid);
    CHECK(refused.outcome.count == 6);
    CHECK(refused.report.loss() == 0.0);
    CHECK_THAT(std::string(refused.outcome.message()), cppo_test::contains("groups of one response"));
    batch.advantage.assign(6, 0.0F);
    auto const nothing = capture(executor, batch, fixed_cppo(), {.aggregate = token_mean});
    CHECK(nothing.outcome.code == status_code::ok);
    CHECK(nothing.report.kept == 6);
    CHECK(nothing.report.loss() == 0.0);
    for (float const g : nothing[captured::gradient]) CHECK(g == 0.0F);
    CHECK(diagnose(batch.view()).has(finding::zero_advantages));
  });
}

TEST_CASE("F12_sum_count_consistent: a mean divides by the valid tokens that were summed", "[reliability]") {
  for_each_executor([](auto const& executor) {
    generated_batch<float> batch = two_responses();
    batch.valid = {1, 0, 1, 1, 1, 0};
    batch.seal();
    auto const sum = capture(executor, batch, unrestricted(), {});
    auto const mean = capture(executor, batch, unrestricted(), {.aggregate = token_mean});
    for (std::size_t i = 0; i < 6; ++i) CHECK(mean[captured::loss][i] == sum[captured::loss][i] / 4.0F);
    auto const region = dppo({.delta = 1e-3});  // what is masked still counts, and is 0
    auto const masked = capture(executor, batch, region, {.aggregate = token_mean});
    CHECK(masked.report.kept < 4);
    CHECK(masked.report.counts.tokens == 4);
    for (std::size_t i = 0; i < 6; ++i) {
      if (masked[captured::mask][i] != 0.0F) CHECK(masked[captured::loss][i] == sum[captured::loss][i] / 4.0F);
    }
  });
}

TEST_CASE("F18_positive_log_probs are refused, or admitted up to a tolerance", "[reliability]") {
  for_each_executor([](auto const& executor) {
    generated_batch<float> batch = two_responses();
    batch.log_prob[3] = 0.03125F;
    CHECK(capture(executor, batch, ppo(), {}).outcome.code == status_code::log_prob_invalid);
    CHECK(capture(executor, batch, ppo(), {.log_prob_tolerance = 0.03}).outcome.code == status_code::log_prob_invalid);
    CHECK(capture(executor, batch, ppo(), {.log_prob_tolerance = 0.03125}).outcome.code == status_code::ok);
    CHECK(diagnose(batch.view()).has(finding::positive_log_probs));
  });
}

TEST_CASE("F20_nan_is_found_by_its_bits: no comparison that an optimiser may fold", "[reliability]") {
  int wrong = 0;
  for (std::uint32_t const sign : {0U, 0x80000000U}) {
    for (std::uint32_t fraction = 0; fraction < 0x800000U; fraction += 4095) {
      wrong += detail::is_finite(std::bit_cast<float>(sign | 0x7f800000U | fraction)) ? 1 : 0;
      wrong += detail::is_finite(std::bit_cast<float>(sign | 0x7f000000U | fraction)) ? 0 : 1;
      auto const wide = std::uint64_t{sign} << 32 | std::uint64_t{fraction} << 29;
      wrong += detail::is_finite(std::bit_cast<double>(wide | 0x7ff0000000000000U)) ? 1 : 0;
      wrong += detail::is_finite(std::bit_cast<double>(wide | 0x7fe0000000000000U)) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("F21_nan_minmax: one answer on scalars and registers, whichever side NaN is on", "[reliability][simd]") {
  int wrong = 0;
  for (float const a : cppo_test::special_floats()) {
    for (float const b : cppo_test::special_floats()) {
      float const least = a < b ? a : b, most = a > b ? a : b;
      float low[simd_lane::size], high[simd_lane::size];
      cppo_test::scatter(low, min(simd_lane(a), simd_lane(b)));
      cppo_test::scatter(high, max(simd_lane(a), simd_lane(b)));
      emulated_lane const four_a(a), four_b(b), four_low = min(four_a, four_b), four_high = max(four_a, four_b);
      for (float const x : {min(float_lane(a), float_lane(b)).raw(), low[0], four_low.raw().at[3]}) {
        wrong += cppo_test::same_number(x, least) ? 0 : 1;
      }
      for (float const x : {max(float_lane(a), float_lane(b)).raw(), high[0], four_high.raw().at[3]}) {
        wrong += cppo_test::same_number(x, most) ? 0 : 1;
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("F24_calls_share_nothing: 64 threads on one batch, each with outputs of its own", "[reliability]") {
  generated_batch<float> const batch = generate<float>(5, {.max_responses = 40, .max_length = 300});
  auto const region = softened(calibrated_cppo(), reciprocal_gate);
  auto const want = capture(seq, batch, region, {});
  std::vector<captured_run<float>> got(64);
  std::vector<std::thread> pool;
  for (std::size_t k = 0; k < got.size(); ++k) {
    pool.emplace_back([&, k] {
      for (int again = 0; again < 5; ++again) {
        got[k] = k % 2 == 0 ? capture(simd, batch, region, {}) : capture(simd.with_threads(2, 1), batch, region, {});
      }
    });
  }
  for (std::thread& t : pool) t.join();
  for (auto const& run : got) {
    CHECK(unlike(run, want, batch.rows()) == "");
    CHECK(unlike(run.report, want.report) == "");
  }
}

TEST_CASE("F25_only_log_pi_has_a_gradient: mask, gate and log mu are constants to it", "[reliability]") {
  generated_batch<double> batch = generate<double>(11, {.max_responses = 4, .max_length = 30, .token_weight = false});
  auto const region = softened(fixed_cppo({.delta = 0.05}), reciprocal_gate);
  for_each_executor([&](auto const& executor) {
    auto const base = capture(executor, batch, region, {});
    index_t masked = 0;
    for (auto const& row : batch.token_rows()) {
      for (index_t const slot : row) {
        auto const i = static_cast<std::size_t>(slot);
        double const d = batch.log_prob[i] - batch.rollout_log_prob[i];
        double const gate = base[captured::gate][i];
        masked += base[captured::mask][i] == 0.0 ? 1 : 0;
        if (std::fabs(d) > 19.0) continue;  // the clamp
        // The derivative with the gate held: nothing of g'(x), of D or of log mu is in it.
        auto const loss_at = [&](double log_ratio) { return -gate * std::exp(log_ratio) * batch.advantage[i]; };
        double const h = 1e-6, slope = (loss_at(d + h) - loss_at(d - h)) / (2.0 * h);
        CHECK(base[captured::gradient][i] == cppo_test::approx(slope).epsilon(1e-7).margin(1e-9));
      }
    }
    CHECK(masked > 0);
  });
}
