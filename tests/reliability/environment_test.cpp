// What the environment can change: under flush-to-zero a subnormal number is a zero wherever it arises, and nothing
// else changes; other rounding modes are refused (core_arithmetic_test.cpp).
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>

#include <cmath>
#include <numeric>

#if defined(__SSE2__)
#include <pmmintrin.h>
#include <xmmintrin.h>

namespace {

using cppo::index_t;
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

template <class T>
bool is_subnormal(T x) {
  return std::fpclassify(x) == FP_SUBNORMAL;
}
template <class T>
T flushed(T x) {
  return is_subnormal(x) ? std::copysign(T(0), x) : x;
}

template <class T>
using batch_of = cppo::testing::generated_batch<T>;
template <class Real>
using run_of = cppo::testing::captured_run<Real>;
using batch_t = batch_of<float>;
using run_t = run_of<float>;
template <class T>
constexpr std::vector<T> batch_of<T>::* inputs[] = {&batch_of<T>::log_prob,
                                                    &batch_of<T>::rollout_log_prob,
                                                    &batch_of<T>::advantage,
                                                    &batch_of<T>::divergence,
                                                    &batch_of<T>::token_weight,
                                                    &batch_of<T>::listed_log_prob,
                                                    &batch_of<T>::listed_rollout_log_prob};

template <class T>
batch_of<T> any_batch(std::uint64_t seed) {
  return cppo::testing::generate<T>(seed, {.top_k = 3, .divergence = true});
}

// One input in eight is subnormal.
template <class T>
batch_of<T> with_subnormals(std::uint64_t seed) {
  batch_of<T> batch = any_batch<T>(seed);
  cppo::testing::random_source random(seed);
  for (auto const input : inputs<T>) {
    bool const any_sign = input == &batch_of<T>::advantage || input == &batch_of<T>::token_weight;
    for (T& x : batch.*input) {
      if (!random.chance(0.125)) continue;
      T const tiny = std::numeric_limits<T>::denorm_min() * static_cast<T>(1 + random.below((1 << 23) - 1));
      bool const below = any_sign ? random.chance(0.5) : input != &batch_of<T>::divergence;
      x = below ? -tiny : tiny;
    }
  }
  return batch;
}

template <class Executor, class T, class Region>
auto flushing(Executor const& executor, batch_of<T> const& batch, Region const& region, cppo::loss_options const& o,
              cppo::testing::asks_for asked = cppo::testing::asks_for::trace) {
  flush_to_zero const mode;
  return cppo::testing::capture(executor, batch, region, o, asked);
}

// Every output of `got` is that of `want`, flushed, to the bit; x_t may be 0 where Z_t is subnormal.
template <class Real>
void require_flushed(run_of<Real> const& got, run_of<Real> const& want) {
  for (std::size_t c = 0; c < cppo::testing::captured_outputs; ++c) {
    INFO(cppo::testing::output_names[c]);
    bool const is_excess = static_cast<captured>(c) == captured::excess;
    for (std::size_t i = 0; i < got.column[c].size(); ++i) {
      Real const x = got.column[c][i];
      bool const same = cppo::testing::same_bits(flushed(x), flushed(want.column[c][i]));
      bool const lost = is_excess && is_subnormal(want[captured::weighted_divergence][i]);
      if (!same && !(lost && x == Real(0))) FAIL("slot " << i << ": " << x << ", expected " << want.column[c][i]);
    }
  }
}

// A call under flush-to-zero is one without it on zeros where subnormal inputs were, its own subnormal outputs zeros.
template <class T, class Executor, class Region>
void compare(Executor const& executor, Region const& region, cppo::loss_options const& options,
             std::uint64_t seeds = 60) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    batch_of<T> batch = any_batch<T>(seed), zeros = batch;
    if constexpr (std::is_floating_point_v<T>) {
      if (seed > seeds / 2) zeros = batch = with_subnormals<T>(seed);
      for (auto const input : inputs<T>) {
        for (T& x : zeros.*input) x = flushed(x);
      }
    }
    auto const want = cppo::testing::capture(executor, zeros, region, options);
    auto const got = flushing(executor, batch, region, options);
    REQUIRE(cppo_test::same_status(got.outcome, want.outcome));
    require_flushed(got, want);
    require_flushed(flushing(executor, batch, region, options, cppo::testing::asks_for::no_trace), want);
    REQUIRE(cppo_test::unlike(got.report, want.report) == "");
  }
}

// Calls use(executor).
template <class Use>
void on_every_executor(Use const& use) {
  use(cppo::seq);
  use(cppo::simd);
  use(cppo::simd.with_threads(2, 1));
}

// A response of one token.
batch_t one_token(float log_pi, float log_mu, float advantage, float divergence, float weight) {
  batch_t batch;
  batch.responses = batch.width = 1;
  batch.offsets = {0, 1};
  batch.valid = {1};
  batch.lends_divergence = true;
  batch.log_prob = {log_pi};
  batch.rollout_log_prob = {log_mu};
  batch.advantage = {advantage};
  batch.divergence = {divergence};
  batch.token_weight = {weight};
  batch.seal();
  return batch;
}

// The token on every executor, without flush-to-zero and with it: use(plain, flushed).
template <class Region, class Use>
void with_and_without(batch_t const& batch, Region const& region, cppo::loss_options const& options, Use const& use) {
  on_every_executor([&](auto const& executor) {
    auto const plain = cppo::testing::capture(executor, batch, region, options);
    auto const zeros = flushing(executor, batch, region, options);
    REQUIRE(plain.outcome.code == cppo::status_code::ok);
    REQUIRE(zeros.outcome.code == cppo::status_code::ok);
    use(plain, zeros);
  });
}

}  // namespace

TEST_CASE("under flush-to-zero a subnormal number is a zero, and nothing else changes", "[reliability]") {
  cppo::loss_options const plain;
  cppo::loss_options unclamped;
  unclamped.surrogate.log_ratio_clamp = 0.0;
  auto const everywhere = [&](auto const& region) {
    for (auto const& options : {plain, unclamped}) {
      on_every_executor([&](auto const& executor) { compare<float>(executor, region, options); });
    }
  };
  everywhere(cppo::presets::dense_post_trained());
  everywhere(cppo::ppo());
  everywhere(cppo::fixed_cppo({}, cppo::precomputed));
  everywhere(cppo::fixed_cppo({}, cppo::binary_kl));
  everywhere(cppo::dppo({}, cppo::binary_kl_reverse));
  everywhere(cppo::trm_mean({}, cppo::k3));
  everywhere(cppo::trm_max({}, cppo::k2));
  everywhere(cppo::fixed_cppo({}, cppo::top_k_tv));
  everywhere(cppo::calibrated_cppo({}, cppo::top_k_kl));
  everywhere(softened(cppo::calibrated_cppo(), cppo::reciprocal_gate));
}

TEMPLATE_TEST_CASE("under flush-to-zero nothing else changes in the other formats either", "[reliability]", double,
                   cppo::half, cppo::bfloat16) {
  on_every_executor([&](auto const& executor) {
    compare<TestType>(executor, cppo::presets::dense_post_trained(), {}, 20);
    compare<TestType>(executor, cppo::fixed_cppo({}, cppo::precomputed), {}, 20);
    compare<TestType>(executor, softened(cppo::calibrated_cppo({}, cppo::top_k_kl), cppo::reciprocal_gate), {}, 20);
    compare<TestType>(executor, cppo::trm_mean({}, cppo::binary_kl), {}, 20);
  });
}

TEST_CASE("under flush-to-zero pieces are planned and run as without it", "[reliability]") {
  auto const region = softened(cppo::calibrated_cppo(), cppo::reciprocal_gate);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    batch_t const batch = any_batch<float>(seed);
    std::vector<index_t> order(static_cast<std::size_t>(batch.responses)), of(order.size(), 0);
    std::iota(order.begin(), order.end(), index_t{0});  // every response a piece of one long one
    auto const planned = [&] { return plan_pieces(batch.view(), region, of, order, 1); };
    cppo::piece_plan const want = planned();
    cppo::piece_plan const got = [&] {
      flush_to_zero const mode;
      return planned();
    }();
    REQUIRE(got.carries == want.carries);
    REQUIRE(got.totals.size() == want.totals.size());
    for (std::size_t k = 0; k < want.totals.size(); ++k) {
      REQUIRE(got.totals[k].divergence_sum == want.totals[k].divergence_sum);
      REQUIRE((got.totals[k].max_divergence == want.totals[k].max_divergence &&
               got.totals[k].delta_b == want.totals[k].delta_b));
    }
    cppo::loss_options const in{.carries = want.carries, .totals = want.totals};
    on_every_executor([&](auto const& executor) {
      auto const whole = cppo::testing::capture(executor, batch, region, in);
      require_flushed(flushing(executor, batch, region, in), whole);
      require_flushed(flushing(executor, batch, region, in, cppo::testing::asks_for::no_trace), whole);
    });
  }
}

TEST_CASE("under flush-to-zero a subnormal divergence leaves no trace and adds nothing to a report", "[reliability]") {
  batch_t const batch = one_token(-0x1.3fe49cp+6F, -80.0F, 0.5F, 0.0F, 1.0F);
  with_and_without(batch, cppo::fixed_cppo({}, cppo::binary_kl), {}, [](run_t const& plain, run_t const& zeros) {
    float const d = plain[captured::divergence][0];
    REQUIRE(is_subnormal(d));
    CHECK(plain[captured::excess][0] == d / 0.15F);
    CHECK_FALSE(is_subnormal(plain[captured::excess][0]));  // x_t, alone, would have been a normal number
    CHECK(plain.report.sum_divergence == static_cast<double>(d));
    CHECK(plain.report.max_divergence == static_cast<double>(d));
    for (auto const c : {captured::divergence, captured::weighted_divergence, captured::excess}) {
      CHECK(zeros[c][0] == 0.0F);
    }
    CHECK(zeros.report.sum_divergence == 0.0);
    CHECK(zeros.report.max_divergence == 0.0);
    for (auto const c : {captured::mask, captured::loss, captured::gradient, captured::gate, captured::decision}) {
      CHECK(zeros[c] == plain[c]);
    }
  });
}

TEST_CASE("under flush-to-zero a subnormal product on the way to a gradient makes it zero", "[reliability]") {
  auto const vanishes = [](batch_t const& batch, cppo::loss_options const& options) {
    with_and_without(batch, cppo::unrestricted(), options, [](run_t const& plain, run_t const& zeros) {
      for (auto const c : {captured::loss, captured::gradient}) {
        CHECK(plain[c][0] <= -std::numeric_limits<float>::min());
        CHECK(zeros[c][0] == 0.0F);
      }
      CHECK(plain.report.loss() < 0.0);
      CHECK(zeros.report.loss() == 0.0);
      CHECK(zeros[captured::decision] == plain[captured::decision]);
    });
  };
  vanishes(one_token(-1.0F, -11.0F, 0x1p-70F, 0.0F, 0x1p-60F), {});  // A times the token's weight, before rho
  vanishes(one_token(-2.0F, -1.0F, 0x1p-126F, 0.0F, 1.0F),
           {.aggregate = cppo::token_mean, .normalizer = 0.0078125});  // rho A, before the scale
}

TEST_CASE("under flush-to-zero a token whose log ratio is subnormal moves nowhere and is kept", "[reliability]") {
  batch_t const batch = one_token(-0x1.8p-126F, -0x1p-126F, -1.0F, 0.5F, 1.0F);
  with_and_without(batch, cppo::dppo({}, cppo::precomputed), {}, [](run_t const& plain, run_t const& zeros) {
    CHECK(plain[captured::mask][0] == 0.0F);
    CHECK(zeros[captured::mask][0] == 1.0F);
    CHECK(zeros[captured::decision][0] == static_cast<float>(cppo::decision::kept_toward));
    CHECK(zeros[captured::gradient][0] == 1.0F);
  });
}

TEST_CASE("under flush-to-zero a subnormal divergence below 0 is valid, a log-prob above 0 may be", "[reliability]") {
  float const tiny = std::numeric_limits<float>::denorm_min();
  auto const region = cppo::dppo({}, cppo::precomputed);
  auto const is_bad = [&](batch_t const& batch, cppo::status_code bad, bool by_bits) {
    on_every_executor([&](auto const& executor) {
      CHECK(cppo::testing::capture(executor, batch, region, {}).outcome.code == bad);
      auto const code = flushing(executor, batch, region, {}).outcome.code;
      CHECK((code == cppo::status_code::ok || (by_bits && code == bad)));
    });
    bool const valid = flushing(cppo::seq, batch, region, {}).outcome.ok();
    CHECK(valid == !by_bits);
  };
  is_bad(one_token(tiny, -1.0F, 1.0F, 0.0F, 1.0F), cppo::status_code::log_prob_invalid, true);
  is_bad(one_token(-1.0F, tiny, 1.0F, 0.0F, 1.0F), cppo::status_code::rollout_log_prob_invalid, true);
  is_bad(one_token(-1.0F, -1.0F, 1.0F, -tiny, 1.0F), cppo::status_code::divergence_invalid, false);
}

#endif
