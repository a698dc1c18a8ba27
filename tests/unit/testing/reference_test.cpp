// The oracle against numbers worked by hand from the equations; each case says how.
#include "support/catch_compat.hpp"

#include <cppo/testing/reference.hpp>

#include <numbers>

namespace {

using namespace cppo;
using namespace cppo::testing;
using cppo_test::approx;
using vec = std::vector<double>;

constexpr double ln2 = std::numbers::ln2;
double const not_a_number = std::numeric_limits<double>::quiet_NaN();

// One response of tokens that all move away from mu by a factor of 2 (A = 1, pi = 1/2, mu = 1/4), with D as given.
struct given_divergences {
  vec d;
  vec pi = vec(d.size(), std::log(0.5)), mu = vec(d.size(), std::log(0.25)), a = vec(d.size(), 1.0);
  std::vector<int> valid = std::vector<int>(d.size(), 1);

  reference_result under(reference_options o) const {
    o.divergence = reference_divergence::precomputed;
    auto const n = static_cast<index_t>(d.size());
    return reference(rollout_batch(padded(1, n), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(valid),
                                   divergence_values(d)),
                     o);
  }
};

// One token with the probabilities given.
reference_result one_token(double pi, double mu, double a, reference_options const& o) {
  vec const lp{std::log(pi)}, lq{std::log(mu)}, adv{a};
  return reference(rollout_batch(padded(1, 1), log_prob(lp), rollout_log_prob(lq), advantage(adv)), o);
}
double divergence(double pi, double mu, reference_divergence what) {
  return one_token(pi, mu, 1.0, {.divergence = what}).divergence[0];
}

void same(vec const& got, vec const& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    INFO("entry " << i);
    CHECK(got[i] == approx(expected[i]).epsilon(1e-12).margin(1e-12));
  }
}

reference_options cppo_rule(double delta, double delta_b, double w_min) {
  return {.w_min = w_min, .threshold = reference_bounds{delta, delta},
          .budget = reference_budget{.delta = delta, .delta_b = delta_b}};
}

}  // namespace

TEST_CASE("oracle: Eq. 9, the weight falls linearly from 1 to w_min over the valid tokens") {
  // T = 5, w_min = 0.8: step 0.2 / 4 = 0.05.
  same(given_divergences{vec(5, 0.0)}.under({.w_min = 0.8}).weight, {1.0, 0.95, 0.9, 0.85, 0.8});
  // T = 1: w_1 = 1.
  same(given_divergences{vec(1, 0.0)}.under({.w_min = 0.3}).weight, {1.0});
  // Holes take no position: three valid tokens in five slots, step 0.2 / 2.
  given_divergences holes{vec(5, 0.0)};
  holes.valid = {1, 0, 1, 0, 1};
  same(holes.under({.w_min = 0.8}).weight, {1.0, 0.0, 0.9, 0.0, 0.8});
}

TEST_CASE("oracle: other conventions of t and T") {
  given_divergences holes{vec(5, 0.0)};
  holes.valid = {0, 1, 0, 1, 1};
  // Column: t = 2, 4, 5 of T = 5.
  reference_options const by_column{.w_min = 0.8, .positions = reference_positions::padded_column};
  same(holes.under(by_column).weight, {0.0, 0.95, 0.0, 0.85, 0.8});
  // Fixed horizon 11: t = 1, 2, 3, step 0.2 / 10.
  same(holes.under({.w_min = 0.8, .horizon = 11, .positions = reference_positions::fixed_horizon}).weight,
       {0.0, 1.0, 0.0, 0.98, 0.96});
}

TEST_CASE("oracle: Eq. 8 and 10, the drift of a masked token too") {
  // w = 1, 3/4, 1/2; Z = 0.1, 0.3, 0.1; S before = 0, 0.1, 0.4; W before = 0, 1, 1.75.
  // c_1 = min(0.25, 0.25) = 0.25, c_2 = min(0.25, 0.25 + 0.05 - 0.1) = 0.2, c_3 = 0.25 + 0.0875 - 0.4 = -0.0625.
  auto const r = given_divergences{{0.1, 0.4, 0.2}}.under(cppo_rule(0.25, 0.05, 0.5));
  same(r.weighted_divergence, {0.1, 0.3, 0.1});
  same(r.prefix_drift, {0.0, 0.1, 0.4});
  same(r.prefix_weight, {0.0, 1.0, 1.75});
  same(r.threshold, {0.25, 0.2, -0.0625});
  same(r.mask, {1.0, 0.0, 0.0});
  // Token 2 fails Z <= 0.25; token 3 passes it and fails the budget alone.
  CHECK(r.reason == std::vector<decision>{decision::kept, decision::masked_divergence, decision::masked_budget});
  // To flip: token 1 by 0.15; token 2 must mend both, 0.05 and 0.1; token 3 by 0.1625.
  same(r.margin, {0.15, 0.1, 0.1625});
  same(r.closest, {0.15, 0.05, 0.15});
}

TEST_CASE("oracle: a hole adds no drift, whatever stands in it") {
  given_divergences holes{{0.1, not_a_number, 0.4, -1.0, 0.2}};
  holes.valid = {1, 0, 1, 0, 1};
  holes.pi[1] = holes.mu[1] = holes.a[1] = not_a_number;
  holes.pi[3] = std::numeric_limits<double>::infinity();
  auto const r = holes.under(cppo_rule(0.25, 0.05, 0.5));
  same(r.prefix_drift, {0.0, 0.0, 0.1, 0.0, 0.4});
  same(r.threshold, {0.25, 0.0, 0.2, 0.0, -0.0625});
  same(r.mask, {1.0, 0.0, 0.0, 0.0, 0.0});
  CHECK(r.reason[1] == decision::excluded);
  CHECK(std::isinf(r.margin[1]));
  CHECK(r.totals.tokens == 3);
}

TEST_CASE("oracle: Eq. 10, the toward clause") {
  // Five tokens far past delta: A (rho - 1) = +, -, +, -, 0, and one with rho = 1.
  given_divergences g{vec(6, 0.9)};
  g.a = {1.0, -1.0, -1.0, 1.0, 0.0, 1.0};
  g.pi = {std::log(0.5), std::log(0.5), std::log(0.1), std::log(0.1), std::log(0.5), std::log(0.25)};
  auto const r = g.under(cppo_rule(0.1, 0.0, 1.0));
  same(r.mask, {0.0, 1.0, 0.0, 1.0, 1.0, 1.0});
  CHECK(r.reason[1] == decision::kept_toward);
  CHECK(std::isinf(r.margin[5]));
  reference_options without = cppo_rule(0.1, 0.0, 1.0);
  without.toward = false;
  same(g.under(without).mask, vec(6, 0.0));
}

TEST_CASE("oracle: the comparisons are inclusive") {
  // Z = delta exactly.
  CHECK(given_divergences{{0.25}}.under(cppo_rule(0.25, 0.0, 1.0)).mask[0] == 1.0);
  // delta = delta_b = D = 1/8: the room is 1/8 + (t - 1)/8 - (t - 1)/8, equal to Z at every token.
  auto const r = given_divergences{vec(6, 0.125)}.under(cppo_rule(0.125, 0.125, 1.0));
  same(r.mask, vec(6, 1.0));
  same(r.margin, vec(6, 0.0));
  // max and mean at their thresholds.
  CHECK(given_divergences{{0.25, 0.5}}.under({.toward = false, .response_max = 0.5}).mask == vec{1.0, 1.0});
  CHECK(given_divergences{{0.25, 0.5}}.under({.toward = false, .response_mean = 0.375}).mask == vec{1.0, 1.0});
}

TEST_CASE("oracle: Eq. 22, the calibrated budget") {
  // Place 0.9 * 4 = 3.6 of 0.01 ... 0.05: 0.04 + 0.6 * 0.01 = 0.046.
  given_divergences const g{{0.03, 0.01, 0.05, 0.02, 0.04}};
  auto const with_floor = [&g](double floor) {
    reference_options o = cppo_rule(0.15, floor, 1.0);
    o.budget->calibrated = true;
    return g.under(o).delta_b[0];
  };
  CHECK(with_floor(0.03) == approx(0.046));
  CHECK(with_floor(0.02) == approx(0.04));  // twice the floor
  CHECK(with_floor(0.05) == approx(0.05));  // the floor
  // k = 1/2 and q = 1/2: half the median, within [0.01, 0.05].
  reference_options o = cppo_rule(0.15, 0.01, 1.0);
  o.budget = reference_budget{.delta = 0.15, .delta_b = 0.01, .calibrated = true, .quantile = 0.5, .scale = 0.5,
                              .ceiling_factor = 5.0};
  CHECK(g.under(o).delta_b[0] == approx(0.015));
  // Without a valid token: the floor.
  given_divergences none{{0.5}};
  none.valid = {0};
  CHECK(none.under(o).delta_b[0] == 0.01);
}

TEST_CASE("oracle: quantiles as numpy gives them") {
  CHECK(reference_quantile({7.0}, 0.9) == 7.0);
  CHECK(reference_quantile({3.0, 1.0}, 0.25) == 1.5);
  CHECK(reference_quantile({3.0, 1.0, 2.0}, 0.0) == 1.0);
  CHECK(reference_quantile({3.0, 1.0, 2.0}, 1.0) == 3.0);
  CHECK(reference_quantile({}, 0.5) == 0.0);
}

TEST_CASE("oracle: Eq. 19 and 20, the soft gate") {
  // delta = 0.2, delta_b = 0.1. x_1 = max(0.1/0.2, 0.1/0.2) = 0.5. x_2 = max(0.4/0.2, 0.5/0.3) = 2.
  reference_options o = cppo_rule(0.2, 0.1, 1.0);
  o.soft = true;
  auto const r = given_divergences{{0.1, 0.4}}.under(o);
  same(r.excess, {0.5, 2.0});
  same(r.gate, {1.0, 0.5});
  same(r.loss, {-2.0, -1.0});  // rho = 2, A = 1
  same(r.mask, {1.0, 0.0});
  // The prefix alone: x_2 = max(0.2/0.2, 0.4/0.3) = 4/3.
  same(given_divergences{{0.2, 0.2}}.under(o).gate, {1.0, 0.75});
  // Toward mu: 1.
  given_divergences back{{0.1, 0.4}};
  back.a = {-1.0, -1.0};
  same(back.under(o).gate, {1.0, 1.0});
}

TEST_CASE("oracle: Eq. 2, PPO with Clip-Higher") {
  reference_options const o{.divergence = reference_divergence::none, .ratio = reference_bounds{0.8, 1.28}};
  CHECK(one_token(0.25, 0.2, 1.0, o).mask[0] == 1.0);                            // rho = 1.25
  CHECK(one_token(0.3, 0.2, 1.0, o).reason[0] == decision::masked_ratio);        // rho = 1.5
  CHECK(one_token(0.3, 0.2, -1.0, o).reason[0] == decision::kept_toward);
  CHECK(one_token(0.1, 0.2, -1.0, o).mask[0] == 0.0);                            // rho = 0.5
  CHECK(one_token(0.1, 0.2, 1.0, o).mask[0] == 1.0);
  CHECK(one_token(0.1, 0.2, -1.0, o).excess[0] == approx(1.6));                  // 0.8 / 0.5
}

TEST_CASE("oracle: thresholds by the sign of the advantage, TRM") {
  reference_options const o{.threshold = reference_bounds{.low = 0.3, .high = 0.1}};
  CHECK(one_token(0.7, 0.5, 1.0, o).mask[0] == 0.0);   // D = 0.2 > 0.1
  CHECK(one_token(0.3, 0.5, -1.0, o).mask[0] == 1.0);  // D = 0.2 <= 0.3
  // max 0.06, mean 0.03; no toward clause: all or nothing.
  given_divergences g{{0.01, 0.02, 0.06}};
  g.a = {1.0, -1.0, 0.0};
  CHECK(g.under({.toward = false, .response_max = 0.05}).mask == vec(3, 0.0));
  CHECK(g.under({.toward = false, .response_max = 0.07}).mask == vec(3, 1.0));
  CHECK(g.under({.toward = false, .response_mean = 0.02}).reason == std::vector(3, decision::masked_response));
  CHECK(g.under({.toward = false, .response_mean = 0.035}).mask == vec(3, 1.0));
}

TEST_CASE("oracle: Eq. 11 and its variants") {
  // pi = 1/2, mu = 1/4: rho = 2, log rho = ln 2; A = 3.
  auto const terms = [](reference_options o) {
    o.divergence = reference_divergence::none;
    auto const r = one_token(0.5, 0.25, 3.0, o);
    return vec{r.loss[0], r.gradient[0]};
  };
  using enum reference_form;
  double const e = std::exp(0.5);
  same(terms({}), {-6.0, -6.0});
  same(terms({.form = reinforce}), {6.0 * ln2, -6.0});
  same(terms({.log_ratio_clamp = 0.5}), {-3.0 * e, 0.0});
  same(terms({.log_ratio_clamp = 0.5, .form = reinforce}), {3.0 * e * ln2, -3.0 * e});
  same(terms({.ratio_cap = 1.5}), {-4.5, 0.0});
  same(terms({.ratio_cap = 1.5, .form = reinforce}), {4.5 * ln2, -4.5});
  same(terms({.ratio_cap = 2.5}), {-6.0, -6.0});
  // Masked: both exactly 0, although rho = e^300 overflows nothing here and the clamp is off.
  vec const lp{0.0}, lq{-300.0}, a{1.0}, weight{0.5};
  auto const batch =
      rollout_batch(padded(1, 1), log_prob(lp), rollout_log_prob(lq), advantage(a), token_weight(weight));
  auto const masked = reference(batch, {.threshold = reference_bounds{0.1, 0.1}, .log_ratio_clamp = 0.0});
  CHECK(masked.loss[0] == 0.0);
  CHECK(masked.gradient[0] == 0.0);
  // Kept: the clamp at 20, and the token's own weight 1/2.
  CHECK(reference(batch, {}).loss[0] == approx(-0.5 * std::exp(20.0)));
  CHECK(reference(batch, {}).totals.clamped == 1);
}

TEST_CASE("oracle: aggregations over responses of 1, 3 and no tokens") {
  // pi = mu, A = 1: every token loss is -1 before the scale.
  vec const lp(9, -1.0), a(9, 1.0);
  std::vector<bool> const bits{true, false, false, true, true, true, false, false, false};
  std::vector<std::uint8_t> const valid(bits.begin(), bits.end());
  auto const batch =
      rollout_batch(padded(3, 3), log_prob(lp), rollout_log_prob(lp), advantage(a), response_mask(valid));
  auto const loss = [&](reference_options const& o) { return reference(batch, o).totals.loss; };
  using enum reference_aggregation;
  CHECK(loss({.aggregate = token_sum}) == approx(-4.0));
  CHECK(loss({.aggregate = token_mean}) == approx(-1.0));
  CHECK(loss({.aggregate = seq_mean_token_sum}) == approx(-2.0));
  CHECK(loss({.aggregate = seq_mean_token_mean}) == approx(-1.0));
  CHECK(loss({.aggregate = seq_mean_token_sum_norm, .horizon = 3}) == approx(-2.0 / 3.0));
  CHECK(loss({.aggregate = seq_mean_token_sum_norm, .horizon = 8}) == approx(-0.25));
  CHECK(loss({.aggregate = token_mean, .normalizer = 8.0}) == approx(-0.5));
  same(reference(batch, {.aggregate = seq_mean_token_mean}).gradient,
       {-0.5, 0.0, 0.0, -1.0 / 6, -1.0 / 6, -1.0 / 6, 0.0, 0.0, 0.0});
  CHECK(reference(batch, {}).totals.responses == 2);
}

TEST_CASE("oracle: binary divergences") {
  using enum reference_divergence;
  // pi = 1/4, mu = 1/2: TV 1/4; KL(mu || pi) = (ln 2 + ln(2/3)) / 2; KL(pi || mu) = -(ln 2)/4 + (3/4) ln(3/2).
  CHECK(divergence(0.25, 0.5, binary_tv) == approx(0.25));
  CHECK(divergence(0.25, 0.5, binary_kl) == approx(0.5 * ln2 + 0.5 * std::log(2.0 / 3.0)));
  CHECK(divergence(0.25, 0.5, binary_kl_reverse) == approx(-0.25 * ln2 + 0.75 * std::log(1.5)));
  CHECK(divergence(0.25, 0.25, binary_kl) == 0.0);
  // pi = 1 leaves nothing for the rest: infinite, counted as 1000. The other way only -ln mu.
  CHECK(divergence(1.0, 0.5, binary_kl) == 1000.0);
  CHECK(divergence(1.0, 0.5, binary_kl_reverse) == approx(ln2));
  // Near p = 1: with rests a = 2e-8 and b = 1e-8, KL = a ln(a/b) - (a - b) to first order.
  vec const lp{-1e-8}, lq{-2e-8}, a{1.0};
  auto const near_one = rollout_batch(padded(1, 1), log_prob(lp), rollout_log_prob(lq), advantage(a));
  CHECK(reference(near_one, {.divergence = binary_kl}).divergence[0] == approx(2e-8 * ln2 - 1e-8).epsilon(1e-6));
}

TEST_CASE("oracle: k1, k2, k3") {
  using enum reference_divergence;
  CHECK(divergence(0.5, 0.25, k1) == approx(-ln2));
  CHECK(divergence(0.5, 0.25, k2) == approx(0.5 * ln2 * ln2));
  CHECK(divergence(0.5, 0.25, k3) == approx(1.0 - ln2));  // 2 - 1 - ln 2
  CHECK(divergence(0.25, 0.5, k3) == approx(ln2 - 0.5));  // 1/2 - 1 + ln 2
  // Divergences saturate at 1000 either way.
  vec const far{-3000.0}, near{-1.0}, a{1.0};
  auto const k1_of = [&a](vec const& lp, vec const& lq) {
    auto const batch = rollout_batch(padded(1, 1), log_prob(lp), rollout_log_prob(lq), advantage(a));
    return reference(batch, {.divergence = k1}).divergence[0];
  };
  CHECK(k1_of(far, near) == 1000.0);
  CHECK(k1_of(near, far) == -1000.0);
}

TEST_CASE("oracle: Top-K partitions") {
  // Listed 7: pi 1/4, mu 1/2; 9: 1/4, 1/4. y_t = 3: pi 1/4, mu 1/8. The rest: pi 1/4, mu 1/8.
  vec const lp{std::log(0.25)}, lq{std::log(0.125)}, a{1.0};
  std::vector<int> id{3};
  std::vector<int> ids{7, 9};
  vec const p{std::log(0.25), std::log(0.25)}, q{std::log(0.5), std::log(0.25)};
  auto const d = [&](reference_divergence what) {
    return reference(rollout_batch(padded(1, 1), log_prob(lp), rollout_log_prob(lq), advantage(a), token_id(id),
                                   top_k(2, ids, p, q)),
                     {.divergence = what})
        .divergence[0];
  };
  using enum reference_divergence;
  // Cells 7, 9, 3, rest: gaps 1/4, 0, 1/8, 1/8.
  CHECK(d(top_k_tv) == approx(0.25));
  CHECK(d(top_k_kl) == approx(0.25 * ln2));  // (1/2 - 1/8 - 1/8) ln 2
  // Cells 7, 3, rest (pi 1/2, mu 3/8): gaps 1/4, 1/8, 1/8.
  CHECK(d(top_k_tv_replace_last) == approx(0.25));
  CHECK(d(top_k_kl_replace_last) == approx(0.375 * ln2 + 0.375 * std::log(0.75)));
  // Cells 7, 9, rest (pi 1/2, mu 1/4): gaps 1/4, 0, 1/4.
  CHECK(d(top_k_tv_list) == approx(0.25));
  CHECK(d(top_k_kl_list) == approx(0.25 * ln2));
  // A short list: only 7. Cells 7, 3, rest (pi 1/2, mu 3/8); the list alone: 7, rest (3/4, 1/2).
  ids = {7, -1};
  CHECK(d(top_k_tv) == approx(0.25));
  CHECK(d(top_k_kl_list) == approx(0.5 * ln2 + 0.5 * std::log(2.0 / 3.0)));
  // y_t listed in slot 1: one cell, with the token's own log-probs.
  ids = {7, 3};
  CHECK(d(top_k_tv) == d(top_k_tv_replace_last));
  CHECK(d(top_k_tv) == approx(0.25));
}

TEST_CASE("oracle: weights by slot, and packed slots") {
  // Packed from slot 1 on: responses of 2 and 1 tokens; D = 0.2 everywhere, weights as given.
  vec const d(4, 0.2), lp(4, std::log(0.5)), lq(4, std::log(0.25)), a(4, 1.0);
  std::vector<std::int32_t> const offsets{1, 3, 4};
  auto const batch =
      rollout_batch(packed(offsets).part_of(4), log_prob(lp), rollout_log_prob(lq), advantage(a), divergence_values(d));
  auto const r = reference(batch, {.divergence = reference_divergence::precomputed, .weights = {9.0, 0.5, 1.0, 0.25},
                                   .threshold = reference_bounds{0.15, 0.15}});
  same(r.weighted_divergence, {0.0, 0.1, 0.2, 0.05});
  same(r.mask, {0.0, 1.0, 0.0, 1.0});
  same(r.prefix_drift, {0.0, 0.0, 0.1, 0.0});
}
