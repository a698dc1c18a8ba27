// What the environment can change: flush-to-zero is held but for subnormal numbers, other rounding modes are refused
// (core_arithmetic_test.cpp).
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

template <class Executor, class Region>
void compare(Executor const& executor, Region const& region, cppo::loss_options const& options) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto const batch = cppo::testing::generate<float>(seed, {});
    auto const plain = cppo::testing::capture(executor, batch, region, options);
    auto const flushed = [&] {
      flush_to_zero const mode;
      return cppo::testing::capture(executor, batch, region, options);
    }();
    REQUIRE(flushed.outcome.code == plain.outcome.code);
    CHECK(flushed[captured::mask] == plain[captured::mask]);
    CHECK(flushed[captured::decision] == plain[captured::decision]);
    for (auto const c : {captured::loss, captured::gradient, captured::divergence}) {
      for (std::size_t i = 0; i < plain[c].size(); ++i) {
        float const want = is_subnormal(plain[c][i]) ? 0.0F : plain[c][i];
        REQUIRE(std::abs(flushed[c][i]) == std::abs(want));
      }
    }
  }
}

}  // namespace

TEST_CASE("flush-to-zero changes no mask, and no other number but subnormal ones", "[reliability]") {
  cppo::loss_options const plain;
  cppo::loss_options unclamped;
  unclamped.surrogate.log_ratio_clamp = 0.0;
  for (auto const& options : {plain, unclamped}) {
    compare(cppo::seq, cppo::presets::dense_post_trained(), options);
    compare(cppo::simd, cppo::presets::dense_post_trained(), options);
    compare(cppo::seq, cppo::ppo(), options);
    compare(cppo::simd, cppo::ppo(), options);
  }
}

#endif
