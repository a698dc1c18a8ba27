// A divergence for the report alone: it is measured, and decides nothing.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/described.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/generators.hpp>

namespace {

using cppo::index_t;
using namespace cppo::testing;

// Decides by the divergence that it sees.
struct near_rollout {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return (t.divergence() <= V(0.01)) & (t.weighted_divergence() <= V(0.01)) & (t.rollout_prob() <= V(0.5));
  }
};

// Says how far it is past its boundary by the drift of the prefix, undeclared: under a soft gate that is known.
struct wary_of_drift {
  template <class V>
  constexpr auto operator()(cppo::token<V> const& t) const {
    return t.ratio() < 1.05;
  }
  template <class V>
  constexpr V excess(cppo::token<V> const& t) const {
    return t.ratio() / V(1.05) + t.prefix_drift();
  }
};

// `silent` and the same region with a divergence for its report differ in what is measured alone; tokens masked.
template <class Executor, class Region, class D>
index_t decides_nothing(Executor const& executor, Region const& silent, D divergence, generator_options const& o = {}) {
  auto const loud = reporting(silent, divergence);
  index_t masked = 0;
  double drift = 0.0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    generated_batch<float> const batch = generate<float>(seed, o);
    auto const want = capture(executor, batch, silent, {}), got = capture(executor, batch, loud, {});
    REQUIRE(cppo_test::same_status(got.outcome, want.outcome));
    for (captured const c : {captured::mask, captured::loss, captured::gradient, captured::gate, captured::weight,
                             captured::threshold, captured::excess, captured::decision}) {
      REQUIRE(got[c] == want[c]);
    }
    auto const measured = capture(executor, batch, trust_region(divergence, silent.weight(), cppo::keep_all), {});
    for (captured const c : {captured::divergence, captured::weighted_divergence, captured::prefix_drift}) {
      REQUIRE(got[c] == measured[c]);
    }
    cppo::report expected = want.report;
    expected.sum_divergence = measured.report.sum_divergence;
    expected.sum_weighted_divergence = measured.report.sum_weighted_divergence;
    expected.max_divergence = measured.report.max_divergence;
    REQUIRE(cppo_test::unlike(got.report, expected) == "");
    masked += want.report.masked();
    drift += got.report.mean_divergence();
  }
  CHECK(drift > 0.0);
  return masked;
}

}  // namespace

TEST_CASE("F40: a divergence for the report alone changes no bit of mask, gate, loss and gradient") {
  using namespace cppo;
  CHECK(decides_nothing(seq, ppo(), binary_tv) > 0);
  CHECK(decides_nothing(simd, ppo({.epsilon_high = 0.28}), binary_kl) > 0);
  CHECK(decides_nothing(seq, ppo(), top_k_tv, {.top_k = 4}) > 0);
  CHECK(decides_nothing(seq, softened(ppo(), reciprocal_gate), binary_tv) > 0);
  CHECK(decides_nothing(seq, trust_region(no_divergence, linear_weight(0.5), near_rollout{}), binary_tv) > 0);
  auto const wary = trust_region(no_divergence, uniform_weight, wary_of_drift{});
  CHECK(decides_nothing(seq, softened(wary, reciprocal_gate), binary_tv) > 0);
  CHECK(decides_nothing(simd, wary, binary_tv) > 0);
  CHECK(decides_nothing(seq, trust_region(no_divergence, uniform_weight, divergence_within(1e-9)), binary_tv) == 0);
}

TEST_CASE("F40: softened before or after, a region reports the same") {
  using namespace cppo;
  generated_batch<float> const batch = generate<float>(5);
  auto const before = capture(seq, batch, reporting(softened(ppo(), reciprocal_gate), binary_tv), {});
  auto const after = capture(seq, batch, softened(reporting(ppo(), binary_tv), reciprocal_gate), {});
  CHECK(cppo_test::unlike_runs(before, after, batch.rows()) == "");
}

TEST_CASE("F40: the divergence that a text only reports decides nothing") {
  generated_batch<float> const batch = generate<float>(6, {.max_length = 60});
  auto const with = [&](std::string const& region, std::string const& divergence) {
    cppo::parsed_region const read = cppo::parse_region("reporting(" + region + ", " + divergence + ")");
    REQUIRE(read);
    return capture(cppo::seq, batch, read.region, {});
  };
  for (char const* const region : {"ppo", "unrestricted"}) {
    auto const none = with(region, "no_divergence"), tv = with(region, "binary_tv"), kl = with(region, "binary_kl");
    CHECK(none.report.mean_divergence() == 0.0);
    CHECK(tv.report.mean_divergence() > 0.0);
    CHECK(kl.report.mean_divergence() > 0.0);
    CHECK(tv.report.mean_divergence() != kl.report.mean_divergence());
    for (captured const c : {captured::mask, captured::loss, captured::gradient, captured::gate, captured::decision}) {
      CHECK(tv[c] == none[c]);
      CHECK(kl[c] == none[c]);
    }
  }
}

TEST_CASE("F40: what a reported divergence reads must be lent") {
  std::vector<float> const x(4, -1.0F);
  auto const batch = cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(x), cppo::rollout_log_prob(x),
                                         cppo::advantage(x));
  cppo::report r;
  cppo::status const s = policy_loss(cppo::seq, batch, reporting(cppo::ppo(), cppo::precomputed), {.report = &r});
  CHECK(s.code == cppo::status_code::missing_input);
  CHECK(s.where == cppo::argument::divergence);
}
