#include <cppo/cppo.hpp>
#include <cppo/logits/policy_loss.hpp>

#include "support/catch_compat.hpp"
#include "support/logit_oracle.hpp"
#include "support/report_fields.hpp"

using namespace cppo;
using namespace cppo_test;

namespace {

constexpr index_t responses = 3, length = 4, vocabulary = 23;
constexpr std::size_t slots = responses * length, ids = vocabulary;
constexpr double bonus = 0.3, temperature = 0.7;
constexpr std::size_t lengths[] = {4, 2, 3};

// Responses of 4, 2 and 3 tokens. Some are beyond PPO's ratio.
struct bonus_case {
  std::vector<float> x = random_logits(5, slots, ids, 0.05), mu = std::vector<float>(slots), a = {};
  std::vector<std::int64_t> y = std::vector<std::int64_t>(slots, 0);
  std::vector<std::uint8_t> valid = {1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1};

  bonus_case() {
    for (std::size_t i = 0; i < slots; ++i) a.push_back(i % 3 == 0 ? -0.75F : 1.5F);
    std::vector<float> const mu_x = moved_logits(6, x, 0.3);
    auto const rows = logit_batch(shape(), logits(vocabulary, mu_x).at_temperature(temperature), token_id(y));
    REQUIRE(log_probs(seq, rows, {.log_prob = mu}).ok());
  }
  static layout shape() { return padded(responses, length); }
  auto batch() const {
    return rollout_batch(shape(), logits(vocabulary, x).at_temperature(temperature), token_id(y), rollout_log_prob(mu),
                         advantage(a), response_mask(valid));
  }
  exact_policy policy(std::size_t i) const { return {x, i, ids, temperature}; }
};

struct made {
  std::vector<float> gradient = std::vector<float>(slots * ids, 5.0F);
  std::vector<double> loss = std::vector<double>(slots, 5.0);
  std::vector<std::uint8_t> mask = std::vector<std::uint8_t>(slots, 5);
  report counts = {};
  status outcome = {};
};
made run(bonus_case const& c, loss_options const& options, double coefficient, auto const& e) {
  made m;
  m.outcome = policy_loss_from_logits(e, c.batch(), ppo(), {.logits_gradient = m.gradient, .loss = m.loss,
                                                            .mask = m.mask, .report = &m.counts},
                                      options, {.entropy_bonus = coefficient});
  return m;
}
// What an aggregation multiplies the losses of a response by, as its name says.
double scale_by(aggregation how, std::size_t response, double horizon) {
  switch (how) {
    case token_sum: return 1.0;
    case token_mean: return 1.0 / 9.0;
    case seq_mean_token_sum: return 1.0 / 3.0;
    case seq_mean_token_mean: return 1.0 / (3.0 * static_cast<double>(lengths[response]));
    case seq_mean_token_sum_norm: return 1.0 / (3.0 * horizon);
  }
  return 0.0;
}

}  // namespace

TEST_CASE("an entropy bonus is -c H of each valid token, as the aggregation scales it", "[logits]") {
  for (aggregation const how :
       {token_sum, token_mean, seq_mean_token_sum, seq_mean_token_mean, seq_mean_token_sum_norm}) {
    loss_options const options{.aggregate = how, .horizon = 6};
    bonus_case const c;
    made const without = run(c, options, 0.0, seq), with = run(c, options, bonus, seq);
    REQUIRE((without.outcome.ok() && with.outcome.ok()));
    CHECK(with.mask == without.mask);
    CHECK((with.counts.masked() > 0 && with.counts.kept > 2));
    double total = without.counts.loss(), sum = 0.0;
    for (std::size_t i = 0; i < slots; ++i) {
      exact_policy const p = c.policy(i);
      double const slope = c.valid[i] == 1 ? -bonus * scale_by(how, i / length, 6.0) : 0.0;
      double const term = slope * static_cast<double>(p.entropy);
      total += term, sum += with.loss[i];
      CHECK(std::fabs(with.loss[i] - without.loss[i] - term) < 1e-5);
      for (std::size_t v = 0; v < ids; ++v) {
        double const moved = static_cast<double>(with.gradient[i * ids + v]) -
                             static_cast<double>(without.gradient[i * ids + v]);
        double const want = c.valid[i] == 1 ? static_cast<double>(p.gradient(v, 0, 0.0, slope)) : 0.0;
        CHECK(std::fabs(moved - want) < 2e-6);
      }
    }
    CHECK(std::fabs(with.counts.loss() - total) < 1e-5);
    CHECK(std::fabs(with.counts.loss() - sum) < 1e-6);
  }
}

TEST_CASE("with an entropy bonus the gradient is that of the report's loss, by central differences", "[logits]") {
  loss_options const options{.aggregate = seq_mean_token_mean};
  bonus_case const c;
  made const at = run(c, options, bonus, seq);
  constexpr float h = 0x1p-6F;
  int compared = 0;
  for (std::size_t j = 0; j < slots * ids; ++j) {
    if (c.valid[j / ids] == 0 || c.x[j] == no_logit) continue;
    bonus_case up = c, down = c;
    up.x[j] += h, down.x[j] -= h;
    made const above = run(up, options, bonus, seq), below = run(down, options, bonus, seq);
    if (above.mask != at.mask || below.mask != at.mask) continue;
    double const step = static_cast<double>(up.x[j]) - static_cast<double>(down.x[j]);
    double const want = (above.counts.loss() - below.counts.loss()) / step;
    CHECK(std::fabs(static_cast<double>(at.gradient[j]) - want) < 1e-4 + 2e-3 * std::fabs(want));
    ++compared;
  }
  CHECK(compared > 150);
}

TEST_CASE("an entropy bonus has the same bits on every executor, and 0 is none", "[logits]") {
  bonus_case const c;
  made const want = run(c, {.aggregate = token_mean}, bonus, seq);
  auto const same = [&](made const& m) {
    std::vector<report_field> const a = fields(m.counts), b = fields(want.counts);
    bool equal = same_bits(m.gradient, want.gradient) && same_bits(m.loss, want.loss);
    for (std::size_t k = 0; k < a.size(); ++k) equal = equal && a[k].bits == b[k].bits;
    return equal;
  };
  CHECK(same(run(c, {.aggregate = token_mean}, bonus, simd)));
  CHECK(same(run(c, {.aggregate = token_mean}, bonus, simd.with_threads(3, 1))));
  made const none = run(c, {}, 0.0, seq);
  std::vector<float> gradient(slots * ids);
  REQUIRE(policy_loss_from_logits(seq, c.batch(), ppo(), {.logits_gradient = gradient}).ok());
  CHECK(same_bits(gradient, none.gradient));
}

TEST_CASE("an entropy bonus leaves out what bad input leaves out", "[logits]") {
  bonus_case c;
  c.a[9] = not_a_logit;  // response 2, which has three tokens
  made const rejected = run(c, {.aggregate = token_mean}, bonus, simd);
  CHECK(rejected.outcome.code == status_code::advantage_invalid);
  CHECK(all_zero_bits(rejected.gradient, 2 * length * ids, length * ids));
  made const excluded = run(c, {.aggregate = token_mean, .bad_input = on_bad_input::exclude}, bonus, simd);
  CHECK(all_zero_bits(excluded.gradient, 9 * ids, ids));
  auto const entropy_of = [&](std::size_t i) { return static_cast<double>(c.policy(i).entropy); };
  made const plain = run(c, {.aggregate = token_mean, .bad_input = on_bad_input::exclude}, 0.0, simd);
  CHECK(std::fabs(excluded.loss[8] - plain.loss[8] + bonus * entropy_of(8) / 8.0) < 1e-5);
  made const six = run(c, {.aggregate = token_mean}, 0.0, simd);
  CHECK(std::fabs(rejected.loss[0] - six.loss[0] + bonus * entropy_of(0) / 6.0) < 1e-5);
  made const spread = run(c, {.bad_input = on_bad_input::propagate}, bonus, simd);
  CHECK(std::isnan(spread.gradient[9 * ids]));
  CHECK(std::isnan(spread.loss[9]));
  CHECK(std::isnan(spread.counts.loss()));
}

TEST_CASE("an entropy bonus of a response in pieces is that of the whole", "[logits]") {
  bonus_case c;
  std::fill(c.valid.begin(), c.valid.end(), std::uint8_t{1});
  c.valid[5] = 0;
  std::int64_t const whole[] = {0, 12}, pieces[] = {0, 5, 12};
  std::vector<response_summary> totals(2);
  std::vector<prefix_sums> carries(2);
  totals[0].length = totals[1].length = 11;
  carries[1].count = 5;
  for (aggregation const how : {seq_mean_token_mean, seq_mean_token_sum, token_mean}) {
    auto const loss_of = [&](layout const& l, loss_options const& options, report& r) {
      auto const batch = rollout_batch(l, logits(vocabulary, c.x), token_id(c.y), rollout_log_prob(c.mu),
                                       advantage(c.a), response_mask(c.valid));
      std::vector<float> gradient(slots * ids);
      REQUIRE(policy_loss_from_logits(seq, batch, ppo(), {.logits_gradient = gradient, .report = &r}, options,
                                      {.entropy_bonus = bonus})
                  .ok());
      return gradient;
    };
    report a, b;
    std::vector<float> const want = loss_of(packed(whole), {.aggregate = how}, a);
    CHECK(loss_of(packed(pieces), {.aggregate = how, .carries = carries, .totals = totals}, b) == want);
    CHECK(std::fabs(a.loss() - b.loss()) < 1e-6);
  }
}

TEST_CASE("an entropy bonus is not of the entropy that is lent to the region", "[logits]") {
  bonus_case const c;
  made const want = run(c, {}, bonus, seq);
  std::vector<float> const lent(slots, 9.0F);
  std::vector<float> gradient(slots * ids);
  auto const batch = rollout_batch(c.shape(), logits(vocabulary, c.x).at_temperature(temperature), token_id(c.y),
                                   rollout_log_prob(c.mu), advantage(c.a), response_mask(c.valid), entropy(lent));
  REQUIRE(policy_loss_from_logits(seq, batch, ppo(), {.logits_gradient = gradient}, {}, {.entropy_bonus = bonus}).ok());
  CHECK(same_bits(gradient, want.gradient));
}

TEST_CASE("an entropy bonus adds to losses of half types, and to a trace of decisions that is lent", "[logits]") {
  bonus_case const c;
  made const want = run(c, {}, bonus, seq);
  std::vector<bfloat16> loss(slots);
  std::vector<int> decisions(slots, 9);
  std::vector<float> gradient(slots * ids);
  REQUIRE(policy_loss_from_logits(simd, c.batch(), ppo(), {.logits_gradient = gradient, .loss = loss,
                                                           .trace = {.decision = decisions}},
                                  {}, {.entropy_bonus = bonus})
              .ok());
  CHECK(same_bits(gradient, want.gradient));
  for (std::size_t i = 0; i < slots; ++i) {
    CHECK(std::fabs(static_cast<double>(number_of(loss[i])) - want.loss[i]) <= 0.01 * (1.0 + std::fabs(want.loss[i])));
    CHECK((decisions[i] != 0) == (c.valid[i] == 1));
  }
}

TEST_CASE("an entropy bonus that is not finite is refused", "[logits]") {
  for (double const coefficient : {static_cast<double>(not_a_logit), 1e300}) {
    made const m = run(bonus_case(), {}, coefficient, seq);
    CHECK(m.outcome.code == status_code::bad_parameter);
    CHECK(m.outcome.where == argument::options);
    CHECK_THAT(describe(m.outcome).c_str(), contains("option entropy_bonus is"));
    CHECK(m.mask == std::vector<std::uint8_t>(slots, 5));
  }
}

TEST_CASE("logits_gradient with a slope of entropies for each token", "[logits]") {
  bonus_case const c;
  std::vector<double> total(slots), h(slots), slope(slots, 0.25), each(slots);
  auto const rows = logit_batch(c.shape(), logits(vocabulary, c.x).at_temperature(temperature), token_id(c.y));
  REQUIRE(log_probs(seq, rows, {.log_sum_exp = total, .entropy = h}).ok());
  for (std::size_t i = 0; i < slots; ++i) each[i] = i % 4 == 3 ? 0.0 : 0.1 * static_cast<double>(i);
  std::vector<float> got(slots * ids), want(ids);
  logit_slopes of{.slope = slope, .log_sum_exp = total, .entropy = h, .entropy_slope = 7.0, .entropy_slopes = each};
  status const both = logits_gradient(simd, rows, of, got);
  CHECK_THAT(describe(both).c_str(), contains("entropy_slope is 7"));
  of.entropy_slope = 0.0;
  REQUIRE(logits_gradient(simd, rows, of, got).ok());
  for (std::size_t i = 0; i < slots; ++i) {
    auto const row = logit_batch(padded(1, 1), logits(vocabulary, &c.x[i * ids]).at_temperature(temperature),
                                 token_id(&c.y[i]));
    REQUIRE(logits_gradient(seq, row, {.slope = &slope[i], .log_sum_exp = &total[i], .entropy = &h[i],
                                       .entropy_slope = each[i]}, want).ok());
    CHECK(std::equal(want.begin(), want.end(), got.begin() + static_cast<std::ptrdiff_t>(i * ids)));
  }
  each[5] = static_cast<double>(not_a_logit);
  REQUIRE(logits_gradient(simd, rows, of, got).ok());
  CHECK((std::isnan(got[5 * ids]) && std::isnan(got[6 * ids - 1]) && !std::isnan(got[6 * ids])));
  each.pop_back();
  of.entropy_slopes = each;
  status const s = logits_gradient(simd, rows, of, got);
  CHECK((s.code == status_code::extent_mismatch && std::string_view(s.name) == "entropy_slopes"));
}
