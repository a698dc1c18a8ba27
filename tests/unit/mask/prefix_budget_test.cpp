// The prefix budget, worked out by hand on four tokens of exactly representable numbers.
#include "support/catch_compat.hpp"
#include "support/hand_token.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/divergence/precomputed.hpp>
#include <cppo/mask.hpp>
#include <cppo/region.hpp>

#include <vector>

namespace {

// What a call says of one response whose tokens all move away.
template <class Real>
struct worked {
  std::vector<std::uint8_t> mask;
  std::vector<Real> drift, weight, threshold;
};

template <class Real, class Region>
worked<Real> work(std::vector<Real> const& d, Region const& region) {
  std::size_t const n = d.size();
  std::vector<Real> const pi(n, Real(-0.5)), mu(n, Real(-1)), a(n, Real(1));
  worked<Real> w{std::vector<std::uint8_t>(n, 9), std::vector<Real>(n), std::vector<Real>(n), std::vector<Real>(n)};
  auto const batch = cppo::rollout_batch(cppo::padded(1, static_cast<cppo::index_t>(n)), cppo::log_prob(pi),
                                         cppo::rollout_log_prob(mu), cppo::advantage(a), cppo::divergence_values(d));
  REQUIRE(policy_loss(cppo::seq, batch, region,
                      {.mask = w.mask,
                       .trace = {.prefix_drift = w.drift, .prefix_weight = w.weight, .threshold = w.threshold}})
              .ok());
  return w;
}

auto budget_alone(double delta, double delta_b) {
  return cppo::trust_region(cppo::precomputed, cppo::uniform_weight, cppo::prefix_budget(delta, delta_b));
}

using bytes = std::vector<std::uint8_t>;

}  // namespace

TEMPLATE_TEST_CASE("c_t goes below zero and recovers, and masked tokens are charged all the same", "", float, double) {
  using Real = TestType;
  // delta = 1/2, delta_b = 1/4. c_t = 1/2 + (t - 1)/4 - S_{t-1}.
  //   t  D    S_{t-1}  c_t    kept
  //   1  1    0        1/2    no, charged
  //   2  0    1       -1/4    no, although D = 0
  //   3  0    1        0      yes: 0 <= 0
  //   4  1/4  1        1/4    yes: inclusive
  auto const w = work<Real>({Real(1), Real(0), Real(0), Real(0.25)}, budget_alone(0.5, 0.25));
  CHECK(w.mask == bytes{0, 0, 1, 1});
  CHECK(w.drift == std::vector<Real>{Real(0), Real(1), Real(1), Real(1)});
  CHECK(w.weight == std::vector<Real>{Real(0), Real(1), Real(2), Real(3)});
  CHECK(w.threshold == std::vector<Real>{Real(0.5), Real(-0.25), Real(0), Real(0.25)});
}

TEST_CASE("one grid step more than what is left is too much") {
  double const step = 0x1p-40;
  CHECK(work<double>({0.5, 0.25}, budget_alone(0.5, 0.25)).mask == bytes{1, 1});
  CHECK(work<double>({0.5, 0.25 + step}, budget_alone(0.5, 0.25)).mask == bytes{1, 0});
  CHECK(work<double>({0.5 + step, 0.25 - step}, budget_alone(0.5, 0.25)).mask == bytes{0, 1});
}

TEST_CASE("with the threshold c_t is the smaller of the two, and weights enter both sums") {
  // w = 1, 3/4, 1/2; delta = 1/2, delta_b = 1/4.
  //   t  D    Z    S_{t-1}  W_{t-1}  delta + delta_b W - S   c_t   kept
  //   1  1/4  1/4  0        0        1/2                     1/2   yes
  //   2  1    3/4  1/4      1        1/2                     1/2   no
  //   3  1/2  1/4  1        7/4      -1/16                  -1/16  no
  auto const region = cppo::trust_region(cppo::precomputed, cppo::linear_weight(0.5),
                                         cppo::divergence_within(0.5) & cppo::prefix_budget(0.5, 0.25));
  auto const w = work<float>({0.25F, 1.0F, 0.5F}, region);
  CHECK(w.mask == bytes{1, 0, 0});
  CHECK(w.drift == std::vector<float>{0.0F, 0.25F, 1.0F});
  CHECK(w.weight == std::vector<float>{0.0F, 1.0F, 1.75F});
  CHECK(w.threshold == std::vector<float>{0.5F, 0.5F, -0.0625F});
  // Unused allowance does not lift c_t above delta.
  auto const quiet = work<float>({0.0F, 0.0F, 0.0F}, region);
  CHECK(quiet.threshold == std::vector<float>{0.5F, 0.5F, 0.5F});
}

TEST_CASE("a budget of zero leaves delta for the whole response") {
  CHECK(work<float>({0.25F, 0.25F, 0.0F, 0.125F}, budget_alone(0.5, 0.0)).mask == bytes{1, 1, 1, 0});
}

TEST_CASE("tokens that move toward the rollout are charged too") {
  std::vector<float> const pi{-2.0F, -0.5F}, mu{-1.0F, -1.0F}, a{1.0F, 1.0F}, d{0.5F, 0.25F};
  bytes mask(2, 9);
  auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::divergence_values(d));
  auto const run = [&](double delta_b) {
    auto const region = cppo::trust_region(cppo::precomputed, cppo::uniform_weight,
                                           cppo::toward_rollout | cppo::prefix_budget(0.5, delta_b));
    REQUIRE(compute_mask(cppo::seq, batch, region, mask).ok());
    return mask;
  };
  CHECK(run(0.125) == bytes{1, 0});
  CHECK(run(0.25) == bytes{1, 1});
}

TEST_CASE("excess is S_t over delta + delta_b W_{t-1}") {
  cppo_test::hand_token const t{.divergence = 0.5, .weight = 0.5, .drift = 0.75, .prefix_weight = 2.0,
                                .allowance = 0.25};
  CHECK(cppo_test::excess(cppo::prefix_budget(0.25, 0.125), t) == 2.0);
}

TEST_CASE("the mask is the outcome of the exact test, not of the numbers") {
  auto const mask = cppo::prefix_budget(0.25, 0.125);
  CHECK(cppo_test::keeps(mask, {.divergence = 900.0, .within_budget = true}));
  CHECK_FALSE(cppo_test::keeps(mask, {.divergence = 0.0, .within_budget = false}));
}

TEST_CASE("the two factories of a fixed budget make the same mask") {
  std::vector<float> const d{0.25F, 0.375F, 0.0F, 0.5F, 0.125F};
  auto const source = cppo::trust_region(cppo::precomputed, cppo::uniform_weight,
                                         cppo::prefix_budget(0.5, cppo::fixed_budget(0.125)));
  CHECK(work<float>(d, source).mask == work<float>(d, budget_alone(0.5, 0.125)).mask);
  CHECK(work<float>(d, source).mask == bytes{1, 1, 1, 0, 0});
}
