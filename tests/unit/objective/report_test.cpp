// Every field of the report against a recount from what the call wrote for each token.
#include "support/catch_compat.hpp"
#include "support/lane_recount.hpp"
#include "support/same_run.hpp"

#include <cppo/execution/simd.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/generators.hpp>
#include <cppo/testing/rearrange.hpp>

#include <cmath>
#include <fstream>
#include <set>
#include <string>

namespace {

using cppo::index_t;
using cppo::report;
using namespace cppo::testing;

// A recount with plain loops.
struct recount {
  report r;
  double absolute_loss = 0.0;
};

// What the decision on the token in slot s counts as.
void count_decision(report& r, generated_batch<float> const& batch, captured_run<float> const& run, std::size_t s) {
  bool const kept = run[captured::mask][s] == 1.0F;
  auto const why = static_cast<cppo::decision>(static_cast<int>(run[captured::decision][s]));
  CHECK(kept == (why == cppo::decision::kept || why == cppo::decision::kept_toward));
  r.kept += kept ? 1 : 0;
  r.kept_toward += why == cppo::decision::kept_toward ? 1 : 0;
  r.masked_ratio += why == cppo::decision::masked_ratio ? 1 : 0;
  r.masked_divergence += why == cppo::decision::masked_divergence ? 1 : 0;
  r.masked_budget += why == cppo::decision::masked_budget ? 1 : 0;
  r.masked_response += why == cppo::decision::masked_response ? 1 : 0;
  r.masked_other += why == cppo::decision::masked_other ? 1 : 0;
  double const advantage = static_cast<double>(batch.advantage[s]);
  bool const teaches =
      batch.token_weight.empty() ? advantage != 0.0 : batch.advantage[s] * batch.token_weight[s] != 0.0F;
  r.teaching_tokens += teaches ? 1 : 0;
  r.teaching_kept += teaches && kept ? 1 : 0;
  r.teaching_toward += teaches && why == cppo::decision::kept_toward ? 1 : 0;
  double const drift = static_cast<double>(batch.log_prob[s]) - static_cast<double>(batch.rollout_log_prob[s]);
  r.masked_high += teaches && !kept && advantage > 0.0 && drift > 0.0 ? 1 : 0;
  r.masked_low += teaches && !kept && advantage < 0.0 && drift < 0.0 ? 1 : 0;
}
// What its ratio adds.
void count_ratio(report& r, double drift, double clamp, double cap) {
  double const used = std::min(std::max(drift, -clamp), clamp);
  double const rho = std::exp(used);
  r.clamped += std::fabs(drift) > clamp ? 1 : 0;
  r.capped += cap > 0.0 && rho > cap ? 1 : 0;
  r.sum_ratio += rho;
  r.max_ratio = std::max(r.max_ratio, rho);
  r.sum_k1 -= used;
  r.sum_k3 += std::expm1(used) - used;
}
// Sums over a response, in the order of reports.
struct response_recount {
  cppo_test::lane_recount loss, divergence, weighted, gate;
  void add(index_t rank, captured_run<float> const& run, std::size_t s) {
    loss.add(rank, run[captured::loss][s]);
    divergence.add(rank, run[captured::divergence][s]);
    weighted.add(rank, run[captured::weighted_divergence][s]);
    gate.add(rank, run[captured::gate][s]);
  }
  void add_to(report& r) {
    r.sum_loss += loss.sum();
    r.sum_divergence += divergence.sum();
    r.sum_weighted_divergence += weighted.sum();
    r.sum_gate += gate.sum();
  }
};

recount count_again(generated_batch<float> const& batch, captured_run<float> const& run, double clamp, double cap) {
  recount c;
  report& r = c.r;
  for (index_t b = 0; b < batch.responses; ++b) {
    std::vector<index_t> const slots = batch.token_row(b);
    auto const n = static_cast<index_t>(slots.size());
    if (n > 0) ++r.counts.responses;
    response_recount sums;
    for (index_t rank = 0; rank < n; ++rank) {
      auto const s = static_cast<std::size_t>(slots[static_cast<std::size_t>(rank)]);
      double const d = static_cast<double>(run[captured::divergence][s]);
      r.max_divergence = r.counts.tokens == 0 ? d : std::max(r.max_divergence, d);
      ++r.counts.tokens;
      count_decision(r, batch, run, s);
      double const drift = static_cast<double>(batch.log_prob[s]) - static_cast<double>(batch.rollout_log_prob[s]);
      count_ratio(r, drift, clamp, cap);
      bool const finite = std::isfinite(run[captured::loss][s]) && std::isfinite(run[captured::gradient][s]);
      r.not_finite += finite ? 0 : 1;
      auto const bin = static_cast<int>(20 * rank / n);
      ++r.position_tokens[bin];
      r.position_masked[bin] += run[captured::mask][s] == 1.0F ? 0 : 1;
      c.absolute_loss += std::fabs(static_cast<double>(run[captured::loss][s]));
      sums.add(rank, run, s);
    }
    sums.add_to(r);
  }
  return c;
}

void check_near(double got, double want, double tolerance, double scale) {
  CHECK(std::fabs(got - want) <= tolerance * (1.0 + std::fabs(scale)));
}

// Counts to the unit, sums within `tolerance`.
void check_equal(report const& got, recount const& plain, double tolerance) {
  report const& want = plain.r;
  report::each_count([](char const* name, index_t has, index_t is) {
    INFO(name);
    CHECK(has == is);
  }, got, want);
  CHECK(got.masked() == want.counts.tokens - want.kept);
  CHECK(got.teaching_masked() == want.teaching_tokens - want.teaching_kept);
  check_near(got.sum_loss, want.sum_loss, 1e-12, plain.absolute_loss);
  check_near(got.sum_divergence, want.sum_divergence, 1e-12, want.sum_divergence);
  CHECK(got.max_divergence == want.max_divergence);
  check_near(got.sum_weighted_divergence, want.sum_weighted_divergence, 1e-12, want.sum_weighted_divergence);
  check_near(got.sum_gate, want.sum_gate, 1e-12, want.sum_gate);
  check_near(got.sum_ratio, want.sum_ratio, tolerance, want.sum_ratio);
  check_near(got.max_ratio, want.max_ratio, tolerance, want.max_ratio);
  check_near(got.sum_k1, want.sum_k1, tolerance, static_cast<double>(want.counts.tokens));
  check_near(got.sum_k3, want.sum_k3, tolerance, want.sum_ratio);
}

template <class F>
void each_region(F const& f) {
  f(cppo::fixed_cppo());
  f(cppo::ppo());
  f(softened(cppo::calibrated_cppo(), cppo::reciprocal_gate));
  f(cppo::trm_mean());
  f(cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, !cppo::divergence_within(0.01)));
}

}  // namespace

TEST_CASE("every field of the report equals a plain recount") {
  report seen;
  each_region([&](auto const& region) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      generated_batch<float> const batch = generate<float>(seed);
      double const cap = seed % 2 == 0 ? 1.25 : 0.0;
      INFO("seed " << seed);
      auto const run = capture(cppo::seq, batch, region, {.surrogate = {.ratio_cap = cap}});
      check_equal(run.report, count_again(batch, run, 20.0, cap), 2e-6);
      seen = seen + run.report;
    }
  });
  // Nothing of it stayed untried.
  CHECK(seen.kept > 0);
  CHECK(seen.kept_toward > 0);
  CHECK(seen.masked_ratio > 0);
  CHECK(seen.masked_divergence > 0);
  CHECK(seen.masked_budget > 0);
  CHECK(seen.masked_response > 0);
  CHECK(seen.masked_other > 0);
  CHECK(seen.clamped > 0);
  CHECK(seen.capped > 0);
  CHECK(seen.teaching_tokens < seen.counts.tokens);
  CHECK(seen.teaching_kept < seen.kept);
  CHECK(seen.teaching_toward < seen.kept_toward);
  CHECK(seen.masked_high > 0);
  CHECK(seen.masked_low > 0);
  CHECK(seen.masked_high + seen.masked_low < seen.teaching_masked());
}

TEST_CASE("each mean is its sum over its count") {
  generated_batch<float> const batch = generate<float>(12, {.max_length = 60});
  report const r = capture(cppo::seq, batch, softened(cppo::fixed_cppo(), cppo::reciprocal_gate), {}).report;
  auto const n = static_cast<double>(r.counts.tokens);
  REQUIRE(n > 10.0);
  CHECK(r.masked_fraction() == static_cast<double>(r.masked()) / n);
  CHECK(r.toward_fraction() == static_cast<double>(r.kept_toward) / n);
  CHECK(r.mean_divergence() == r.sum_divergence / n);
  CHECK(r.mean_weighted_divergence() == r.sum_weighted_divergence / n);
  CHECK(r.mean_ratio() == r.sum_ratio / n);
  CHECK(r.mean_gate() == r.sum_gate / n);
  CHECK(r.kl_k1() == r.sum_k1 / n);
  CHECK(r.kl_k3() == r.sum_k3 / n);
  CHECK(r.mean_delta_b() == r.sum_delta_b / static_cast<double>(r.counts.responses));
  auto const teaching = static_cast<double>(r.teaching_tokens);
  CHECK(r.teaching_fraction() == teaching / n);
  CHECK(r.teaching_masked_fraction() == static_cast<double>(r.teaching_masked()) / teaching);
  CHECK(r.teaching_toward_fraction() == static_cast<double>(r.teaching_toward) / teaching);
  CHECK(r.masked_high_fraction() == static_cast<double>(r.masked_high) / n);
  CHECK(r.masked_low_fraction() == static_cast<double>(r.masked_low) / n);
}

TEST_CASE("the histogram puts position t of T into bin floor(20 (t - 1)/T)") {
  index_t const length = GENERATE(1, 2, 19, 20, 21, 40, 61);
  std::vector<float> const pi(static_cast<std::size_t>(length), -0.1F), mu(pi.size(), -1.0F), a(pi.size(), 1.0F);
  std::vector<std::int64_t> const offsets{0, length};
  report r;
  auto const batch = cppo::rollout_batch(cppo::packed(offsets), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &r}).ok());
  std::vector<index_t> want(report::bins, 0);
  for (index_t t = 1; t <= length; ++t) {
    ++want[static_cast<std::size_t>(std::floor(20.0 * static_cast<double>(t - 1) / static_cast<double>(length)))];
  }
  for (int i = 0; i < report::bins; ++i) {
    CHECK(r.position_tokens[i] == want[static_cast<std::size_t>(i)]);
    CHECK(r.position_masked[i] == want[static_cast<std::size_t>(i)]);
    CHECK(r.masked_fraction_at(i) == (want[static_cast<std::size_t>(i)] > 0 ? 1.0 : 0.0));
  }
}

TEST_CASE("F39: an empty report is the neutral element of the sum") {
  report const r = capture(cppo::seq, generate<float>(3), cppo::calibrated_cppo(),
                           {.aggregate = cppo::seq_mean_token_mean, .normalizer = 3.0}).report;
  REQUIRE(r.counts.tokens > 0);
  CHECK(cppo_test::unlike(r + report{}, r) == "");
  CHECK(cppo_test::unlike(report{} + r, r) == "");
  CHECK(report{}.loss() == 0.0);
  CHECK((report{} + report{}).loss() == 0.0);
}

TEST_CASE("F39: four micro-batches have the loss of the whole, and four times it only where losses are added") {
  auto const how = GENERATE(cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean);
  std::vector<float> const pi(16, -1.0F), a(16, 2.0F);
  auto const call = [&](std::size_t from, index_t rows) {
    report r;
    auto const part = [&](std::vector<float> const& v) { return cppo::matrix_view(v.data() + from, rows, index_t{2}); };
    auto const batch = cppo::rollout_batch(cppo::padded(rows, 2), cppo::log_prob(part(pi)),
                                           cppo::rollout_log_prob(part(pi)), cppo::advantage(part(a)));
    REQUIRE(policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &r}, {.aggregate = how}).ok());
    return r;
  };
  report const whole = call(0, 8);
  report added;
  double of_losses = 0.0;
  for (std::size_t from = 0; from < 16; from += 4) {
    added += call(from, 2);
    of_losses += call(from, 2).loss();
  }
  CHECK(added.loss() == whole.loss());
  CHECK(whole.loss() == (how == cppo::seq_mean_token_sum ? -4.0 : -2.0));
  CHECK(of_losses == 4.0 * whole.loss());
}

TEST_CASE("F39: reports that were scaled differently have no loss together, in whatever order they are added") {
  generated_batch<float> const batch = generate<float>(3);
  auto const with = [&](cppo::loss_options const& o) { return capture(cppo::seq, batch, cppo::dppo(), o).report; };
  report const plain = with({});
  report const others[] = {with({.aggregate = cppo::token_mean}), with({.normalizer = 2.0}),
                           with({.aggregate = cppo::seq_mean_token_sum_norm, .horizon = 8}),
                           with({.aggregate = cppo::seq_mean_token_sum_norm, .horizon = 9})};
  for (report const& x : others) {
    for (report const& y : {plain, others[0], others[1], others[2], others[3]}) {
      if (cppo_test::unlike(x, y).empty()) continue;
      report const sum = x + y;
      CHECK(std::isnan(sum.loss()));
      CHECK(sum.counts.tokens == 2 * plain.counts.tokens);
      CHECK(cppo_test::unlike(sum, y + x) == "");
      CHECK(std::isnan((sum + sum).loss()));
      CHECK(std::isnan((sum + report{}).loss()));
      CHECK(std::isnan((x + sum).loss()));
    }
    CHECK_FALSE(std::isnan((x + x).loss()));
  }
}

TEST_CASE("F39: the members of a report lie in memory in the order of its list") {
  report const r;
  std::size_t words = 0;
  auto const next = [&](char const* name, auto const& member) {
    INFO(name);
    auto const at = reinterpret_cast<std::uintptr_t>(&member) - reinterpret_cast<std::uintptr_t>(&r);
    CHECK(at == 8 * words++);
  };
  report::each_field(next, r);
  CHECK(8 * words + sizeof(cppo::loss_scaling) == sizeof(report));
}

TEST_CASE("F40: half a batch of groups with equal rewards does not hide what the mask does to the rest") {
  // Of twelve tokens that teach, three leave the interval of PPO, two above and one below; three move back toward mu.
  std::vector<float> const d{0.5F, 0.4F, 0.1F, 0.05F, -0.3F, -0.2F,  -0.5F, -0.1F, 0.0F, -0.1F, -0.02F, 0.3F};
  std::vector<float> pi, mu(24, -1.0F), a;
  for (std::size_t i = 0; i < 24; ++i) {
    pi.push_back(-1.0F + d[i % 12]);
    a.push_back(i >= 12 ? 0.0F : i < 6 ? 1.0F : -1.0F);
  }
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(4, 6), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::ppo(), {.report = &r}).ok());
  CHECK(r.masked() == 3);
  CHECK(r.masked_fraction() == 0.125);          // half of what it costs
  CHECK(r.toward_fraction() == 16.0 / 24.0);    // mostly tokens that teach nothing
  CHECK(r.teaching_tokens == 12);
  CHECK(r.teaching_fraction() == 0.5);
  CHECK(r.teaching_masked_fraction() == 0.25);
  CHECK(r.teaching_toward_fraction() == 4.0 / 12.0);
  CHECK(r.masked_high == 2);
  CHECK(r.masked_low == 1);
  CHECK(r.masked_high_fraction() == 2.0 / 24.0);
  CHECK(r.masked_low_fraction() == 1.0 / 24.0);
}

TEST_CASE("F40: a token of weight 0 teaches nothing, and one that moves toward mu is masked neither high nor low") {
  std::vector<float> const pi{-0.5F, -0.5F, -1.5F, -1.5F}, mu(4, -1.0F), a{1.0F, 1.0F, 1.0F, -1.0F},
      w{1.0F, 0.0F, 1.0F, 1.0F};
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(1, 4), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::token_weight(w));
  REQUIRE(policy_loss(cppo::seq, batch, cppo::trm_max({.delta = 1e-6}), {.report = &r}).ok());
  CHECK(r.masked() == 4);
  CHECK(r.teaching_tokens == 3);
  CHECK(r.teaching_masked() == 3);
  CHECK(r.masked_high == 1);
  CHECK(r.masked_low == 1);
}

TEST_CASE("F40: half outputs that overflow or flush are counted, and so are doubles in float outputs") {
  // Gradients -A exactly; of the masked slots nothing is counted.
  std::vector<double> const a{65519.0,        65520.0, -65520.0, 1e30, 3.4e38, 0x1p-25,
                              0x1.000002p-25, -1e-9,   1e-41,    0.0,  1e30,   1e-9};
  std::vector<float> const a_float(a.begin(), a.end()), pi_float(12, -1.0F);
  std::vector<double> const pi(12, -1.0);
  std::vector<std::uint8_t> const valid{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0};
  auto const call = [&](auto const& executor, auto const& log_probs, auto const& advantages, auto out, bool loss_too) {
    std::vector<decltype(out)> gradient(12), loss(12);
    auto const batch =
        cppo::rollout_batch(cppo::padded(1, 12), cppo::log_prob(log_probs), cppo::rollout_log_prob(log_probs),
                            cppo::advantage(advantages), cppo::response_mask(valid));
    report r;
    cppo::loss_outputs o{.gradient = gradient, .report = &r};
    if (loss_too) o.loss = loss;
    REQUIRE(policy_loss(executor, batch, cppo::unrestricted(), o).ok());
    CHECK(r.not_finite == 0);
    return std::pair{r.stored_infinite, r.stored_zero};
  };
  auto const on = [&](auto const& executor) {
    using counts = std::pair<index_t, index_t>;
    CHECK(call(executor, pi_float, a_float, cppo::half{}, false) == counts{4, 3});
    CHECK(call(executor, pi_float, a_float, cppo::half{}, true) == counts{8, 6});
    CHECK(call(executor, pi_float, a_float, cppo::bfloat16{}, false) == counts{1, 1});
    CHECK(call(executor, pi_float, a_float, float{}, true) == counts{0, 0});
    CHECK(call(executor, pi, a, cppo::half{}, false) == counts{4, 3});
    CHECK(call(executor, pi, a, double{}, true) == counts{0, 0});
  };
  on(cppo::seq);
  on(cppo::simd);
  std::vector<double> const far{1e39, -1e39, 1e-46, 1.0, 0x1.ffffffp127, 0x1p-150, 0x1.fffffep127, 0x1p-149,
                                1,    1,     1,     1};
  CHECK(call(cppo::seq, pi, far, float{}, false) == std::pair<index_t, index_t>{3, 2});
}

TEST_CASE(
    "F40: losses and gradients that are not finite although their input is are counted, by every executor alike") {
  std::vector<float> pi(70, -0.5F), mu(70, -1.5F), a(70, 1.0F), w(70, 1.0F);
  pi[5] = 0.0F;
  auto const counted = [&](cppo::loss_options const& o) {
    report plain, fast, traced;
    std::vector<float> gradient(70), loss(70), gate(70);
    auto const batch = cppo::rollout_batch(cppo::padded(2, 35), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                           cppo::advantage(a), cppo::token_weight(w));
    REQUIRE(
        policy_loss(cppo::seq, batch, cppo::unrestricted(), {.loss = loss, .gradient = gradient, .report = &plain}, o)
            .ok());
    REQUIRE(policy_loss(cppo::simd, batch, cppo::unrestricted(), {.report = &fast}, o).ok());
    REQUIRE(policy_loss(cppo::simd, batch, cppo::unrestricted(), {.gate = gate, .report = &traced}, o).ok());
    CHECK(cppo_test::unlike(fast, plain) == "");
    CHECK(cppo_test::unlike(traced, plain) == "");
    index_t found = 0;
    for (std::size_t i = 0; i < 70; ++i) found += std::isfinite(loss[i]) && std::isfinite(gradient[i]) ? 0 : 1;
    CHECK(plain.not_finite == found);
    return found;
  };
  CHECK(counted({}) == 0);
  CHECK(counted({.normalizer = 0.5}) == 0);
  a[3] = 1.9e38F;                                          // times rho: finite until it is scaled by 2
  CHECK(counted({.log_prob_tolerance = 0.0}) == (std::isinf(1.9e38F * std::exp(1.0F)) ? 1 : 0));
  mu[3] = pi[3];
  CHECK(counted({}) == 0);
  CHECK(counted({.normalizer = 0.5}) == 1);
  CHECK(counted({.normalizer = 2.0}) == 0);
  w[3] = 2.0F;                                             // advantage times weight
  CHECK(counted({}) == 1);
  a[5] = 3e38F;                                            // times rho = e
  CHECK(counted({}) == 2);
  CHECK(counted({.surrogate = {.form = cppo::surrogate_form::reinforce}}) == 2);  // infinity times log pi = 0
  a[40] = 3e38F, a[41] = -3e38F;                           // of both signs: their sum is no number
  CHECK(counted({}) == 4);
}

TEST_CASE("F40: sums of a report may overflow where no token does, and nothing is counted then") {
  std::vector<float> const pi(64, -1.0F), a(64, 3e38F);
  auto const batch =
      cppo::rollout_batch(cppo::padded(1, 64), cppo::log_prob(pi), cppo::rollout_log_prob(pi), cppo::advantage(a));
  report plain, fast;
  REQUIRE(policy_loss(cppo::seq, batch, cppo::unrestricted(), {.report = &plain}).ok());
  REQUIRE(policy_loss(cppo::simd, batch, cppo::unrestricted(), {.report = &fast}).ok());
  CHECK(std::isinf(plain.loss()));
  CHECK(plain.not_finite == 0);
  CHECK(cppo_test::unlike(fast, plain) == "");
}

TEST_CASE("F40: bad input that is propagated counts as bad, not as what overflows or teaches") {
  std::vector<float> const pi{-1.0F, std::numeric_limits<float>::quiet_NaN()}, mu(2, -1.0F), a(2, 1.0F);
  std::vector<float> const w{1.0F, std::numeric_limits<float>::quiet_NaN()};
  std::vector<cppo::half> gradient(2);
  auto const batch = cppo::rollout_batch(cppo::padded(1, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::token_weight(w));
  report r;
  (void)policy_loss(cppo::seq, batch, cppo::dppo(), {.gradient = gradient, .report = &r},
                    {.bad_input = cppo::on_bad_input::propagate});
  CHECK(r.bad_tokens == 1);
  CHECK(r.counts.tokens == 2);
  CHECK(r.teaching_tokens == 1);
  CHECK(r.not_finite == 0);
  CHECK(r.stored_infinite == 0);
  CHECK(r.stored_zero == 0);
}

TEST_CASE("the budget-mask share counts what only the prefix budget rejects") {
  // delta 0.5, delta_b 0: token 1 drifts by 0.5, tokens 2 and 3 fit the threshold but not the budget, token 4 neither,
  // token 5 moves toward the rollout.
  std::vector<double> const pi{-0.5, -0.5, -0.5, -0.5, -1.5}, mu(5, -1.0), a(5, 1.0), d{0.5, 0.25, 0.125, 0.75, 0.5};
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(1, 5), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::divergence_values(d));
  auto const region = cppo::fixed_cppo({.delta = 0.5, .delta_b = 0.0, .w_min = 1.0}, cppo::precomputed);
  REQUIRE(policy_loss(cppo::seq, batch, region, {.report = &r}).ok());
  CHECK(r.kept == 2);
  CHECK(r.kept_toward == 1);
  CHECK(r.masked_budget == 2);
  CHECK(r.masked_divergence == 1);
  CHECK(r.budget_mask_share() == 2.0 / 3.0);
  CHECK(r.masked_fraction() == 0.6);
}

TEST_CASE("the range of delta_b is that of the responses with a token") {
  // P90 of responses of one token is that token: 0.01 (floor), 0.03, 0.9 (ceiling); the fourth response is empty.
  std::vector<double> const pi(4, -0.5), mu(4, -1.0), a(4, 1.0), d{0.03, 0.9, 0.01, 0.5};
  std::vector<std::uint8_t> const valid{1, 1, 1, 0};
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(4, 1), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::divergence_values(d), cppo::response_mask(valid));
  auto const region = cppo::calibrated_cppo({.delta = 0.15, .delta_b = 0.02}, cppo::precomputed);
  REQUIRE(policy_loss(cppo::seq, batch, region, {.report = &r}).ok());
  CHECK(r.min_delta_b == 0.02);
  CHECK(r.max_delta_b == 0.04);
  CHECK(r.mean_delta_b() == cppo_test::approx((0.02 + 0.03 + 0.04) / 3.0).epsilon(1e-15));
}

TEST_CASE("under a soft gate the mean gate lies above the kept share") {
  std::vector<double> const pi(2, -0.5), mu(2, -1.0), a(2, 1.0), d{0.25, 1.0};
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(2, 1), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a), cppo::divergence_values(d));
  auto const region = softened(cppo::dppo({.delta = 0.5}, cppo::precomputed), cppo::reciprocal_gate);
  REQUIRE(policy_loss(cppo::seq, batch, region, {.report = &r}).ok());
  CHECK(r.kept == 1);
  CHECK(r.mean_gate() == 0.75);  // 1, and 1/x at x = 1/0.5
}

TEST_CASE("bad input is counted in the report") {
  std::vector<float> const pi{-1.0F, std::numeric_limits<float>::quiet_NaN(), -1.0F, 1.0F}, mu(4, -1.0F), a(4, 1.0F);
  report r;
  auto const batch = cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  auto const with = [&](cppo::on_bad_input how) {
    cppo::status const s = policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &r}, {.bad_input = how});
    return s.count;
  };
  CHECK(with(cppo::on_bad_input::reject) == 2);
  CHECK(r.rejected_responses == 2);
  CHECK(r.bad_tokens == 2);
  CHECK(r.counts.tokens == 0);
  CHECK(with(cppo::on_bad_input::exclude) == 2);
  CHECK(r.rejected_responses == 0);
  CHECK(r.bad_tokens == 2);
  CHECK(r.counts.tokens == 2);
}

TEMPLATE_TEST_CASE("k3 in a report does not cancel where pi is close to mu", "", float, double) {
  double const tolerance = std::is_same_v<TestType, float> ? 5e-7 : 1e-15;
  random_source random(8);
  for (double const size : {1e-6, 1e-5, 3e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.45}) {
    std::vector<TestType> mu, pi;
    std::vector<TestType> const a(1000, TestType(1));
    long double want = 0.0L;
    for (std::size_t i = 0; i < a.size(); ++i) {
      mu.push_back(static_cast<TestType>(-0.5 - random.uniform()));
      pi.push_back(static_cast<TestType>(static_cast<double>(mu[i]) + random.uniform(-size, size)));
      auto const d = static_cast<long double>(pi[i] - mu[i]);
      want += std::expm1(d) - d;
    }
    if (size < 1e-3) {  // expm1(d) - d loses digits itself: d^2/2 + d^3/6
      want = 0.0L;
      for (std::size_t i = 0; i < a.size(); ++i) {
        auto const d = static_cast<long double>(pi[i] - mu[i]);
        want += d * d * (0.5L + d * (1.0L / 6 + d / 24));
      }
    }
    auto const batch = cppo::rollout_batch(cppo::padded(1, 1000), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                           cppo::advantage(a));
    report plain, fast;
    REQUIRE(policy_loss(cppo::seq, batch, cppo::dppo(), {.report = &plain}).ok());
    REQUIRE(policy_loss(cppo::simd, batch, cppo::dppo(), {.report = &fast}).ok());
    INFO("size " << size);
    CHECK(plain.sum_k3 == cppo_test::approx(static_cast<double>(want)).epsilon(tolerance));
    CHECK(fast.sum_k3 == plain.sum_k3);
  }
}

TEST_CASE("bins stay in range where there is nothing to count, and past a horizon") {
  using cppo::detail::position_bin;
  CHECK(position_bin(1, 0) == 0);
  CHECK(position_bin(20, 20) == 19);
  CHECK(position_bin(21, 20) == 19);
}

TEST_CASE("the list of measures holds every member function of a report that returns a number") {
  std::set<std::string> declared, listed;
  std::ifstream in(CPPO_SOURCE_DIR "/include/cppo/objective/report.hpp");
  for (std::string line; std::getline(in, line) && line != " private:";) {
    for (std::string const type : {"constexpr double ", "constexpr index_t "}) {
      std::size_t const at = line.find(type), open = line.find('(');
      if (at != std::string::npos && open != std::string::npos) {
        declared.insert(line.substr(at + type.size(), open - at - type.size()));
      }
    }
  }
  report const r;
  r.each_measure([&](char const* name, double) { listed.insert(name); });
  CHECK(declared.size() > 15);
  CHECK(listed == declared);
}

TEST_CASE("a measure has the value of its member function") {
  report r;
  r.counts = {100, 4};
  r.kept = 60;
  r.sum_divergence = 5.0;
  r.position_tokens[3] = 8;
  r.position_masked[3] = 2;
  int bins = 0;
  r.each_measure([&](std::string const& name, double value) {
    if (name == "masked") CHECK(value == 40.0);
    if (name == "masked_fraction") CHECK(value == 0.4);
    if (name == "mean_divergence") CHECK(value == 0.05);
    if (name == "masked_fraction_at") CHECK(value == (bins++ == 3 ? 0.25 : 0.0));
  });
  CHECK(bins == report::bins);
}
