// What may not be claimed: pairs within the mask that exceed Eq. 6, and what no mask of updates guarantees.
#include "support/catch_compat.hpp"
#include "theory/tables.hpp"

#include <cppo/region.hpp>
#include <cppo/theory/bound.hpp>
#include <cppo/theory/profile.hpp>

#include <string>

namespace {

using namespace cppo;
using namespace cppo_test;
using namespace cppo::theory;

// A pair found by enumeration, with thresholds under which Eq. 8 keeps every token of every response though each moves
// away; all in fractions.
struct pair_above {
  index_t V, T;
  int K;
  std::vector<std::vector<int>> pi, mu;
  rational delta, delta_b, w_min;
  rational times_eq_6;  // residual over 2 T(T-1) ell_max delta_b
};

std::vector<pair_above> const above_eq_6 = {
    {2, 2, 12, {{2, 10}, {2, 10}, {2, 10}}, {{1, 11}, {1, 11}, {1, 11}}, {1, 12}, {1, 15}, {4, 5}, {5, 4}},
    {3, 2, 2, {{2, 0, 0}, {2, 0, 0}, {2, 0, 0}, {2, 0, 0}}, {{1, 1, 0}, {1, 1, 0}, {1, 1, 0}, {2, 0, 0}},
     {1, 2}, {2, 5}, {4, 5}, {5, 4}},
    {2, 3, 4, {{1, 3}, {1, 3}, {2, 2}, {3, 1}, {1, 3}, {2, 2}, {2, 2}},
     {{1, 3}, {1, 3}, {1, 3}, {1, 3}, {1, 3}, {1, 3}, {1, 3}}, {2, 5}, {1, 76}, {4, 5}, {19, 8}},
    {2, 3, 10, {{9, 1}, {9, 1}, {9, 1}, {9, 1}, {9, 1}, {1, 9}, {1, 9}},
     {{9, 1}, {8, 2}, {1, 9}, {1, 9}, {1, 9}, {1, 9}, {1, 9}}, {18, 25}, {1, 190}, {4, 5}, {57, 10}},
    // delta and delta_b of Table 3: half of delta + delta_b on the first token, the rest on the second.
    {2, 2, 1600, {{932, 668}, {965, 635}, {965, 635}}, {{800, 800}, {800, 800}, {800, 800}},
     {3, 20}, {3, 200}, {4, 5}, {11, 2}},
};

rational linear(rational w_min, index_t t, index_t T) {
  return rational(1) - (rational(1) - w_min) * rational(t - 1, T - 1);
}

// True if Z_t <= min(delta, delta + delta_b W_{t-1} - S_{t-1}) at every prefix. [Eq. 8]
bool within_eq_8(tabular_policy<rational> const& mu, numbers<rational> const& d, pair_above const& p) {
  for (index_t y = 0; y < mu.responses(); ++y) {
    rational S(0), W(0);
    for (index_t t = 1; t <= p.T; ++t) {
      rational const w = linear(p.w_min, t, p.T), z = w * d(mu.row_of(t - 1, y));
      if (!(z <= p.delta && z <= p.delta + p.delta_b * W - S)) return false;
      S += z;
      W += w;
    }
  }
  return true;
}

auto region_of(double delta, double delta_b, double w_min) {
  return trust_region(precomputed, linear_weight(w_min), divergence_within(delta) & prefix_budget(delta, delta_b));
}

double number(rational x) { return static_cast<double>(x); }

tabular_policy<double> fair(index_t V, index_t T) { return tabular_policy<double>(V, T); }

}  // namespace

TEST_CASE("limits: pairs within the mask of Eq. 8 exceed Eq. 6 and stay below Eq. 17") {
  for (pair_above const& p : above_eq_6) {
    CAPTURE(p.V, p.T, p.K);
    auto const mu = table_of<rational>(p.V, p.T, p.mu, p.K), pi = table_of<rational>(p.V, p.T, p.pi, p.K);
    REQUIRE((mu.check() && pi.check()));
    auto const c = compare(pi, mu);
    REQUIRE(c.absolutely_continuous);
    REQUIRE(within_eq_8(mu, c.divergence, p));
    rational ell_max(0);
    for (index_t r = 0; r < c.divergence.size(); ++r) ell_max = std::max(ell_max, c.divergence(r));
    rational const eq_6 = rational(2 * p.T * (p.T - 1)) * ell_max * p.delta_b;
    rational const slack = rational(4 * (p.T - 1)) * ell_max * p.delta;
    rational const residual = c.largest_residual();
    CHECK(residual == p.times_eq_6 * eq_6);
    CHECK(residual > eq_6);
    CHECK(residual < eq_6 + slack);
    double const claimed = implemented_residual(p.T, number(ell_max), number(p.delta_b), number(p.delta));
    CHECK(claimed == approx(number(eq_6 + slack)).epsilon(1e-14));

    // The library's mask agrees: with every token moving away, all are kept.
    every_response_of const all(table_of<double>(p.V, p.T, p.pi, p.K), table_of<double>(p.V, p.T, p.mu, p.K));
    if (p.V > 2) continue;  // a symbol that mu never samples has no log-prob
    double const wider = 1 + 1e-9;  // the fractions, rounded to the arithmetic of the mask
    auto const region = region_of(number(p.delta) * wider, number(p.delta_b) * wider, number(p.w_min));
    CHECK(all.kept(region, all.pointing(1.0)) == p.T * mu.responses());
  }
}

TEST_CASE("limits: outside the support of mu neither the expectations nor Eq. 14 hold") {
  // mu always begins with 0, pi with 1 half of the time, and what follows 1 no rollout has seen.
  auto const mu = table_of<rational>(2, 2, {{2, 0}, {1, 1}, {2, 0}}, 2);
  auto const pi = table_of<rational>(2, 2, {{1, 1}, {1, 1}, {0, 2}}, 2);
  auto const c = compare(pi, mu);
  CHECK_FALSE(c.absolutely_continuous);
  CHECK((c.ell(0) == rational(1, 2) && c.ell(1) == rational(0)));
  CHECK(profile_residual(std::vector<double>{0.5, 0.0}, suffix_sums(std::vector<double>{0.5, 0.0})) == 0.0);  // Eq. 14
  CHECK(c.largest_residual() == rational(1));
  // E_mu[R(rho - 1)] sees the responses 00 and 01 alone; with R = -1 on 11, J(pi) - J(mu) is not even touched by it.
  numbers<rational> R(4);
  R << rational(0), rational(0), rational(0), rational(-1);
  rational expected(0);
  for (index_t y = 0; y < 2; ++y) expected += R(y) * (c.pi(y) - c.mu(y));
  CHECK(expected == rational(0));
  CHECK(c.value(c.pi, R) - c.value(c.mu, R) == rational(-1, 2));
  CHECK(c.value(c.surrogate, R) - c.value(c.residual, R) == rational(-1, 2));  // of the products, still exact
  // Where mu never gets to, it has no say.
  auto const inside = table_of<rational>(2, 2, {{2, 0}, {1, 1}, {0, 2}}, 2);
  CHECK(compare(inside, mu).absolutely_continuous);
}

TEST_CASE("limits: Binary-TV within the region, total variation and Delta far outside") {
  // Four symbols, each 1/10 more or less likely: every sampled token shows 0.1, the laws are 0.2 apart.
  auto const mu = fair(4, 2);
  auto pi = mu;
  for (index_t r = 0; r < pi.table().rows(); ++r) pi.table().row(r) << 0.35, 0.35, 0.15, 0.15;
  every_response_of const all(pi, mu);
  double const delta = 0.101, delta_b = 0.1;
  auto const away = all.pointing(1.0);
  auto const rule = divergence_within(delta) & prefix_budget(delta, delta_b);
  auto const seen = trust_region(binary_tv, uniform_weight, rule);
  auto const listed = trust_region(precomputed, uniform_weight, rule);
  CHECK(all.kept(seen, away) == 32);   // every token of every response
  CHECK(all.kept(listed, away) == 0);  // none, were the exact divergence asked
  double const residual = compare(pi, mu).largest_residual();
  CHECK(residual == approx(0.16));
  CHECK(residual > 1.9 * implemented_residual(2, delta, delta_b, delta));  // Eq. 17 with what the mask measured
  CHECK(residual <= implemented_residual(2, 0.2, 0.2, 0.0));               // and with what it is
}

TEST_CASE("limits: tokens kept because they move toward mu are as far away as they like") {
  auto const mu = fair(2, 2);
  auto pi = mu;
  for (index_t r = 0; r < pi.table().rows(); ++r) pi.table().row(r) << 0.95, 0.05;
  every_response_of const all(pi, mu);
  auto const region = presets::dense_post_trained(precomputed);
  CHECK(all.kept(region, all.pointing(-1.0)) == 8);  // toward: everything is kept
  CHECK(all.kept(region, all.pointing(1.0)) == 0);   // away: nothing
  double const residual = compare(pi, mu).largest_residual();
  CHECK(residual == approx(4 * 0.45 * 0.45));
  CHECK(residual > 6.0 * implemented_residual(2, 0.15 / 0.8, 0.015, 0.15));
}

TEST_CASE("limits: the mask binds an update, not the policy that comes of it") {
  // A table of logits, one step of gradient descent with the library's gradient. Every token is kept, as pi = mu; after
  // the step those that move away are out, but pi is where it is, and a masked token does not bring it back.
  auto const mu = fair(2, 2);
  auto pi = mu;
  auto const region = presets::dense_post_trained(precomputed);
  numbers<double> logits = numbers<double>::Zero(mu.table().rows());  // of symbol 0 against symbol 1
  auto const step = [&](double rate) {
    every_response_of const all(pi, mu);
    std::vector<double> advantages;
    for (index_t y = 0; y < 4; ++y) advantages.insert(advantages.end(), 2, y / 2 == y % 2 ? 1.0 : -1.0);
    std::vector<double> gradient(8);
    status const s = policy_loss(seq, all.batch(advantages), region, {.gradient = gradient});
    CHECK(s.ok());
    numbers<double> const before = logits;
    for (std::size_t i = 0; i < 8; ++i) {
      index_t const r = all.row[i], a = mu.token_of(static_cast<index_t>(i) % 2 + 1, static_cast<index_t>(i) / 2);
      logits(r) -= rate * gradient[i] * ((a == 0 ? 1.0 : 0.0) - pi.table()(r, 0));  // d log pi(a) / d logit
    }
    for (index_t r = 0; r < logits.size(); ++r) {
      pi.table()(r, 0) = 1.0 / (1.0 + std::exp(-logits(r)));
      pi.table()(r, 1) = 1.0 - pi.table()(r, 0);
    }
    return (logits - before).cwiseAbs().maxCoeff();
  };
  CHECK(step(4.0) > 1.0);
  auto const c = compare(pi, mu);
  double const ell_max = std::max(c.ell(0), c.ell(1));
  CHECK(ell_max > 0.15 / 0.8);  // past the threshold of both positions, by one step whose tokens were all inside
  CHECK(step(4.0) == 0.0);      // and there it stays
}
