// The gradient of every option is the derivative of the loss, by central differences and by dual numbers.
#include "support/catch_compat.hpp"
#include "support/property.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/execution/simd.hpp>
#include <cppo/region.hpp>
#include <cppo/testing/captured_run.hpp>
#include <cppo/testing/generators.hpp>

#include <cmath>

namespace {

using cppo::index_t;
using cppo::surrogate_form;
using namespace cppo::testing;

// a + b epsilon with epsilon^2 = 0.
struct dual {
  double value = 0.0, slope = 0.0;
  friend dual operator-(dual a, dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend dual operator*(dual a, dual b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
};
dual constant(double x) { return {x, 0.0}; }
dual exponential(dual a) { return {std::exp(a.value), a.slope * std::exp(a.value)}; }
dual stop_gradient(dual a) { return constant(a.value); }
// The derivative of clamp and of min(., cap) is 1 up to the bound, the bound included, and 0 past it.
dual clamped(dual a, double bound) { return std::fabs(a.value) > bound ? constant(std::copysign(bound, a.value)) : a; }
dual capped(dual a, double cap) { return a.value > cap ? constant(cap) : a; }

// One token that everything is known of.
struct sample {
  double log_p = -1.0, log_q = -1.2, advantage = 1.0, weight = 1.0;
};

// The loss of Eq. 11 with its options, as a function of log pi; `survives` is a constant.
dual written_out(sample const& s, cppo::surrogate_options const& o, double survives, double scale) {
  dual const log_p{s.log_p, 1.0};
  dual d = log_p - constant(s.log_q);
  if (o.log_ratio_clamp > 0.0) d = clamped(d, o.log_ratio_clamp);
  dual rho = exponential(d);
  if (o.ratio_cap > 0.0) rho = capped(rho, o.ratio_cap);
  dual const factor = constant(-survives * s.advantage * s.weight * scale);
  return o.form == surrogate_form::ratio ? factor * rho : factor * (stop_gradient(rho) * log_p);
}

struct outcome {
  double loss = 0.0, gradient = 0.0, gate = 0.0;
};

template <class Region>
outcome run(sample const& s, Region const& region, cppo::loss_options const& o) {
  outcome r{7.0, 7.0, 7.0};
  auto const batch = cppo::rollout_batch(cppo::padded(1, 1), cppo::log_prob(&s.log_p), cppo::rollout_log_prob(&s.log_q),
                                         cppo::advantage(&s.advantage), cppo::token_weight(&s.weight));
  REQUIRE(policy_loss(cppo::seq, batch, region, {.loss = &r.loss, .gradient = &r.gradient, .gate = &r.gate}, o).ok());
  return r;
}

void check_close(double got, double want, double relative) {
  CHECK(std::fabs(got - want) <= relative * std::max(std::fabs(want), 1e-300));
}

bool is_plus_zero(double x) { return same_bits(x, 0.0); }
bool is_plus_zero(float x) { return same_bits(x, 0.0F); }

std::vector<cppo::surrogate_options> every_option() {
  std::vector<cppo::surrogate_options> all;
  for (auto const form : {surrogate_form::ratio, surrogate_form::reinforce}) {
    for (double const clamp : {0.0, 20.0, 2.0, 0.5}) {
      for (double const cap : {0.0, 1.3, 5.0}) all.push_back({form, clamp, cap});
    }
  }
  return all;
}

}  // namespace

TEST_CASE("loss and gradient of every option equal those of dual numbers") {
  random_source random(1);
  for (cppo::surrogate_options const& o : every_option()) {
    for (int k = 0; k < 200; ++k) {
      double const gap = (k % 4 == 0 ? 25.0 : 1.0) * random.normal();
      double const log_q = -30.0 * random.uniform();
      sample const s{std::min(log_q + gap, -1e-3), log_q, random.normal(), random.uniform(0.0, 2.0)};
      outcome const got = run(s, cppo::unrestricted(), {.normalizer = 4.0, .surrogate = o});
      dual const want = written_out(s, o, 1.0, 0.25);
      check_close(got.loss, want.value, 1e-13);
      check_close(got.gradient, want.slope, 1e-13);
    }
  }
}

TEST_CASE("the ratio form's gradient is the central difference of its loss") {
  random_source random(2);
  double const h = 1e-6;
  for (cppo::surrogate_options const& o : every_option()) {
    if (o.form != surrogate_form::ratio) continue;
    for (int k = 0; k < 100; ++k) {
      double const log_q = -5.0 * random.uniform() - 4.0;
      sample s{log_q + 1.5 * random.normal(), log_q, random.normal(), 1.5};
      double const d = s.log_p - s.log_q;
      bool const near_clamp = std::fabs(std::fabs(d) - o.log_ratio_clamp) < 1e-5;
      bool const near_cap = o.ratio_cap > 0.0 && std::fabs(d - std::log(o.ratio_cap)) < 1e-5;
      if (near_clamp || near_cap || s.log_p > -1e-3) continue;
      outcome const at = run(s, cppo::unrestricted(), {.surrogate = o});
      s.log_p += h;
      double const above = run(s, cppo::unrestricted(), {.surrogate = o}).loss;
      s.log_p -= 2.0 * h;
      double const below = run(s, cppo::unrestricted(), {.surrogate = o}).loss;
      double const slope = (above - below) / (2.0 * h);
      CHECK(std::fabs(at.gradient - slope) <= 1e-7 * std::max(1.0, std::fabs(at.loss)));
    }
  }
}

TEST_CASE("the REINFORCE form's gradient is the central difference with rho held fixed") {
  random_source random(3);
  double const h = 1e-6;
  for (cppo::surrogate_options const& o : every_option()) {
    if (o.form != surrogate_form::reinforce) continue;
    for (int k = 0; k < 100; ++k) {
      double const log_q = -5.0 * random.uniform() - 4.0;
      sample s{std::min(log_q + 1.5 * random.normal(), -0.01), log_q, random.normal(), 0.7};
      outcome const at = run(s, cppo::unrestricted(), {.surrogate = o});
      // Both policies moved together: rho stays.
      auto const moved = [&](double by) {
        return run({s.log_p + by, s.log_q + by, s.advantage, s.weight}, cppo::unrestricted(), {.surrogate = o}).loss;
      };
      double const slope = (moved(h) - moved(-h)) / (2.0 * h);
      CHECK(std::fabs(at.gradient - slope) <= 1e-6 * std::max(1.0, std::fabs(at.loss)));
    }
  }
}

TEST_CASE("the clamp passes the gradient at 20 and stops it past 20") {
  auto const region = cppo::unrestricted();
  for (double const sign : {1.0, -1.0}) {
    for (double const size : {19.9, 20.0, 20.1}) {
      sample const s = sign > 0.0 ? sample{-1.0, -1.0 - size} : sample{-1.0 - size, -1.0};
      outcome const ratio = run(s, region, {});
      double const rho = std::exp(sign * std::min(size, 20.0));
      check_close(ratio.loss, -rho, 1e-12);
      if (size > 20.0) CHECK(is_plus_zero(ratio.gradient));
      else check_close(ratio.gradient, -rho, 1e-12);
      outcome const reinforce = run(s, region, {.surrogate = {.form = surrogate_form::reinforce}});
      check_close(reinforce.gradient, -rho, 1e-12);
      check_close(reinforce.loss, -rho * s.log_p, 1e-12);
      // Without the clamp the ratio is followed further.
      check_close(run(s, region, {.surrogate = {.log_ratio_clamp = 0.0}}).gradient, -std::exp(sign * size), 1e-12);
    }
  }
}

TEST_CASE("the cap is a constant where it binds, and does nothing at the cap itself") {
  auto const region = cppo::unrestricted();
  sample const s{-1.0, -2.0, 3.0, 1.0};  // rho = e
  auto const with_cap = [&](double cap, surrogate_form form) {
    return run(s, region, {.surrogate = {.form = form, .ratio_cap = cap}});
  };
  CHECK(with_cap(2.0, surrogate_form::ratio).loss == -6.0);
  CHECK(is_plus_zero(with_cap(2.0, surrogate_form::ratio).gradient));
  CHECK(with_cap(2.0, surrogate_form::reinforce).gradient == -6.0);
  CHECK(with_cap(2.0, surrogate_form::reinforce).loss == 6.0);
  double const rho = -run(s, region, {}).loss / 3.0;
  CHECK(with_cap(rho, surrogate_form::ratio).gradient == -3.0 * rho);
  CHECK(is_plus_zero(with_cap(std::nextafter(rho, 0.0), surrogate_form::ratio).gradient));
}

TEST_CASE("both forms have the same gradient where neither clamp nor cap binds") {
  cppo_test::property("gradient of the ratio form equals that of the REINFORCE form", [](std::uint64_t seed) {
    random_source random(seed);
    double const log_q = -8.0 * random.uniform();
    sample const s{std::min(log_q + random.normal(), 0.0), log_q, random.normal(), random.uniform()};
    outcome const ratio = run(s, cppo::fixed_cppo(), {});
    outcome const reinforce = run(s, cppo::fixed_cppo(), {.surrogate = {.form = surrogate_form::reinforce}});
    return same_bits(ratio.gradient, reinforce.gradient);
  });
}

TEST_CASE("a soft gate multiplies loss and gradient as a constant") {
  auto const soft = softened(cppo::dppo(), cppo::reciprocal_gate);
  int partly = 0;
  random_source random(4);
  double const h = 1e-6;
  for (int k = 0; k < 300; ++k) {
    sample s{-0.05 - random.uniform(), -0.05 - 2.0 * random.uniform(), random.normal(), 1.0};
    outcome const at = run(s, soft, {});
    dual const want = written_out(s, {}, at.gate, 1.0);
    check_close(at.loss, want.value, 1e-13);
    check_close(at.gradient, want.slope, 1e-13);
    // The difference of the loss with its gate divided out.
    s.log_p += h;
    outcome const above = run(s, soft, {});
    s.log_p -= 2.0 * h;
    outcome const below = run(s, soft, {});
    double const slope = at.gate * (above.loss / above.gate - below.loss / below.gate) / (2.0 * h);
    CHECK(std::fabs(at.gradient - slope) <= 1e-7 * std::max(1.0, std::fabs(at.loss)));
    partly += at.gate < 1.0 ? 1 : 0;
  }
  CHECK(partly > 50);
}

TEST_CASE("every aggregation scales the gradient as it scales the loss") {
  auto const how = GENERATE(cppo::token_sum, cppo::token_mean, cppo::seq_mean_token_sum, cppo::seq_mean_token_mean,
                            cppo::seq_mean_token_sum_norm);
  // Two responses of two tokens and one of none, gradient by the difference of the report's loss.
  std::vector<double> pi{-1.0, -0.4, -2.0, -1.1, -1.0, -1.0};
  std::vector<double> const mu{-1.1, -0.6, -2.2, -1.0, -1.0, -1.0}, a{1.0, -0.5, 2.0, 0.7, 1.0, 1.0};
  std::vector<std::uint8_t> const valid{1, 1, 1, 1, 0, 0};
  auto const total = [&](std::vector<double>& gradient) {
    cppo::report r;
    auto const batch = cppo::rollout_batch(cppo::padded(3, 2), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                           cppo::advantage(a), cppo::response_mask(valid));
    REQUIRE(policy_loss(cppo::seq, batch, cppo::unrestricted(), {.gradient = gradient, .report = &r},
                        {.aggregate = how, .horizon = 5})
                .ok());
    return r.loss();
  };
  std::vector<double> gradient(6), unused(6);
  total(gradient);
  double const h = 1e-6;
  for (std::size_t i = 0; i < 6; ++i) {
    double const saved = pi[i];
    pi[i] = saved + h;
    double const above = total(unused);
    pi[i] = saved - h;
    double const below = total(unused);
    pi[i] = saved;
    CHECK(gradient[i] == cppo_test::approx((above - below) / (2.0 * h)).margin(1e-8));
  }
}

TEST_CASE("F2: masked tokens have loss and gradient +0 to the bit, whatever the ratio") {
  // Advantage and ratio of every sign and size; moving away beyond any threshold, or under a negative zero advantage.
  auto const form = GENERATE(surrogate_form::ratio, surrogate_form::reinforce);
  auto const clamp = GENERATE(0.0, 20.0);
  cppo::loss_options const o{.surrogate = {.form = form, .log_ratio_clamp = clamp}};
  auto const keep_none = cppo::trust_region(cppo::binary_tv, cppo::uniform_weight, cppo::keep_none);
  for (double const a : {1.0, -1.0, 1e300, -1e300, 0.0, -0.0}) {
    for (double const d : {-600.0, -50.0, 0.0, 50.0, 600.0}) {
      sample const s{d > 0.0 ? -1.0 : -1.0 + d, d > 0.0 ? -1.0 - d : -1.0, a, 1.0};
      outcome const r = run(s, keep_none, o);
      CHECK(is_plus_zero(r.loss));
      CHECK(is_plus_zero(r.gradient));
      CHECK(is_plus_zero(r.gate));
    }
  }
}

TEST_CASE("F1: in float a masked token past the range of rho has loss and gradient +0, its neighbours are untouched") {
  std::vector<float> const pi{-1.0F, -1.0F, -1.0F}, mu{-1.1F, -300.0F, -1.1F}, a{1.0F, 3e38F, 1.0F};
  auto const batch = cppo::rollout_batch(cppo::padded(1, 3), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                         cppo::advantage(a));
  cppo::loss_options const o{.surrogate = {.log_ratio_clamp = 0.0}};
  auto const on = [&](auto const& executor) {
    std::vector<float> loss(3, 7.0F), gradient(3, 7.0F);
    REQUIRE(policy_loss(executor, batch, cppo::dppo(), {.loss = loss, .gradient = gradient}, o).ok());
    CHECK(is_plus_zero(loss[1]));
    CHECK(is_plus_zero(gradient[1]));
    CHECK(gradient[0] == cppo_test::approx(-std::exp(0.1)).epsilon(1e-6));
    CHECK(same_bits(gradient[0], gradient[2]));
    // Kept, the same token overflows to an infinity that can be seen.
    REQUIRE(policy_loss(executor, batch, cppo::unrestricted(), {.loss = loss, .gradient = gradient}, o).ok());
    CHECK(std::isinf(loss[1]));
  };
  on(cppo::seq);
  on(cppo::simd);
}

TEST_CASE("surrogate options out of range are refused before anything is written") {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  double const inf = std::numeric_limits<double>::infinity();
  sample const s;
  double loss = 7.0;
  auto const batch = cppo::rollout_batch(cppo::padded(1, 1), cppo::log_prob(&s.log_p), cppo::rollout_log_prob(&s.log_q),
                                         cppo::advantage(&s.advantage));
  auto const code = [&](cppo::surrogate_options const& o) {
    return policy_loss(cppo::seq, batch, cppo::unrestricted(), {.loss = &loss}, {.surrogate = o}).code;
  };
  for (double const bad : {-1.0, 86.5, nan, inf}) {
    CHECK(code({.log_ratio_clamp = bad}) == cppo::status_code::bad_parameter);
  }
  for (double const bad : {-1.0, 1e31, nan, inf}) CHECK(code({.ratio_cap = bad}) == cppo::status_code::bad_parameter);
  CHECK(loss == 7.0);
  CHECK(code({.log_ratio_clamp = 86.0, .ratio_cap = 1e30}) == cppo::status_code::ok);
}
