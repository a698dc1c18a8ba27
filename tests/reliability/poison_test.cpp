// What stands in slots without a token reaches nothing: no output, no report, no other token. Named after the failures
// that trainers had.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

#include <cmath>

namespace {

using namespace cppo;
using namespace cppo::testing;
using cppo_test::unlike;

// f(region) for one region of every kind.
template <class F>
void for_each_region(F const& f) {
  f(presets::dense_base());
  f(fixed_cppo({}, binary_kl));
  f(softened(calibrated_cppo({}, top_k_tv), reciprocal_gate));
  f(dppo({}, precomputed));
  f(ppo());
  f(trm_mean());
}

// f(executor) for every way to run on this machine.
template <class F>
void for_each_executor(F const& f) {
  f(seq);
  f(simd);
}

constexpr generator_options everything{.top_k = 3, .divergence = true, .entropy = true, .reference = true};

// Every output and the report with each pattern in the slots without a token.
template <element T>
void check_poison(std::uint64_t first_seed) {
  for (std::uint64_t seed = first_seed; seed < first_seed + 20; ++seed) {
    generated_batch<T> batch = generate<T>(seed, everything);
    for_each_region([&](auto const& region) {
      for_each_executor([&](auto const& executor) {
        batch.refill_excluded(0);
        auto const want = capture(executor, batch, region, {.aggregate = seq_mean_token_mean});
        for (int pattern = 1; pattern < poisons; ++pattern) {
          batch.refill_excluded(pattern);
          auto const got = capture(executor, batch, region, {.aggregate = seq_mean_token_mean});
          CHECK(cppo_test::same_status(got.outcome, want.outcome));
          CHECK(unlike(got, want, batch.rows()) == "");
          CHECK(unlike(got.report, want.report) == "");
        }
      });
    });
  }
}

// A padded batch of two responses; the second token of the first and the last of the second are excluded.
generated_batch<float> with_holes() {
  generated_batch<float> batch;
  batch.responses = 2;
  batch.width = 4;
  batch.offsets = {0, 4, 8};
  batch.valid = {1, 0, 1, 1, 1, 1, 1, 0};
  batch.log_prob = {-0.5F, 0.0F, -0.2F, -1.0F, -0.1F, -0.3F, -2.0F, 0.0F};
  batch.rollout_log_prob.assign(8, -0.7F);
  batch.advantage.assign(8, 1.0F);
  batch.seal();
  return batch;
}

bool is_plus_zero(float x) { return std::bit_cast<std::uint32_t>(x) == 0; }

}  // namespace

TEST_CASE("F1_excluded_inf_is_zero", "[reliability]") {
  generated_batch<float> batch = with_holes();
  float const infinity = std::numeric_limits<float>::infinity();
  for (std::size_t const hole : {std::size_t{1}, std::size_t{7}}) {
    batch.log_prob[hole] = infinity;
    batch.rollout_log_prob[hole] = -infinity;
    batch.advantage[hole] = -infinity;
  }
  for_each_executor([&](auto const& executor) {
    auto const got = capture(executor, batch, unrestricted(), {});
    CHECK(got.outcome.code == status_code::ok);
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(std::isfinite(got[captured::loss][i]));
      CHECK(is_plus_zero(got[captured::loss][i]) == (batch.valid[i] == 0));
    }
    CHECK(std::isfinite(got.report.loss()));
    CHECK(std::isfinite(got.report.max_ratio));
  });
}

TEST_CASE("F2_excluded_gradient_is_plus_zero", "[reliability]") {
  generated_batch<float> batch = with_holes();
  for (int pattern = 0; pattern < poisons; ++pattern) {
    batch.refill_excluded(pattern);
    for_each_executor([&](auto const& executor) {
      auto const got = capture(executor, batch, unrestricted(), {});
      CHECK(got.outcome.code == status_code::ok);
      for (std::size_t i = 0; i < 8; ++i) CHECK(is_plus_zero(got[captured::gradient][i]) == (batch.valid[i] == 0));
    });
  }
}

TEST_CASE("F3_poison_invariance: float", "[reliability]") { check_poison<float>(1); }
TEST_CASE("F3_poison_invariance: double", "[reliability]") { check_poison<double>(100); }
TEST_CASE("F3_poison_invariance: half", "[reliability]") { check_poison<half>(200); }
TEST_CASE("F3_poison_invariance: bfloat16", "[reliability]") { check_poison<bfloat16>(300); }

TEST_CASE("F11_hole_equals_removed_token", "[reliability]") {
  index_t holes = 0;
  for (std::uint64_t seed = 400; seed < 460; ++seed) {
    auto const batch = generate<float>(seed, everything);
    auto const dense = rearranged(batch, batch.token_rows(), arrangement::packed);
    holes += batch.slots() - dense.batch.slots();
    for_each_region([&](auto const& region) {
      for_each_executor([&](auto const& executor) {
        auto const with = capture(executor, batch, region, {.aggregate = token_mean});
        auto const without = capture(executor, dense.batch, region, {.aggregate = token_mean});
        CHECK(unlike(without, with, dense.batch.rows(), dense.source) == "");
        CHECK(unlike(without.report, with.report) == "");
      });
    });
  }
  CHECK(holes > 500);
}

TEST_CASE("F11_positions_and_length_count_valid_tokens", "[reliability]") {
  generated_batch<float> const batch = with_holes();
  for_each_executor([&](auto const& executor) {
    auto const got = capture(executor, batch, fixed_cppo({.w_min = 0.5}), {});
    std::vector<float> const want{1.0F, 0.0F, 0.75F, 0.5F, 1.0F, 0.75F, 0.5F, 0.0F};
    CHECK(got[captured::weight] == want);
  });
}
