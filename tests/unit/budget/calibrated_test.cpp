// Budgets: fixed, and calibrated by Eq. 22 from the unweighted divergences of the valid tokens.
#include "support/catch_compat.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/divergence/precomputed.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region/cppo.hpp>

#include <cmath>

namespace {

using namespace cppo;


double resolve(calibrated_budget_t const& b, index_t length, double p) {
  struct {
    index_t tokens;
    double p;
    index_t length() const { return tokens; }
    double quantile(double) const { return p; }
  } const statistics{length, p};
  return b.resolve(statistics);
}

// delta_b of one response with these divergences, on both executors.
double effective(std::vector<float> const& d, std::vector<std::uint8_t> const& mask, double floor,
                 calibration const& c = {}) {
  std::vector<float> const pi(d.size(), -0.5F), mu(d.size(), -0.6F), a(d.size(), 1.0F);
  auto const n = static_cast<index_t>(d.size());
  auto const batch = rollout_batch(padded(1, n), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(mask),
                                   divergence_values(d));
  auto const region = calibrated_cppo({.delta_b = floor, .w_min = 0.1}, precomputed, c);
  report plain, fast;
  CHECK(policy_loss(seq, batch, region, {.report = &plain}).ok());
  CHECK(policy_loss(simd, batch, region, {.report = &fast}).ok());
  CHECK(plain.sum_delta_b == fast.sum_delta_b);
  return plain.sum_delta_b;
}

std::vector<float> ramp(int n, float step) {
  std::vector<float> all;
  for (int i = 0; i < n; ++i) all.push_back(static_cast<float>(i) * step);
  return all;
}

}  // namespace

TEST_CASE("a calibrated budget is the quantile between floor and ceiling", "[budget]") {
  calibrated_budget_t const b = calibrated_budget(0.02);
  CHECK(resolve(b, 5, 0.0) == 0.02);
  CHECK(resolve(b, 5, 0.02) == 0.02);
  CHECK(resolve(b, 5, 0.03) == 0.03);
  CHECK(resolve(b, 5, 0.04) == 0.04);
  CHECK(resolve(b, 5, 0.041) == 0.04);
  CHECK(resolve(b, 0, 0.03) == 0.02);  // a response without tokens
  CHECK(resolve(calibrated_budget(0.02, {.scale = 0.5}), 5, 0.05) == 0.025);
  CHECK(resolve(calibrated_budget(0.02, {.ceiling_factor = 5.0}), 5, 0.09) == 0.09);
  CHECK(resolve(calibrated_budget(0.02, {.ceiling_factor = 1.0}), 5, 0.09) == 0.02);
  CHECK(resolve(calibrated_budget(0.0), 5, 0.09) == 0.0);
}

TEST_CASE("a call calibrates on the unweighted divergences of valid tokens", "[budget]") {
  std::vector<std::uint8_t> const all(11, 1);
  CHECK(effective(ramp(11, 0.003F), all, 0.02) == cppo_test::approx(0.027).epsilon(1e-6));
  CHECK(effective(ramp(11, 0.003F), all, 0.02, {.quantile = 1.0}) == cppo_test::approx(0.03).epsilon(1e-6));
  CHECK(effective(ramp(11, 0.003F), all, 0.02, {.quantile = 0.0}) == 0.02);
  CHECK(effective(ramp(11, 0.1F), all, 0.02) == 0.04);
  CHECK(effective({0.025F}, {1}, 0.02) == cppo_test::approx(0.025).epsilon(1e-6));
  std::vector<std::uint8_t> const first_two{1, 1, 0};
  CHECK(effective({0.02F, 0.03F, 100.0F}, first_two, 0.02) == cppo_test::approx(0.029).epsilon(1e-6));
}

TEST_CASE("long responses calibrate over all of their blocks", "[budget]") {
  std::vector<float> const d = ramp(1001, 0.00003F);
  CHECK(effective(d, std::vector<std::uint8_t>(1001, 1), 0.02) == cppo_test::approx(0.027).epsilon(1e-5));
}

TEST_CASE("a response without tokens has no effective budget to report", "[budget]") {
  CHECK(effective({0.5F, 0.5F}, {0, 0}, 0.02) == 0.0);
}

TEST_CASE("budgets out of range are refused", "[budget]") {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  for (double const bad : {-1e-9, 1000.5, nan}) {
    CHECK_FALSE(fixed_budget(bad).check());
    CHECK_FALSE(calibrated_budget(bad).check());
  }
  CHECK(fixed_budget(0.0).check());
  CHECK(fixed_budget(1000.0).check());
  CHECK_FALSE(calibrated_budget(600.0).check());  // its ceiling would be 1200
  CHECK_FALSE(calibrated_budget(0.1, {.quantile = 1.01}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.quantile = nan}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.scale = -1.0}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.ceiling_factor = 0.99}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.quantile = -1e-9}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.scale = -1e-9}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.scale = 1000.5}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.scale = nan}).check());
  CHECK_FALSE(calibrated_budget(0.1, {.ceiling_factor = nan}).check());
  for (double const good : {0.0, 0.1, 500.0}) CHECK(calibrated_budget(good).check());
  for (double const end : {0.0, 1.0}) CHECK(calibrated_budget(0.1, {.quantile = end}).check());
  for (double const end : {0.0, 0.5, 1000.0}) CHECK(calibrated_budget(0.1, {.scale = end}).check());
  CHECK(calibrated_budget(0.1, {.ceiling_factor = 1.0}).check());
}

TEST_CASE("a fixed budget is the same for every response", "[budget]") {
  struct {
    index_t length() const { return 7; }
    double max_divergence() const { return 0.5; }
  } const statistics;
  CHECK(fixed_budget(0.015).resolve(statistics) == 0.015);
}
