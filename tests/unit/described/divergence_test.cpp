// A region chosen by name is the one its factory makes.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/region.hpp>
#include <cppo/testing/generators.hpp>

#include <array>
#include <bit>
#include <set>

namespace {

using cppo::index_t;
using cppo::region_config;
using namespace cppo::testing;

constexpr region_config numbers(std::string_view region, std::string_view divergence) {
  return {.region = region, .divergence = divergence, .delta = 0.12, .delta_b = 0.01, .w_min = 0.7, .epsilon_low = 0.1,
          .epsilon_high = 0.3, .calibrate = {.quantile = 0.5, .scale = 0.5, .ceiling_factor = 3.0}, .seed = 42};
}

// The run of a region chosen by name; `found` says whether there was one.
captured_run<float> by_name(region_config const& c, generated_batch<float> const& batch, bool& found) {
  captured_run<float> run;
  found = visit_region(c, [&](auto const& region) { run = capture(cppo::seq, batch, region, {}); });
  return run;
}

// Every output of the named region has the bits of the factory's.
template <class Region>
void same(std::string_view name, std::string_view divergence, Region const& region, generator_options const& o = {}) {
  INFO(std::string(name) << " on " << std::string(divergence));
  index_t masked = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    generated_batch<float> const batch = generate<float>(seed, o);
    bool found = false;
    auto const got = by_name(numbers(name, divergence), batch, found);
    REQUIRE(found);
    auto const want = capture(cppo::seq, batch, region, {});
    REQUIRE(cppo_test::same_status(got.outcome, want.outcome));
    REQUIRE(got.outcome.ok());
    REQUIRE(cppo_test::unlike(got, want, batch.rows()) == "");
    masked += got.report.masked();
  }
  CHECK((masked > 0) == (name != "none"));
}

template <class D>
void same_divergence(std::string_view name, D divergence) {
  bool const lists = name.starts_with("top_k");
  same("cppo", name, cppo::fixed_cppo({0.12, 0.01, 0.7}, divergence),
       {.top_k = lists ? 4 : 0, .divergence = name == "precomputed"});
}

}  // namespace

TEST_CASE("every region name reaches the region of its factory") {
  using namespace cppo;
  cppo_options const o{0.12, 0.01, 0.7};
  calibrated_cppo_options const floor{0.12, 0.01, 0.7};
  calibration const c{.quantile = 0.5, .scale = 0.5, .ceiling_factor = 3.0};
  auto const both = toward_rollout | (divergence_within(0.12) & prefix_budget(0.12, 0.01));
  same("none", "binary_tv", trust_region(binary_tv, uniform_weight, keep_all));
  same("ppo", "binary_tv", trust_region(binary_tv, uniform_weight, toward_rollout | ratio_within(0.9, 1.3)));
  same("dppo", "binary_tv", dppo({.delta = 0.12}));
  same("cppo", "binary_tv", fixed_cppo(o));
  same("cppo_calibrated", "binary_tv", calibrated_cppo(floor, binary_tv, c));
  same("cppo_no_budget", "binary_tv",
       trust_region(binary_tv, linear_weight(0.7), toward_rollout | divergence_within(0.12)));
  same("cppo_no_weight", "binary_tv", trust_region(binary_tv, uniform_weight, both));
  same("cppo_shuffled", "binary_tv", trust_region(binary_tv, permuted(linear_weight(0.7), 42), both));
  same("cppo_soft", "binary_tv", softened(fixed_cppo(o), reciprocal_gate));
  same("cppo_calibrated_soft", "binary_tv", softened(calibrated_cppo(floor, binary_tv, c), reciprocal_gate));
  same("trm_max", "binary_tv", trm_max({0.12}, binary_tv));
  same("trm_mean", "binary_tv", trm_mean({0.12}, binary_tv));
  CHECK(std::size(region_names()) == 12);
}

TEST_CASE("every divergence name reaches its divergence") {
  std::size_t names = 0;
  cppo::detail::each_named(cppo::detail::divergences_by_name, [&](std::string_view name, auto divergence) {
    CHECK(cppo::divergence_names()[names++] == name);
    if (name != "none") same_divergence(name, divergence);
  });
  CHECK(names == std::size(cppo::divergence_names()));
}

TEST_CASE("the names of the paper's divergences, and those of others, are those of their own objects") {
  auto const is = [](std::string_view name, auto divergence) {
    bool same = false;
    cppo::named_divergence::find(name).visit(
        [&](auto found) { same = std::is_same_v<decltype(found), decltype(divergence)>; });
    CHECK(same);
  };
  is("none", cppo::no_divergence);
  is("binary_tv", cppo::binary_tv);
  is("binary_kl", cppo::binary_kl);
  is("top_k_tv", cppo::top_k_tv);
  is("top_k_kl_list", cppo::top_k_kl_list);
  is("k3", cppo::k3);
  is("precomputed", cppo::precomputed);
}

TEST_CASE("the divergence named none is 0 everywhere") {
  generated_batch<float> const batch = generate<float>(4);
  bool found = false;
  auto const run = by_name(numbers("cppo", "none"), batch, found);
  REQUIRE(found);
  CHECK(run.report.counts.tokens > 0);
  CHECK(run.report.sum_divergence == 0.0);
  CHECK(run.report.masked() == 0);
}

TEST_CASE("every pair of names is accepted and all names differ") {
  for (std::string_view const p : cppo::region_names()) {
    for (std::string_view const d : cppo::divergence_names()) {
      int calls = 0;
      CHECK(visit_region(numbers(p, d), [&](auto const& region) { calls += region.check() ? 1 : 100; }));
      CHECK(calls == 1);
    }
  }
  auto const& p = cppo::region_names();
  auto const& d = cppo::divergence_names();
  std::set<std::string_view> const regions(std::begin(p), std::end(p)), divergences(std::begin(d), std::end(d));
  CHECK(regions.size() == std::size(cppo::region_names()));
  CHECK(divergences.size() == std::size(cppo::divergence_names()));
}

// An index past the names would not compile here.
static_assert(cppo::named_divergence::find("no such").index() == -1);

TEST_CASE("a configuration that says nothing has the numbers of the factories") {
  auto const same_as = [](std::string_view name, auto const& region) {
    INFO(std::string(name));
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      bool found = false;
      auto const got = by_name(region_config{.region = name}, batch, found);
      REQUIRE(found);
      CHECK(cppo_test::unlike(got, capture(cppo::seq, batch, region, {}), batch.rows()) == "");
    }
  };
  using namespace cppo;
  static_assert(region_config{}.region == "cppo");
  same_as("cppo", fixed_cppo());
  same_as("cppo_calibrated", calibrated_cppo());
  same_as("cppo_calibrated_soft", softened(presets::dense_base(), reciprocal_gate));
  same_as("cppo_shuffled", trust_region(binary_tv, permuted(linear_weight(0.8), 0), fixed_cppo().mask()));
  same_as("ppo", trust_region(binary_tv, uniform_weight, ppo().mask()));
  same_as("dppo", dppo());
  same_as("trm_max", trm_max({}, binary_tv));
  same_as("trm_mean", trm_mean({}, binary_tv));
  static_assert(fixed_cppo().weight().w_min() == 0.8 && fixed_cppo().budget_slack() == 0.15);
  static_assert(dppo().budget_slack() == 0.0 && dppo().resolve_budget(detail::probe_statistics<needs::none>{}) == 0.0);
  static_assert(cppo_options{}.delta_b == 0.015 && trm_options{}.delta == 0.05);
  constexpr calibrated_cppo_options calibrated;
  static_assert(calibrated.delta == 0.15 && calibrated.delta_b == 0.02 && calibrated.w_min == 0.8);
  static_assert(ppo_options{}.epsilon == 0.2 && dppo_options{}.delta == 0.15);
}

namespace {

// The two bounds of a mask `toward_rollout | clause`.
template <class Region>
constexpr std::array<double, 2> bounds(Region const& region) {
  return std::bit_cast<std::array<double, 2>>(region.mask().second);
}
using cppo::dppo;
using cppo::ppo;
static_assert(bounds(dppo()) == std::array{0.15, 0.15} && bounds(dppo({.delta = 0.2})) == std::array{0.2, 0.2});
static_assert(bounds(dppo({.delta_low = 0.1})) == std::array{0.1, 0.15});
static_assert(bounds(dppo({.delta = 0.2, .delta_high = 0.28})) == std::array{0.2, 0.28});
static_assert(bounds(dppo({.delta_low = 0.1, .delta_high = 0.0})) == std::array{0.1, 0.0});
static_assert(bounds(ppo()) == std::array{0.8, 1.2} && bounds(ppo({.epsilon = 0.5})) == std::array{0.5, 1.5});
static_assert(bounds(ppo({.epsilon = 0.5, .epsilon_low = 0.25})) == std::array{0.75, 1.5});
static_assert(bounds(ppo({.epsilon_high = 0.25})) == std::array{0.8, 1.25});
// Two numbers without names would mean something else than they did when the first was the lower one.
template <class Options>
concept takes_numbers = requires { Options{0.1, 0.2}; } || requires { Options{0.1}; };
static_assert(!takes_numbers<cppo::dppo_options> && !takes_numbers<cppo::ppo_options>);
static_assert(takes_numbers<cppo::cppo_options>);

}  // namespace

TEST_CASE("F40: dppo takes delta and ppo epsilon, for both sides or for one, in a configuration too") {
  generated_batch<float> const batch = cppo::testing::generate<float>(7, {.max_responses = 6, .max_length = 60});
  auto const same = [&batch](region_config const& c, auto const& want) {
    bool const found = cppo::visit_region(c, [&](auto const& region) {
      auto const got = capture(cppo::seq, batch, region, {});
      CHECK(cppo_test::unlike(got, capture(cppo::seq, batch, want, {}), batch.rows()) == "");
    });
    CHECK(found);
  };
  same({.region = "dppo", .delta = 0.02}, dppo({.delta = 0.02}));
  same({.region = "dppo"}, dppo({.delta_low = 0.15, .delta_high = 0.15}));
  auto const clipped = [](double low, double high) { return ppo({.epsilon_low = low, .epsilon_high = high}); };
  same({.region = "ppo", .divergence = "none", .epsilon = 0.05}, clipped(0.05, 0.05));
  same({.region = "ppo", .divergence = "none", .epsilon = 0.05, .epsilon_high = 0.3}, clipped(0.05, 0.3));
  same({.region = "ppo", .divergence = "none"}, clipped(0.2, 0.2));
}

TEST_CASE("an unknown name is refused without a call") {
  bool called = false;
  auto const visit = [&called](std::string_view p, std::string_view d) {
    return visit_region(region_config{.region = p, .divergence = d}, [&called](auto const&) { called = true; });
  };
  CHECK_FALSE(visit("cpo", "binary_tv"));
  CHECK_FALSE(visit("CPPO", "binary_tv"));
  CHECK_FALSE(visit("", "binary_tv"));
  CHECK_FALSE(visit("cppo", "tv"));
  CHECK_FALSE(visit("cppo", ""));
  CHECK_FALSE(visit("cppo ", "binary_tv"));
  CHECK_FALSE(called);
  CHECK(cppo::named_divergence::find("no such").index() == -1);
  CHECK_FALSE(cppo::named_divergence::find("no such").check());
  auto const known = static_cast<int>(std::size(cppo::divergence_names()));
  CHECK(cppo::named_divergence(known - 1).check());
  CHECK_FALSE(cppo::named_divergence(known).check());
  CHECK_FALSE(cppo::named_divergence(99).check());
}

TEST_CASE("a named divergence asks for the input its type asks for") {
  auto const reads = [](std::string_view d) { return cppo::named_divergence::find(d).reads(); };
  CHECK(reads("binary_tv") == cppo::argument::none);
  CHECK(reads("precomputed") == cppo::argument::divergence);
  CHECK(reads("top_k_kl") == cppo::argument::token_id);
  CHECK(reads("top_k_tv_list") == cppo::argument::top_k);
  generated_batch<float> const batch = generate<float>(1);
  bool found = false;
  auto const run = by_name(numbers("cppo", "precomputed"), batch, found);
  CHECK(run.outcome.code == cppo::status_code::missing_input);
  CHECK(run.outcome.where == cppo::argument::divergence);
}

TEST_CASE("a named Top-K divergence misses lists and ids one by one") {
  float const x[] = {-0.5F, -0.25F}, zeros[] = {0.0F, 0.0F};
  std::int32_t const ids[] = {1, 2};
  auto const missing = [&](std::string_view divergence, auto const&... more) {
    auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(x), cppo::rollout_log_prob(x),
                                           cppo::advantage(x), more...);
    cppo::status const s = policy_loss(cppo::seq, batch, cppo::dppo({}, cppo::named_divergence::find(divergence)), {});
    return s.code == cppo::status_code::missing_input ? s.where : cppo::argument::none;
  };
  auto const lists = cppo::top_k(1, ids, x, x);
  CHECK(missing("top_k_tv") == cppo::argument::token_id);
  CHECK(missing("top_k_tv", cppo::token_id(ids)) == cppo::argument::top_k);
  CHECK(missing("top_k_tv", lists) == cppo::argument::token_id);
  CHECK(missing("top_k_tv", cppo::token_id(ids), lists) == cppo::argument::none);
  CHECK(missing("top_k_tv_list", cppo::token_id(ids)) == cppo::argument::top_k);
  CHECK(missing("top_k_tv_list", lists) == cppo::argument::none);
  CHECK(missing("precomputed") == cppo::argument::divergence);
  CHECK(missing("precomputed", cppo::divergence_values(zeros)) == cppo::argument::none);
}
