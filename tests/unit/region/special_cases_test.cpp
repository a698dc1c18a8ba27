// Every named special case equals its formula, written out once more in double.
#include "support/catch_compat.hpp"

#include <cppo/region.hpp>
#include <cppo/rules/parity.hpp>
#include <cppo/weight.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace {

using cppo::index_t;
using namespace cppo::testing;

// One response as plain numbers; the vectors hold its valid tokens in order.
struct response {
  std::vector<double> log_pi, log_mu, advantage;
  std::size_t size() const { return log_pi.size(); }
  double rho(std::size_t t) const { return std::exp(log_pi[t] - log_mu[t]); }
  bool toward(std::size_t t) const {
    return advantage[t] == 0.0 || (advantage[t] > 0.0 ? log_pi[t] <= log_mu[t] : log_pi[t] >= log_mu[t]);
  }
  std::vector<double> each(double (*d)(double, double)) const {
    std::vector<double> all;
    for (std::size_t t = 0; t < size(); ++t) all.push_back(d(log_pi[t], log_mu[t]));
    return all;
  }
};

double tv(double log_p, double log_q) { return std::fabs(std::exp(log_p) - std::exp(log_q)); }

double kl(double log_p, double log_q) {  // KL(mu || pi) of the two Bernoulli laws
  if (log_p == log_q) return 0.0;
  double const mu = std::exp(log_q);
  double const rest = std::fabs(std::expm1(log_q));
  double const hit = mu * (log_q - log_p);
  double const miss = rest > 0.0 ? rest * std::log(rest / std::fabs(std::expm1(log_p))) : 0.0;
  return std::min(std::max(hit + miss, 0.0), 1000.0);
}

// What a formula says of each token, and how far lhs and rhs are apart where it matters.
struct verdicts {
  std::vector<bool> keep;
  std::vector<double> margin;
  void add(bool toward, std::initializer_list<std::pair<double, double>> comparisons) {
    bool all = true;
    double least = std::numeric_limits<double>::infinity();
    for (auto const& [lhs, rhs] : comparisons) {
      all = all && lhs <= rhs;
      least = std::min(least, std::fabs(lhs - rhs) / std::max(1.0, std::fabs(rhs)));
    }
    keep.push_back(toward || all);
    margin.push_back(toward ? std::numeric_limits<double>::infinity() : least);
  }
};

double linear(std::size_t rank, std::size_t length, double w_min) {
  return length > 1 ? 1.0 - (1.0 - w_min) * static_cast<double>(rank) / static_cast<double>(length - 1) : 1.0;
}

// Eq. 10 with weights, divergences and an effective budget given.
verdicts eq10(response const& r, std::vector<double> const& d, std::vector<double> const& w, double delta,
              double delta_b) {
  verdicts v;
  double s = 0.0, weight = 0.0;
  for (std::size_t t = 0; t < r.size(); ++t) {
    double const z = w[t] * d[t];
    v.add(r.toward(t), {{z, delta}, {z, delta + delta_b * weight - s}});
    s += z;
    weight += w[t];
  }
  return v;
}

std::vector<double> weights(std::size_t length, double w_min) {
  std::vector<double> w;
  for (std::size_t t = 0; t < length; ++t) w.push_back(linear(t, length, w_min));
  return w;
}

double p90(std::vector<double> d) {
  std::sort(d.begin(), d.end());
  double const place = 0.9 * static_cast<double>(d.size() - 1);
  auto const k = static_cast<std::size_t>(place);
  return k + 1 < d.size() ? d[k] + (d[k + 1] - d[k]) * (place - static_cast<double>(k)) : d[k];
}

template <class T>
response plain(generated_batch<T> const& batch, index_t b) {
  response r;
  auto const number = [](auto const& v, index_t s) {
    if constexpr (std::is_arithmetic_v<T>) return static_cast<double>(v[static_cast<std::size_t>(s)]);
    else return static_cast<double>(cppo::to_float(v[static_cast<std::size_t>(s)]));
  };
  for (index_t const s : batch.token_row(b)) {
    r.log_pi.push_back(number(batch.log_prob, s));
    r.log_mu.push_back(number(batch.rollout_log_prob, s));
    r.advantage.push_back(number(batch.advantage, s));
  }
  return r;
}

// The library's mask of `region` against `formula(response)` on many batches of element type T.
template <class T, class Region, class Formula>
void agrees_in(Region const& region, Formula const& formula, double near) {
  index_t kept = 0, masked = 0;
  for (std::uint64_t seed = 1; seed <= 250; ++seed) {
    generated_batch<T> const batch = generate<T>(seed);
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(batch.slots()), 9);
    REQUIRE(compute_mask(cppo::seq, batch.view(), region, mask).ok());
    for (index_t b = 0; b < batch.responses; ++b) {
      response const r = plain(batch, b);
      verdicts const v = formula(r);
      std::vector<index_t> const slots = batch.token_row(b);
      for (std::size_t t = 0; t < slots.size(); ++t) {
        if (v.margin[t] < near) continue;
        bool const got = mask[static_cast<std::size_t>(slots[t])] == 1;
        INFO("seed " << seed << ", response " << b << ", token " << t + 1 << " of " << slots.size());
        if (got != v.keep[t]) REQUIRE(got == v.keep[t]);
        (got ? kept : masked) += 1;
      }
    }
  }
  CHECK(kept > 500);
  CHECK(masked > 500);
}

template <class Region, class Formula>
void agrees(Region const& region, Formula const& formula) {
  agrees_in<float>(region, formula, 2e-6);
  agrees_in<double>(region, formula, 1e-9);
}

}  // namespace

TEST_CASE("PPO and GRPO mask what their clipped surrogate gives no gradient") {
  // min(rho A, clip(rho) A) is flat in rho where A > 0 and rho > 1 + high, and where A < 0 and rho < 1 - low.
  double const low = GENERATE(0.2, 0.1);
  double const high = low == 0.2 ? GENERATE(0.2, 0.28) : 0.4;
  agrees_in<float>(cppo::ppo({.epsilon_low = low, .epsilon_high = high}), [=](response const& r) {
    verdicts v;
    for (std::size_t t = 0; t < r.size(); ++t) {
      double const rho = r.rho(t), a = r.advantage[t];
      if (a > 0.0) v.add(false, {{rho, 1.0 + high}});
      else if (a < 0.0) v.add(false, {{1.0 - low, rho}});
      else v.add(true, {});
    }
    return v;
  }, 2e-6);
}

TEST_CASE("DPPO keeps what moves toward the rollout or has D <= delta") {
  agrees(cppo::dppo({.delta = 0.15}), [](response const& r) {
    verdicts v;
    for (std::size_t t = 0; t < r.size(); ++t) v.add(r.toward(t), {{tv(r.log_pi[t], r.log_mu[t]), 0.15}});
    return v;
  });
}

TEST_CASE("DPPO with two thresholds reads the one of the advantage's sign") {
  agrees_in<float>(cppo::dppo({.delta_low = 0.05, .delta_high = 0.2}), [](response const& r) {
    verdicts v;
    for (std::size_t t = 0; t < r.size(); ++t) {
      v.add(r.toward(t), {{tv(r.log_pi[t], r.log_mu[t]), r.advantage[t] > 0.0 ? 0.2 : 0.05}});
    }
    return v;
  }, 2e-6);
}

TEST_CASE("CPPO without the prefix budget is a position-weighted threshold") {
  auto const region = cppo::trust_region(cppo::binary_tv, cppo::linear_weight(0.6),
                                         cppo::toward_rollout | cppo::divergence_within(0.15));
  agrees_in<float>(region, [](response const& r) {
    verdicts v;
    for (std::size_t t = 0; t < r.size(); ++t) {
      v.add(r.toward(t), {{tv(r.log_pi[t], r.log_mu[t]), 0.15 / linear(t, r.size(), 0.6)}});
    }
    return v;
  }, 2e-6);
}

TEST_CASE("CPPO without the weight allows every prefix delta_b a token") {
  auto const region =
      cppo::trust_region(cppo::binary_tv, cppo::uniform_weight,
                         cppo::toward_rollout | (cppo::divergence_within(0.15) & cppo::prefix_budget(0.15, 0.015)));
  agrees_in<float>(region, [](response const& r) {
    return eq10(r, r.each(tv), std::vector<double>(r.size(), 1.0), 0.15, 0.015);
  }, 2e-6);
}

TEST_CASE("full CPPO is Eq. 10") {
  agrees(cppo::fixed_cppo(), [](response const& r) {
    return eq10(r, r.each(tv), weights(r.size(), 0.8), 0.15, 0.015);
  });
}

TEST_CASE("calibrated CPPO takes P90 of the response between its floor and its ceiling") {
  agrees(cppo::calibrated_cppo(), [](response const& r) {
    std::vector<double> const d = r.each(tv);
    double const delta_b = d.empty() ? 0.02 : std::min(0.04, std::max(0.02, p90(d)));
    return eq10(r, d, weights(r.size(), 0.8), 0.15, delta_b);
  });
}

TEST_CASE("CPPO on the KL divergence") {
  agrees_in<float>(cppo::fixed_cppo({.delta = 0.1, .delta_b = 0.002}, cppo::binary_kl), [](response const& r) {
    return eq10(r, r.each(kl), weights(r.size(), 0.8), 0.1, 0.002);
  }, 2e-6);
}

TEST_CASE("TRM-Max keeps a response iff its largest KL is within delta") {
  agrees_in<float>(cppo::trm_max({.delta = 0.05}), [](response const& r) {
    std::vector<double> const d = r.each(kl);
    verdicts v;
    for (std::size_t t = 0; t < r.size(); ++t) v.add(false, {{*std::max_element(d.begin(), d.end()), 0.05}});
    return v;
  }, 2e-6);
}

TEST_CASE("TRM-Avg keeps a response iff its mean KL is within delta") {
  agrees_in<float>(cppo::trm_mean({.delta = 0.05}), [](response const& r) {
    std::vector<double> const d = r.each(kl);
    double const mean = d.empty() ? 0.0 : std::accumulate(d.begin(), d.end(), 0.0) / static_cast<double>(d.size());
    verdicts v;
    for (std::size_t t = 0; t < r.size(); ++t) v.add(false, {{mean, 0.05}});
    return v;
  }, 2e-6);
}

TEST_CASE("CPPO with reversed weights is Eq. 10 with weights that rise") {
  auto const mask = cppo::toward_rollout | (cppo::divergence_within(0.15) & cppo::prefix_budget(0.15, 0.015));
  agrees(cppo::trust_region(cppo::binary_tv, cppo::reversed(cppo::linear_weight(0.2)), mask), [](response const& r) {
    std::vector<double> rising = weights(r.size(), 0.2);
    std::reverse(rising.begin(), rising.end());
    return eq10(r, r.each(tv), rising, 0.15, 0.015);
  });
}

TEST_CASE("shuffled weights are the same multiset in each response, and Eq. 10 holds with them") {
  auto const mask = cppo::toward_rollout | (cppo::divergence_within(0.15) & cppo::prefix_budget(0.15, 0.015));
  auto const inner = cppo::linear_weight(0.5);
  auto const straight = cppo::trust_region(cppo::binary_tv, inner, mask);
  auto const shuffled = cppo::trust_region(cppo::binary_tv, cppo::permuted(inner, 7), mask);
  auto const reseeded = cppo::trust_region(cppo::binary_tv, cppo::permuted(inner, 8), mask);
  int moved = 0, other_seed = 0, compared = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    generated_batch<float> const batch = generate<float>(seed);
    auto const a = capture(cppo::seq, batch, straight, {});
    auto const s = capture(cppo::seq, batch, shuffled, {});
    auto const c = capture(cppo::seq, batch, reseeded, {});
    for (index_t b = 0; b < batch.responses; ++b) {
      auto const pick = [&](auto const& run, captured what) {
        std::vector<double> x;
        for (index_t const slot : batch.token_row(b)) {
          x.push_back(static_cast<double>(run[what][static_cast<std::size_t>(slot)]));
        }
        return x;
      };
      auto const w = pick(a, captured::weight);
      auto const w_shuffled = pick(s, captured::weight);
      auto const w_reseeded = pick(c, captured::weight);
      moved += w.size() > 8 && w != w_shuffled ? 1 : 0;
      other_seed += w.size() > 8 && w_reseeded != w_shuffled ? 1 : 0;
      auto sorted = w_shuffled;
      std::sort(sorted.rbegin(), sorted.rend());
      REQUIRE(sorted == w);
      response const r = plain(batch, b);
      verdicts const v = eq10(r, r.each(tv), w_shuffled, 0.15, 0.015);
      auto const got = pick(s, captured::mask);
      for (std::size_t t = 0; t < got.size(); ++t) {
        if (v.margin[t] < 2e-6) continue;
        if ((got[t] == 1.0) != v.keep[t]) REQUIRE((got[t] == 1.0) == v.keep[t]);
        ++compared;
      }
    }
  }
  CHECK(moved > 50);
  CHECK(other_seed > 50);
  CHECK(compared > 2000);
}

namespace {

// The largest x in [low, high] for which `kept(x)` holds, by bisection.
template <class Kept>
double boundary(double low, double high, Kept const& kept) {
  REQUIRE(kept(low));
  REQUIRE_FALSE(kept(high));
  for (int i = 0; i < 60; ++i) {
    double const middle = 0.5 * (low + high);
    (kept(middle) ? low : high) = middle;
  }
  return low;
}

// True if the last token of a response with these divergences is kept, although it moves away.
template <class Region>
bool keeps_last(Region const& region, std::vector<double> const& divergences, cppo::report& r) {
  std::size_t const n = divergences.size();
  std::vector<double> const pi(n, -0.5), mu(n, -1.0), a(n, 1.0);
  std::vector<std::uint8_t> mask(n, 9);
  auto const batch = cppo::rollout_batch(cppo::padded(1, static_cast<index_t>(n)), cppo::log_prob(pi),
                                         cppo::rollout_log_prob(mu), cppo::advantage(a),
                                         cppo::divergence_values(divergences));
  REQUIRE(policy_loss(cppo::seq, batch, region, {.mask = mask, .report = &r}).ok());
  return mask.back() == 1;
}

template <class Region>
void carries(Region const& preset, double delta, double w_min, double least_budget, double most_budget) {
  cppo::report r;
  auto const first = [&](double d) { return keeps_last(preset, {d}, r); };
  CHECK(boundary(0.0, 1.0, first) == cppo_test::approx(delta).epsilon(1e-9));
  auto const second = [&](double d) { return keeps_last(preset, {0.0, d}, r); };
  CHECK(boundary(0.0, 1.0, second) == cppo_test::approx(delta / w_min).epsilon(1e-9));
  // The first token drifts by the slack. What is left is the allowance of the prefix, with the largest delta_b that P90
  // allows.
  auto const third = [&](double d) { return keeps_last(preset, {delta, 0.0, d}, r); };
  double const weight_before = 1.0 + 0.5 * (1.0 + w_min);
  CHECK(boundary(0.0, 1.0, third) * w_min == cppo_test::approx(most_budget * weight_before).epsilon(1e-9));
  keeps_last(preset, std::vector<double>(10, 0.0), r);
  CHECK(r.mean_delta_b() == least_budget);
  keeps_last(preset, std::vector<double>(10, 0.9), r);
  CHECK(r.mean_delta_b() == most_budget);
}

}  // namespace

TEST_CASE("presets carry the numbers of Table 3") {
  namespace presets = cppo::presets;
  carries(presets::dense_post_trained(cppo::precomputed), 0.15, 0.8, 0.015, 0.015);
  carries(presets::dense_base(cppo::precomputed), 0.15, 0.8, 0.020, 0.040);
  carries(presets::moe_base(cppo::precomputed), 0.20, 0.8, 0.020, 0.040);
}

// Conformance compares the codes that were run with what they gave. Here: what tells them from each other, by hand.
TEST_CASE("public codes differ in length, ceiling, loss and cells as their authors' do") {
  // mu = 1/2 and A = 1 everywhere; D = 1/8 but for the last valid token. Two columns of padding.
  std::vector<float> const mu(6, std::log(0.5F)), a(6, 1.0F);
  std::vector<float> pi(6, std::log(0.625F));
  pi[3] = std::log(0.73F);  // D = 0.23
  std::vector<std::uint8_t> const valid{1, 1, 1, 1, 0, 0};
  auto const kept = [&](auto const& code, index_t width) {
    std::vector<std::uint8_t> mask(6);
    auto const batch = cppo::rollout_batch(cppo::padded(1, width), cppo::log_prob(pi.data()),
                                           cppo::rollout_log_prob(mu.data()), cppo::advantage(a.data()),
                                           cppo::response_mask(valid.data()));
    REQUIRE(policy_loss(cppo::seq, batch, code.region, {.mask = mask.data()}, code.options).ok());
    return std::accumulate(mask.begin(), mask.end(), 0);
  };
  using namespace cppo::parity;
  cppo::parity::verl_cppo_options const wide{.delta_b = 0.05};
  // The last weight is 0.8 where the length is 4: 0.184 <= delta; and 0.88 at column 4 of 6: 0.2024 > delta.
  CHECK(kept(mask_count_cppo(wide), 6) == 4);
  CHECK(kept(mask_count_cppo(wide), 4) == 4);
  CHECK(kept(verl_cppo(wide), 6) == 3);
  CHECK(kept(verl_cppo(wide), 4) == 4);
  // P90 is 0.1985: the floor of 0.02 times 5 is a budget of 0.1, times 2 one of 0.04.
  CHECK(kept(verl_cppo(), 4) == 3);
  CHECK(kept(verl_cppo_2x(), 4) == 1);
  CHECK(kept(unirl_cppo(), 4) == 1);
  CHECK(verl_cppo().options.surrogate.ratio_cap == 3.0);
  CHECK(unirl_cppo().options.surrogate.form == cppo::surrogate_form::ratio);
  CHECK(unirl_dppo().options.surrogate.ratio_cap == 0.0);
  CHECK(kept(unirl_dppo(), 4) == 3);
  CHECK(kept(verl_dppo_tv({.delta_high = 0.24}), 4) == 4);
  CHECK(kept(verl_dppo_kl({.delta_high = 0.05}), 4) == 3);
  static_assert(std::is_same_v<decltype(stable_rl_dppo_tv().region)::divergence_type,
                               cppo::top_k_tv_t<cppo::top_k_form::replace_last>>);
  static_assert(std::is_same_v<decltype(stable_rl_dppo_kl().region)::divergence_type,
                               cppo::top_k_kl_t<cppo::top_k_form::replace_last>>);
}
