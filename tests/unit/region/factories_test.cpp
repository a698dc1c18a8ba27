// The regions of the paper have the numbers that their options say, given or not.
#include "support/catch_compat.hpp"
#include "support/same_run.hpp"

#include <cppo/region.hpp>
#include <cppo/testing/generators.hpp>

#include <array>
#include <bit>

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

static_assert(cppo::fixed_cppo().weight().w_min() == 0.8 && cppo::fixed_cppo().budget_slack() == 0.15);
static_assert(dppo().budget_slack() == 0.0);
static_assert(dppo().resolve_budget(cppo::detail::probe_statistics<cppo::needs::none>{}) == 0.0);
static_assert(cppo::cppo_options{}.delta_b == 0.015 && cppo::trm_options{}.delta == 0.05);
constexpr cppo::calibrated_cppo_options calibrated;
static_assert(calibrated.delta == 0.15 && calibrated.delta_b == 0.02 && calibrated.w_min == 0.8);
static_assert(cppo::ppo_options{}.epsilon == 0.2 && cppo::dppo_options{}.delta == 0.15);

}  // namespace

TEST_CASE("F40: dppo takes delta and ppo epsilon, for both sides or for one") {
  using namespace cppo::testing;
  generated_batch<float> const batch = generate<float>(7, {.max_responses = 6, .max_length = 60});
  auto const same = [&batch](auto const& region, auto const& want) {
    auto const got = capture(cppo::seq, batch, region, {});
    CHECK(cppo_test::unlike(got, capture(cppo::seq, batch, want, {}), batch.rows()) == "");
  };
  same(dppo({.delta = 0.02}), dppo({.delta_low = 0.02, .delta_high = 0.02}));
  same(dppo(), dppo({.delta_low = 0.15, .delta_high = 0.15}));
  auto const clipped = [](double low, double high) { return ppo({.epsilon_low = low, .epsilon_high = high}); };
  same(ppo({.epsilon = 0.05}), clipped(0.05, 0.05));
  same(ppo({.epsilon = 0.05, .epsilon_high = 0.3}), clipped(0.05, 0.3));
  same(ppo(), clipped(0.2, 0.2));
}
