// What the environment can change: under flush-to-zero a subnormal number is a zero, and nothing else changes; other
// rounding modes are refused (core_arithmetic_test.cpp).
#include "catch_compat.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>

#include <cmath>

#if defined(__SSE2__)
#include <pmmintrin.h>
#include <xmmintrin.h>

namespace {

using cppo::testing::captured;

/// Subnormals are flushed to zero, in and out, while it lives.
class flush_to_zero {
 public:
  flush_to_zero() : before_(_mm_getcsr()) {
    _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
    _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
  }
  flush_to_zero(flush_to_zero const&) = delete;
  flush_to_zero& operator=(flush_to_zero const&) = delete;
  ~flush_to_zero() { _mm_setcsr(before_); }

 private:
  unsigned int before_;
};

bool is_subnormal(float x) { return std::fpclassify(x) == FP_SUBNORMAL; }
float flushed(float x) { return is_subnormal(x) ? std::copysign(0.0F, x) : x; }

using batch_t = cppo::testing::generated_batch<float>;
constexpr std::vector<float> batch_t::* inputs[] = {&batch_t::log_prob, &batch_t::rollout_log_prob, &batch_t::advantage,
                                                    &batch_t::divergence};

// One input in eight is subnormal.
batch_t with_subnormals(std::uint64_t seed) {
  batch_t batch = cppo::testing::generate<float>(seed, {.divergence = true});
  cppo::testing::random_source random(seed);
  for (auto const input : inputs) {
    for (float& x : batch.*input) {
      if (!random.chance(0.125)) continue;
      float const tiny = std::numeric_limits<float>::denorm_min() * static_cast<float>(1 + random.below((1 << 23) - 1));
      bool const below = input == &batch_t::advantage ? random.chance(0.5) : input != &batch_t::divergence;
      x = below ? -tiny : tiny;
    }
  }
  return batch;
}

// A call under flush-to-zero is one without it on zeros where subnormal inputs were, its own subnormal outputs zeros.
template <class Executor, class Region>
void compare(Executor const& executor, Region const& region, cppo::loss_options const& options) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    batch_t const batch = seed <= 30 ? cppo::testing::generate<float>(seed, {.divergence = true}) : with_subnormals(seed);
    batch_t zeros = batch;
    for (auto const input : inputs) {
      for (float& x : zeros.*input) x = flushed(x);
    }
    auto const want = cppo::testing::capture(executor, zeros, region, options);
    auto const got = [&] {
      flush_to_zero const mode;
      return cppo::testing::capture(executor, batch, region, options);
    }();
    REQUIRE(got.outcome.code == want.outcome.code);
    CHECK(got[captured::mask] == want[captured::mask]);
    CHECK(got[captured::decision] == want[captured::decision]);
    for (auto const c : {captured::loss, captured::gradient, captured::divergence, captured::gate}) {
      for (std::size_t i = 0; i < want[c].size(); ++i) REQUIRE(std::abs(flushed(got[c][i])) == std::abs(flushed(want[c][i])));
    }
  }
}

}  // namespace

TEST_CASE("under flush-to-zero a subnormal number is a zero, and nothing else changes", "[reliability]") {
  cppo::loss_options const plain;
  cppo::loss_options unclamped;
  unclamped.surrogate.log_ratio_clamp = 0.0;
  auto const everywhere = [&](auto const& region) {
    for (auto const& options : {plain, unclamped}) {
      compare(cppo::seq, region, options);
      compare(cppo::simd, region, options);
      compare(cppo::simd.with_threads(2, 1), region, options);
    }
  };
  everywhere(cppo::presets::dense_post_trained());
  everywhere(cppo::ppo());
  everywhere(cppo::fixed_cppo({}, cppo::precomputed));
  everywhere(cppo::fixed_cppo({}, cppo::binary_kl));
  everywhere(cppo::dppo({}, cppo::binary_kl_reverse));
  everywhere(cppo::trm_mean({}, cppo::k3));
  everywhere(softened(cppo::calibrated_cppo(), cppo::reciprocal_gate));
}

#endif
