// Each finding of `diagnose`: found where it is, and only there.
#include "support/catch_compat.hpp"

#include <cppo/algorithm/diagnose.hpp>
#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/region/dppo.hpp>
#include <cppo/testing/random.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using cppo::finding;
using cppo::index_t;

constexpr finding every_finding[] = {
    finding::no_active_tokens,  finding::mask_not_binary,    finding::not_finite,
    finding::positive_log_probs, finding::identical_policies, finding::zero_advantages,
    finding::shifted_by_one,    finding::truncated_sampling, finding::large_mismatch,
    finding::bad_shape,         finding::below_floor,        finding::rollout_zeros,
    finding::log_prob_zeros,    finding::zeros_on_both_sides, finding::partly_replaced,
    finding::swapped_policies,  finding::above_rollout,      finding::mean_ratio_high,
    finding::swapped_extents,   finding::missing_input,      finding::bad_parameter,
    finding::threshold_out_of_reach};

// Two responses of 32 tokens with nothing wrong: pi near mu, neither above the other.
struct clean_batch {
  static constexpr index_t responses = 2, width = 32;
  std::vector<double> pi, mu, a;
  std::vector<float> valid;
  clean_batch() {
    cppo::testing::random_source random(5);
    for (index_t i = 0; i < responses * width; ++i) {
      mu.push_back(-0.1 - 3.0 * random.uniform());
      pi.push_back(mu.back() + random.uniform(-0.03, 0.03));
      a.push_back(random.normal());
      valid.push_back(1.0F);
    }
  }
  cppo::batch_diagnosis diagnosis() const {
    return diagnose(cppo::rollout_batch(cppo::padded(responses, width), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                        cppo::advantage(a), cppo::response_mask(valid)));
  }
  std::size_t size() const { return pi.size(); }
};

// This and nothing else.
void only(cppo::batch_diagnosis const& d, finding f) {
  INFO(std::string(sentence(f)));
  CHECK(d.findings == static_cast<unsigned>(f));
  CHECK(d.has(f));
  CHECK_FALSE(d.clean());
}

// Log-softmax of 200 logits, a new draw for each token, as the trainer computes it; log mu of the tokens that an engine
// samples, which divides by a temperature and keeps the most probable until they hold `top_p`.
cppo::batch_diagnosis sampled_by(double temperature, double top_p) {
  constexpr std::size_t symbols = 200, tokens = 512;
  cppo::testing::random_source random(17);
  std::vector<double> pi, mu;
  std::vector<double> const a(tokens, 1.0);
  for (std::size_t t = 0; t < tokens; ++t) {
    std::vector<double> logit(symbols), law(symbols);
    for (double& x : logit) x = 2.5 * random.normal();
    auto const log_sum = [&](double heat) {
      double sum = 0.0;
      for (double const x : logit) sum += std::exp(x / heat);
      return std::log(sum);
    };
    double const trainer = log_sum(1.0), engine = log_sum(temperature);
    std::sort(logit.begin(), logit.end(), std::greater<>());
    double held = 0.0;
    std::size_t kept = 0;
    for (; kept < symbols && held < top_p; ++kept) {
      law[kept] = std::exp(logit[kept] / temperature - engine);
      held += law[kept];
    }
    double left = random.uniform() * held;
    std::size_t chosen = 0;
    while (chosen + 1 < kept && left >= law[chosen]) left -= law[chosen++];
    pi.push_back(logit[chosen] - trainer);
    mu.push_back(std::log(law[chosen] / held));
  }
  return diagnose(cppo::rollout_batch(cppo::padded(1, tokens), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                      cppo::advantage(a)));
}

}  // namespace

TEST_CASE("diagnose: nothing is found in a clean batch") {
  cppo::batch_diagnosis const d = clean_batch().diagnosis();
  CHECK(d.clean());
  CHECK(d.tokens == 64);
  for (finding const f : every_finding) CHECK_FALSE(d.has(f));
}

TEST_CASE("diagnose: counts and mean gaps equal plain sums") {
  clean_batch b;
  b.valid[3] = 0.0F;
  double sum = 0.0, largest = 0.0, back = 0.0, ahead = 0.0;
  int pairs = 0, tokens = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (b.valid[i] == 0.0F) continue;
    double const gap = std::fabs(b.pi[i] - b.mu[i]);
    sum += gap;
    largest = std::max(largest, gap);
    ++tokens;
    std::size_t const before = i == 4 ? 2 : i - 1;
    if (i % 32 == 0) continue;
    back += std::fabs(b.pi[i] - b.mu[before]);
    ahead += std::fabs(b.pi[before] - b.mu[i]);
    ++pairs;
  }
  cppo::batch_diagnosis const d = b.diagnosis();
  CHECK(d.tokens == tokens);
  CHECK(d.mean_abs_log_ratio == cppo_test::approx(sum / tokens).epsilon(1e-12));
  CHECK(d.max_abs_log_ratio == largest);
  CHECK(d.shifted_gap[0] == cppo_test::approx(back / pairs).epsilon(1e-12));
  CHECK(d.shifted_gap[1] == cppo_test::approx(ahead / pairs).epsilon(1e-12));
}

TEST_CASE("diagnose: no active token") {
  clean_batch b;
  b.valid.assign(b.size(), 0.0F);
  b.pi.assign(b.size(), std::numeric_limits<double>::quiet_NaN());
  only(b.diagnosis(), finding::no_active_tokens);
}

TEST_CASE("diagnose: a response mask that is not binary") {
  clean_batch b;
  b.valid[7] = 0.5F;
  only(b.diagnosis(), finding::mask_not_binary);
  CHECK(b.diagnosis().bad_mask_values == 1);
}

TEST_CASE("diagnose: NaN and infinities, at active tokens only") {
  for (double const bad : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    for (int which = 0; which < 3; ++which) {
      clean_batch b;
      (which == 0 ? b.pi : which == 1 ? b.mu : b.a)[9] = bad;
      only(b.diagnosis(), finding::not_finite);
      CHECK(b.diagnosis().not_finite == 1);
      b.valid[9] = 0.0F;
      CHECK(b.diagnosis().clean());
    }
  }
}

TEST_CASE("diagnose: positive log-probs of either policy") {
  clean_batch b;
  b.pi[4] = 0.01;
  b.mu[4] = 0.0;
  only(b.diagnosis(), finding::positive_log_probs);
  b.pi[4] = 0.0;
  CHECK(b.diagnosis().clean());
  b.mu[4] = 0.01;
  only(b.diagnosis(), finding::positive_log_probs);
}

TEST_CASE("diagnose: what a call refuses in any other input is found too") {
  using namespace cppo;
  clean_batch const b;
  constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(),
                   infinity = std::numeric_limits<double>::infinity();
  std::vector<double> w(b.size(), 1.0), d(b.size(), 0.1), p(2 * b.size(), -1.0), q = p;
  std::vector<int> ids(2 * b.size(), 3), y(b.size(), 3);
  std::vector<std::uint8_t> kept(b.size());
  auto const looked_at = [&](finding const* expected) {
    auto const batch =
        rollout_batch(padded(clean_batch::responses, clean_batch::width), log_prob(b.pi), rollout_log_prob(b.mu),
                      advantage(b.a), token_weight(w), divergence_values(d), token_id(y), top_k(2, ids, p, q));
    batch_diagnosis const found = diagnose(batch);
    if (expected != nullptr) only(found, *expected);
    else CHECK(found.clean());
    CHECK(found.not_finite == (expected != nullptr && *expected == finding::not_finite ? 1 : 0));
    CHECK(found.positive == (expected != nullptr && *expected == finding::positive_log_probs ? 1 : 0));
    CHECK(compute_mask(seq, batch, dppo(), kept).ok() == (expected == nullptr));
  };
  auto const spoiled = [&](std::vector<double>& input, double bad, finding expected) {
    INFO(bad);
    double const good = std::exchange(input[21], bad);
    looked_at(&expected);
    input[21] = good;
  };
  looked_at(nullptr);
  for (double const bad : {not_a_number, infinity}) {
    for (std::vector<double>* const input : {&w, &d, &p, &q}) spoiled(*input, bad, finding::not_finite);
  }
  spoiled(d, -0.5, finding::not_finite);
  for (std::vector<double>* const list : {&p, &q}) spoiled(*list, 0.5, finding::positive_log_probs);
  p[21] = -infinity;  // no probability left
  looked_at(nullptr);
  p[21] = not_a_number;
  ids[21] = -1;  // an empty entry
  looked_at(nullptr);
}

TEST_CASE("diagnose: identical policies, all tokens but one are not enough") {
  clean_batch b;
  b.mu = b.pi;
  only(b.diagnosis(), finding::identical_policies);
  CHECK(b.diagnosis().identical == 64);
  b.mu[0] -= 1e-3;
  CHECK(b.diagnosis().clean());
}

TEST_CASE("diagnose: zero advantages, of either sign of zero, all of them") {
  clean_batch b;
  b.a.assign(b.size(), -0.0);
  only(b.diagnosis(), finding::zero_advantages);
  b.a[63] = 1e-300;
  CHECK(b.diagnosis().clean());
  CHECK(b.diagnosis().nonzero_advantages == 1);
}

TEST_CASE("F15_shift_detected: log-probs one token off, either way, within responses") {
  for (bool const forward : {true, false}) {
    clean_batch b;
    std::vector<double> const mu = b.mu;
    for (std::size_t r = 0; r < 2; ++r) {
      for (std::size_t i = 0; i < 32; ++i) {
        b.mu[32 * r + i] = mu[32 * r + (forward ? (i + 1) % 32 : (i + 31) % 32)];
      }
    }
    cppo::batch_diagnosis const d = b.diagnosis();
    CHECK(d.has(finding::shifted_by_one));
    CHECK(d.shifted_gap[forward ? 0 : 1] < 0.5 * d.shifted_gap[forward ? 1 : 0]);
    // What else shows is that the ratios are off.
    CHECK((d.findings & ~static_cast<unsigned>(finding::large_mismatch)) ==
          static_cast<unsigned>(finding::shifted_by_one));
  }
}

TEST_CASE("diagnose: a shift needs sixteen pairs to be called one") {
  std::vector<double> pi, mu, a;
  auto const shifted = [&](index_t n) {
    pi.clear();
    mu.clear();
    for (index_t i = 0; i < n; ++i) {
      pi.push_back(i % 3 == 0 ? -0.1 : -2.0 - static_cast<double>(i % 2));
      mu.push_back((i + 1) % 3 == 0 ? -0.1 : -2.0 - static_cast<double>((i + 1) % 2));
    }
    a.assign(pi.size(), 1.0);
    return diagnose(cppo::rollout_batch(cppo::padded(1, n), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                        cppo::advantage(a)))
        .has(finding::shifted_by_one);
  };
  CHECK(shifted(17));
  CHECK_FALSE(shifted(16));
}

TEST_CASE("F17_temperature_detected: ratios off at temperatures from 0.5 to 1.5") {
  for (double const temperature : {0.5, 0.6, 0.7, 0.8, 0.9, 1.2, 1.5}) {
    INFO(temperature);
    CHECK(sampled_by(temperature, 1.0).has(finding::large_mismatch));
  }
  CHECK_FALSE(sampled_by(1.0, 1.0).has(finding::large_mismatch));
}

TEST_CASE("F17_truncation_detected: top-p raises log mu of every token that is left") {
  for (double const top_p : {0.5, 0.8, 0.9, 0.95, 0.99}) {
    INFO(top_p);
    CHECK(sampled_by(1.0, top_p).has(finding::truncated_sampling));
  }
  clean_batch b;
  for (std::size_t i = 0; i < b.size(); ++i) b.pi[i] = b.mu[i] - 0.02;
  only(b.diagnosis(), finding::truncated_sampling);
  CHECK(b.diagnosis().below == 64);
  // 57 of 64 are below nine tenths.
  for (std::size_t i = 0; i < 7; ++i) b.pi[i] = b.mu[i] + 0.02;
  CHECK(b.diagnosis().clean());
  // Rounding is no bias.
  for (std::size_t i = 0; i < b.size(); ++i) b.pi[i] = b.mu[i] - 0.9e-4;
  CHECK(b.diagnosis().clean());
}

TEST_CASE("F16: more than one ratio in twenty outside [0.9, 1.1]") {
  clean_batch b;
  for (std::size_t i = 0; i < 3; ++i) b.pi[i] = b.mu[i] - 0.12;
  CHECK(b.diagnosis().clean());  // 3 of 64
  b.pi[3] = b.mu[3] + 0.097;
  only(b.diagnosis(), finding::large_mismatch);  // 4 of 64
  CHECK(b.diagnosis().outside_band == 4);
  b.pi[3] = b.mu[3] + 0.095;
  CHECK(b.diagnosis().clean());
}

TEST_CASE("diagnose: each finding has a name and a sentence of its own") {
  std::set<std::string> sentences, names;
  for (finding const f : every_finding) {
    CHECK(sentence(f).size() > 30);
    sentences.emplace(sentence(f));
    CHECK(name(f).size() > 8);
    names.emplace(name(f));
  }
  CHECK(names.size() == std::size(every_finding));
  CHECK(name(finding::swapped_policies) == "swapped_policies");
  CHECK(sentences.size() == std::size(every_finding));
  cppo::batch_diagnosis all;  // has room for each
  for (finding const f : every_finding) all.add(f, static_cast<index_t>(f) % 5);
  CHECK(all.ranked().size() == std::size(every_finding));
  auto const more = [](cppo::ranked_finding const& x, cppo::ranked_finding const& y) { return x.tokens > y.tokens; };
  CHECK(std::is_sorted(all.ranked().begin(), all.ranked().end(), more));
  CHECK(sentence(static_cast<finding>(0)).empty());
}

TEST_CASE("F31: the runs of marked things in any order are counted by a hypergeometric law", "[algorithm]") {
  // Of z marked among n in a row, P(at most k runs) as a sum; the test may miss what lies within a tenth of the bound.
  double const limit = std::exp(-cppo::detail::sure);
  auto const log_factorial = [](int n) { return std::lgamma(n + 1.0); };
  auto const log_choose = [&](int n, int k) { return log_factorial(n) - log_factorial(k) - log_factorial(n - k); };
  int found = 0;
  for (int const n : {20, 64, 100, 400}) {
    for (int z = 2; z < n; z += 1 + n / 50) {
      double p = 0.0;
      for (int k = 1; k < z; ++k) {
        if (k > n - z + 1) break;
        p += std::exp(log_choose(n - z + 1, k) + log_choose(z - 1, k - 1) - log_choose(n, z));
        bool const is = cppo::detail::stands_in_runs(n, z, z - k);
        INFO(n << ' ' << z << ' ' << k << ' ' << p);
        if (is) CHECK(p < 1.01 * limit);
        if (p < 0.5 * limit) CHECK(is);
        found += is ? 1 : 0;
      }
    }
  }
  CHECK(found > 200);
  CHECK_FALSE(cppo::detail::stands_in_runs(64, 1, 0));
  CHECK_FALSE(cppo::detail::stands_in_runs(64, 64, 63));
}

TEST_CASE("diagnose: a batch of a bad shape is not clean, and is not read") {
  std::vector<double> const pi(3, -1.0);
  auto const batch = cppo::rollout_batch(cppo::padded(2, 2), cppo::log_prob(pi), cppo::rollout_log_prob(pi),
                                         cppo::advantage(pi));
  REQUIRE_FALSE(batch.check().ok());
  CHECK(diagnose(batch).tokens == 0);
  only(diagnose(batch), finding::bad_shape);
}

TEST_CASE("diagnose: offsets on a device are not read") {
  std::vector<double> const pi(2, -1.0);
  auto const* const elsewhere = reinterpret_cast<std::int64_t const*>(std::uintptr_t{16});
  auto const batch = cppo::rollout_batch(cppo::packed_on_device(elsewhere, 1, 2), cppo::log_prob(pi),
                                         cppo::rollout_log_prob(pi), cppo::advantage(pi));
  REQUIRE(batch.check().ok());
  only(diagnose(batch), finding::bad_shape);
}
