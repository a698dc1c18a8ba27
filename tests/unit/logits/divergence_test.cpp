#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/divergence.hpp>
#include <cppo/logits/divergence.hpp>
#include <cppo/logits/log_probs.hpp>
#include <cppo/region/dppo.hpp>

#include "support/catch_compat.hpp"
#include "support/logit_oracle.hpp"

#include <fstream>
#include <numeric>

using namespace cppo;
using namespace cppo_test;

namespace {

// Rows of pi and mu, and their log-sum-exps.
struct two_policies {
  std::size_t rows, width;
  std::vector<float> pi, mu;
  double t_pi = 1.0, t_mu = 1.0;
  std::vector<double> pi_total = {}, mu_total = {};

  two_policies(std::vector<float> x, std::vector<float> y, std::size_t v, double at_pi = 1.0, double at_mu = 1.0)
      : rows(x.size() / v), width(v), pi(std::move(x)), mu(std::move(y)), t_pi(at_pi), t_mu(at_mu) {
    for (std::size_t i = 0; i < rows; ++i) {
      pi_total.push_back(static_cast<double>(policy_of(pi, i, t_pi).log_sum_exp));
      mu_total.push_back(static_cast<double>(policy_of(mu, i, t_mu).log_sum_exp));
    }
  }
  exact_policy policy_of(std::vector<float> const& x, std::size_t i, double t) const { return {x, i, width, t}; }
  exact_divergence exact(std::size_t i) const { return {policy_of(pi, i, t_pi), policy_of(mu, i, t_mu)}; }
  layout shape() const { return padded(static_cast<index_t>(rows), 1); }
  logit_rows lent(std::vector<float> const& x, double t) const {
    return logits(static_cast<index_t>(width), x).at_temperature(t);
  }
};
struct written {
  std::vector<double> tv, kl;
  friend bool operator==(written const&, written const&) = default;
};
template <class Executor>
written full(Executor const& e, two_policies const& l) {
  written w{std::vector<double>(l.rows, -1.0), std::vector<double>(l.rows, -1.0)};
  status const s = full_divergences(e, logit_batch(l.shape(), l.lent(l.pi, l.t_pi)), l.pi_total,
                                    {.logits = l.lent(l.mu, l.t_mu), .log_sum_exp = l.mu_total},
                                    {.tv = w.tv, .kl = w.kl});
  INFO(describe(s).c_str());
  CHECK(s.ok());
  return w;
}

// D of each row by the library's divergence on a list of the k ids that mu ranks highest, and y sampled.
template <class D>
std::vector<double> by_lists(two_policies const& l, index_t k, std::vector<std::int64_t> const& y,
                             D const& divergence) {
  auto const n = l.rows * static_cast<std::size_t>(k);
  std::vector<std::int64_t> ids(n);
  std::vector<double> q(n), p(n), log_p(l.rows), log_q(l.rows), d(l.rows);
  std::vector<float> const a(l.rows, 1.0F);
  REQUIRE(log_probs(seq, logit_batch(l.shape(), l.lent(l.mu, l.t_mu), token_id(y)),
                    {.log_prob = log_q, .largest_count = k, .largest_id = ids, .largest_log_prob = q}).ok());
  REQUIRE(log_probs(seq, logit_batch(l.shape(), l.lent(l.pi, l.t_pi), token_id(y), top_k_ids(k, ids)),
                    {.log_prob = log_p, .listed_log_prob = p}).ok());
  auto const batch = rollout_batch(l.shape(), log_prob(log_p), rollout_log_prob(log_q), advantage(a), token_id(y),
                                   top_k(k, ids, p, q));
  REQUIRE(policy_loss(seq, batch, dppo({}, divergence), {.trace = {.divergence = d}}).ok());
  return d;
}
void check_order(two_policies const& l, index_t k, std::uint64_t seed) {
  drawn_numbers draw(seed);
  std::vector<std::int64_t> y(l.rows);
  for (std::int64_t& id : y) id = static_cast<std::int64_t>(draw.bits() % l.width);
  written const all = full(simd, l);
  std::vector<double> const one_tv = by_lists(l, k, y, binary_tv), one_kl = by_lists(l, k, y, binary_kl);
  std::vector<double> const some_tv = by_lists(l, k, y, top_k_tv), some_kl = by_lists(l, k, y, top_k_kl);
  for (std::size_t i = 0; i < l.rows; ++i) {
    CHECK(one_tv[i] <= some_tv[i] + 1e-6);
    CHECK(some_tv[i] <= all.tv[i] + 1e-6);
    CHECK(one_kl[i] <= some_kl[i] + 1e-6);
    CHECK(some_kl[i] <= all.kl[i] + 1e-5 * (1.0 + all.kl[i]));
    CHECK(all.tv[i] <= std::sqrt(all.kl[i] / 2.0) + 1e-5);  // Pinsker
  }
}
two_policies of_story() {
  std::ifstream in(CPPO_SOURCE_DIR "/examples/data/rollouts/tinystories_logits.bin", std::ios::binary);
  std::vector<float> mu(16 * 512), pi(16 * 512);
  for (std::vector<float>* x : {&mu, &pi}) {
    in.read(reinterpret_cast<char*>(x->data()), static_cast<std::streamsize>(x->size() * sizeof(float)));
  }
  REQUIRE(in.good());
  return {pi, mu, 512};
}
void check_exact(two_policies const& l) {
  written const w = full(seq, l);
  for (std::size_t i = 0; i < l.rows; ++i) {
    exact_divergence const want = l.exact(i);
    CHECK(std::fabs(w.tv[i] - static_cast<double>(want.tv)) < 3e-6);
    CHECK(std::fabs(w.kl[i] - static_cast<double>(want.kl)) < 2e-6 + 1e-5 * static_cast<double>(want.kl));
  }
}

}  // namespace

TEST_CASE("full_divergences are TV and KL(mu || pi) of the two policies", "[logits]") {
  for (std::size_t const width : {1U, 2U, 15U, 64U, 1000U, 1024U, 5000U}) {
    for (double const drift : {0.0, 0.01, 0.3, 3.0}) {
      std::vector<float> const mu = random_logits(width, 3, width);
      std::vector<float> const pi = moved_logits(width + 1, mu, drift);
      check_exact({pi, mu, width});
      check_exact({pi, mu, width, 0.8, 1.3});
    }
  }
}

TEST_CASE("full_divergences of logits far from 0 are as exact", "[logits]") {
  std::vector<float> mu = random_logits(6, 3, 300), pi = moved_logits(7, mu, 0.2);
  for (float& x : pi) x += 20000.0F;
  for (float& x : mu) x -= 9000.0F;
  check_exact({pi, mu, 300});
}

TEST_CASE("full_divergences of a whole vocabulary", "[logits]") {
  std::vector<float> const mu = random_logits(1, 1, 151936);
  check_exact({moved_logits(2, mu, 0.2), mu, 151936});
}

TEST_CASE("full_divergences of flat rows, whose errors have one sign", "[logits]") {
  std::vector<float> const pi(151936, 2.03F), mu(151936, 0.92F);
  two_policies const flat(pi, mu, 151936, 0.7247, 0.3137);
  check_exact(flat);
  CHECK(full(seq, flat).tv[0] > 0.0);  // each probability errs by the same
}

TEST_CASE("full_divergences of a language model's rows", "[logits]") { check_exact(of_story()); }

TEST_CASE("Binary <= Top-K <= full, for TV and KL, on random rows", "[logits][property]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::vector<float> const mu = random_logits(seed, 8, 100);
    check_order({moved_logits(seed + 100, mu, seed % 4 == 0 ? 2.0 : 0.2), mu, 100}, 1 + static_cast<index_t>(seed % 20),
                seed);
  }
}

TEST_CASE("Binary <= Top-K <= full, for TV and KL, on a language model's rows", "[logits][property]") {
  two_policies const story = of_story();
  for (std::uint64_t seed = 0; seed < 10; ++seed) check_order(story, 20, seed);
}

TEST_CASE("full_divergences have the same bits on every executor", "[logits]") {
  for (std::size_t const width : {3U, 16U, 1023U, 2100U}) {
    std::vector<float> const mu = random_logits(width, 5, width, 0.05);
    two_policies const l(moved_logits(9, mu, 0.3), mu, width, 0.9);
    written const want = full(seq, l);
    CHECK(full(simd, l) == want);
    CHECK(full(simd.with_threads(3, 1), l) == want);
  }
}

TEST_CASE("full_divergences of stored log-probs, of half types, and the other direction", "[logits]") {
  std::vector<float> const mu = random_logits(4, 3, 600), pi = moved_logits(5, mu, 0.3);
  two_policies const l(pi, mu, 600);
  std::vector<float> stored;
  for (std::size_t i = 0; i < 3; ++i) {
    for (long double const x : l.policy_of(mu, i, 1.0).log_prob) stored.push_back(static_cast<float>(x));
  }
  std::vector<double> tv(3), kl(3);
  auto const batch = logit_batch(l.shape(), logits(600, pi));
  REQUIRE(full_divergences(simd, batch, l.pi_total, {.log_probs = logits(600, stored)}, {.tv = tv, .kl = kl}).ok());
  two_policies const other(mu, pi, 600);
  written const back = full(simd, other);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(tv[i] == approx(static_cast<double>(l.exact(i).tv)).epsilon(1e-5));
    CHECK(kl[i] == approx(static_cast<double>(l.exact(i).kl)).epsilon(1e-4));
    CHECK(back.kl[i] == approx(static_cast<double>(other.exact(i).kl)).epsilon(1e-4));
  }
  std::vector<bfloat16> const narrow = as_elements<bfloat16>(mu);
  two_policies const rounded(pi, numbers_of(narrow), 600);
  REQUIRE(full_divergences(simd, batch, rounded.pi_total,
                           {.logits = logits(600, narrow), .log_sum_exp = rounded.mu_total}, {.tv = tv, .kl = kl})
              .ok());
  CHECK(written{tv, kl} == full(seq, rounded));
}

TEST_CASE("full_divergences where probabilities are 0, and of NaN", "[logits]") {
  std::vector<float> const pi = {0.0F, 0.0F, no_logit, 0.0F, no_logit, 0.0F, 0.0F, not_a_logit, 0.0F};
  std::vector<float> const mu = {0.0F, 0.0F, no_logit, 0.0F, 0.0F, no_logit, 0.0F, 0.0F, 0.0F};
  double const pi_total[] = {std::log(2.0), std::log(2.0), 0.0}, mu_total[] = {std::log(2.0), std::log(2.0), 0.0};
  for (bool const on_simd : {false, true}) {
    double tv[3], kl[3];
    auto const batch = logit_batch(padded(1, 3), logits(3, pi));
    policy_rows const other{.logits = logits(3, mu), .log_sum_exp = mu_total};
    full_divergence_outputs const out{.tv = tv, .kl = kl};
    REQUIRE((on_simd ? full_divergences(simd, batch, pi_total, other, out)
                     : full_divergences(seq, batch, pi_total, other, out))
                .ok());
    CHECK(tv[0] == 0.0);
    CHECK(kl[0] == 0.0);
    CHECK(tv[1] == approx(0.5).epsilon(1e-6));
    CHECK(kl[1] == 1000.0);
    CHECK(std::isnan(tv[2]));
    CHECK(std::isnan(kl[2]));
  }
}

TEST_CASE("full_divergences of a logit of +inf are NaN, beside whatever it stands", "[logits]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  double const total[] = {1.0, 1.0, 1.0, 1.0};
  for (bool const on_simd : {false, true}) {
    for (bool const in_pi : {false, true}) {
      std::vector<float> const odd = {0.0F, inf, 0.0F, inf, inf, 0.0F, inf, 0.0F};
      std::vector<float> const even = {0.0F, 0.0F, 0.0F, no_logit, inf, 0.0F, not_a_logit, 0.0F};
      std::vector<double> tv(4), kl(4);
      auto const batch = logit_batch(padded(1, 4), logits(2, in_pi ? odd : even));
      policy_rows const mu{.logits = logits(2, in_pi ? even : odd), .log_sum_exp = total};
      full_divergence_outputs const out{.tv = tv, .kl = kl};
      REQUIRE((on_simd ? full_divergences(simd, batch, total, mu, out) : full_divergences(seq, batch, total, mu, out))
                  .ok());
      for (std::size_t i = 0; i < 4; ++i) CHECK((std::isnan(tv[i]) && std::isnan(kl[i])));
    }
  }
}

TEST_CASE("full_divergences do not read rows of no token", "[logits]") {
  std::vector<float> mu = random_logits(3, 3, 20);
  two_policies l(moved_logits(4, mu, 0.2), mu, 20);
  written const all = full(seq, l);
  std::fill_n(l.pi.begin() + 20, 20, not_a_logit);
  std::fill_n(l.mu.begin() + 20, 20, not_a_logit);
  l.pi_total[1] = std::numeric_limits<double>::quiet_NaN();
  bool const valid[] = {true, false, true};
  std::vector<double> tv(3, 4.0);
  auto const batch = logit_batch(l.shape(), l.lent(l.pi, 1.0), response_mask(valid));
  REQUIRE(full_divergences(simd, batch, l.pi_total, {.logits = l.lent(l.mu, 1.0), .log_sum_exp = l.mu_total},
                           {.tv = tv})
              .ok());
  CHECK(tv == std::vector<double>{all.tv[0], 0.0, all.tv[2]});
}

TEST_CASE("full_divergences name what is wrong, and write nothing", "[logits]") {
  std::vector<float> const x = random_logits(1, 2, 8), fewer(2 * 7);
  std::vector<double> total(2, 3.0), tv(2, 9.0);
  auto const batch = logit_batch(padded(1, 2), logits(8, x));
  auto const call = [&](policy_rows const& mu, full_divergence_outputs const& out) {
    status const s = full_divergences(seq, batch, total, mu, out);
    CHECK(!s.ok());
    CHECK(tv == std::vector<double>{9.0, 9.0});
    return s;
  };
  policy_rows const same{.logits = logits(8, x), .log_sum_exp = total};
  CHECK_THAT(describe(call({.logits = logits(7, fewer)}, {.tv = tv})).c_str(),
             contains("rollout.logits has 7 columns, but must have 8"));
  std::vector<int> whole(2);
  CHECK(call(same, {.tv = whole}).code == status_code::element_type_mismatch);
  CHECK(call(same, {.tv = tv, .kl = tv}).code == status_code::output_overlap);
  CHECK(call(same, {.tv = total}).code == status_code::output_overlap);
  std::vector<float> mine(16);
  CHECK(call({.logits = logits(8, mine), .log_sum_exp = total}, {.tv = mine.data() + 3}).other == argument::logits);
  total[1] = std::numeric_limits<double>::infinity();
  status const s = call(same, {.tv = tv});
  CHECK(s.code == status_code::log_sum_exp_invalid);
  CHECK(describe(s) == "log_sum_exp at response 0, token 1 is inf, but must hold finite log-sum-exps where "
                       "response_mask is 1: lend what log_probs writes for the same logits and temperature, or mask "
                       "the token");
  std::vector<double> const infinite = total;
  total[1] = 3.0;
  CHECK_THAT(describe(call({.logits = logits(8, x), .log_sum_exp = infinite}, {.tv = tv})).c_str(),
             contains("rollout.log_sum_exp at response 0, token 1 is inf, but must hold"));
}

TEST_CASE("full_divergences need log-sum-exps of logits, and rows of all ids", "[logits]") {
  std::vector<float> const x = random_logits(1, 2, 8);
  std::vector<double> total(2, 3.0), tv(2, 9.0);
  auto const batch = logit_batch(padded(1, 2), logits(8, x));
  auto const says = [&](logit_batch_view const& rows, slot_input const& of_pi, policy_rows const& mu,
                        char const* words) {
    status const s = full_divergences(seq, rows, of_pi, mu, {.tv = tv});
    CHECK_THAT(describe(s).c_str(), contains(words));
    CHECK(tv == std::vector<double>{9.0, 9.0});
  };
  policy_rows const whole{.logits = logits(8, x), .log_sum_exp = total};
  says(batch, {}, whole, "log_sum_exp is null, but the call reads or writes it");
  says(batch, total, {.logits = logits(8, x)}, "rollout.log_sum_exp is null");
  says(batch, total, {.log_sum_exp = total, .log_probs = logits(8, x)}, "rollout must be logits with their");
  says(batch, total, {.logits = logits(8, x), .log_probs = logits(8, x)}, "rollout must be logits with their");
  says(batch, total, {.log_probs = logits(8, x).at_temperature(0.7)}, "rollout.log_probs.at_temperature(t) is 0.7");
  says(batch, total, {.log_probs = logits(7, x)}, "rollout.log_probs");
  says(batch, total, {}, "logits(V, ...) is 0");
  auto const shard = logits(8, x).from_id(2, 10), other = logits(8, x).from_id(0, 10);
  says(logit_batch(padded(1, 2), shard), total, {.logits = shard, .log_sum_exp = total},
       "logits(V, x).from_id(first, ...) is 2, but must be left out: lend the logits of all ids");
  says(batch, total, {.logits = other, .log_sum_exp = total}, "rollout.logits.from_id(first, ...) is 0, but must be");
}

TEST_CASE("full_divergences share no memory with offsets, ids or lists", "[logits]") {
  std::vector<float> const x = random_logits(1, 2, 8);
  std::vector<double> const total(2, 3.0);
  std::vector<std::int64_t> memory{0, 2, 0, 0};
  auto* const tv = reinterpret_cast<double*>(memory.data());
  auto const run = [&](logit_batch_view const& batch, argument other) {
    for (full_divergence_outputs const& out : {full_divergence_outputs{.tv = tv}, {.kl = tv}}) {
      status const s = full_divergences(seq, batch, total, {.logits = logits(8, x), .log_sum_exp = total}, out);
      CHECK((s.code == status_code::output_overlap && s.other == other));
    }
  };
  std::int64_t const* const lent = memory.data();
  run(logit_batch(packed(lent, 1), logits(8, x)), argument::offsets);
  run(logit_batch(padded(1, 2), logits(8, x), token_id(lent)), argument::token_id);
  run(logit_batch(padded(1, 2), logits(8, x), top_k_ids(1, lent)), argument::top_k);
}
