// Every surrogate of the library: losses against the formula in double, slopes against central differences of it.
#include "support/chosen_surrogate.hpp"
#include "support/slopes.hpp"

#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

#include <algorithm>

namespace {

using namespace cppo;
using cppo_test::grid_point;
using cppo_test::token_at;
using point = grid_point const&;

template <class S, class F>
void check(char const* what, S const& s, F const& loss) {
  static_assert(token_surrogate<S>);
  auto const ask = [&s](point p) {
    auto const v = s(token_at(p));
    return std::pair(v.loss.raw(), v.slope.raw());
  };
  cppo_test::agrees(what, ask, loss);
}

double rho(double x, point p) { return std::exp(x - p.rollout_log_prob); }
double d(double x, point p) { return x - p.rollout_log_prob; }
double clip(double r, double low, double high) { return std::max(low, std::min(high, r)); }
double ppo_loss(double r, double a) { return std::max(-a * r, -a * clip(r, 0.8, 1.28)); }

// KL(mu || pi) of the token and the rest.
double kl(double x, point p) {
  double const a = std::exp(p.rollout_log_prob), b = std::exp(x);
  return a * std::log(a / b) + (1 - a) * std::log((1 - a) / (1 - b));
}
// True where a token moves away from mu, and is as far as delta or farther: decided at the point, and held.
bool is_outside(point p, double delta) {
  return p.advantage * d(p.log_prob, p) > 0.0 && kl(p.log_prob, p) >= delta;
}
// The same as `check`, of the surrogate and penalty of a region whose mask reads the divergence of its own.
template <class Region, class F>
void check_rule(char const* what, Region const& region, F const& loss) {
  auto const ask = [&region](point p) {
    auto t = token_at(p);
    t.set_divergence(detail::divergence_of(binary_kl, t));
    auto const v = (region.surrogate() + region.penalty())(t);
    return std::pair(v.loss.raw(), v.slope.raw());
  };
  cppo_test::agrees(what, ask, loss);
}

// Two responses of five tokens each. The loss of a call under a rule, and its gradient.
struct small_call {
  std::vector<double> mu{-1.2, -0.4, -2.1, -0.9, -1.5, -0.3, -1.1, -0.7, -2.6, -0.5};
  std::vector<double> pi{-1.1, -0.6, -1.9, -0.95, -1.3, -0.5, -1.0, -0.9, -2.4, -0.45};
  std::vector<double> a{0.7, 0.7, 0.7, 0.7, 0.7, -1.3, -1.3, -1.3, -1.3, -1.3};
  std::vector<double> gradient = std::vector<double>(10);

  template <class Region>
  double loss(Region const& region) {
    report r;
    auto const batch = rollout_batch(padded(2, 5), log_prob(pi), rollout_log_prob(mu), cppo::advantage(a));
    loss_options const o{.aggregate = seq_mean_token_mean};
    REQUIRE(policy_loss(seq, batch, region, {.gradient = gradient, .report = &r}, o).ok());
    return r.loss();
  }
};

}  // namespace

TEST_CASE("surrogates: the named rules of one token, what each holds constant held") {
  check_rule("ppo_rb", ppo_rb({.epsilon = 0.2, .alpha = 0.3}), [](double x, point p) {
    double const r = rho(x, p), a = p.advantage;
    return (a >= 0.0 ? r <= 1.2 : r >= 0.8) ? -a * r : -a * (-0.3 * r + 1.3 * (a >= 0.0 ? 1.2 : 0.8));
  });
  check_rule("ppo_clip", ppo_clip({.epsilon_high = 0.28}), [](double x, point p) {
    double const l = ppo_loss(rho(x, p), p.advantage);
    return p.advantage < 0.0 ? std::min(l, -3.0 * p.advantage) : l;
  });
  check_rule("cispo", cispo({.low = 0.5, .high = 1.5}), [](double x, point p) {
    return -clip(p.ratio(), 0.5, 1.5) * p.advantage * x;
  });
  check_rule("gpg_loss", gpg_loss(), [](double x, point p) { return -p.advantage * x; });
  check_rule("dro", dro(0.4), [](double x, point p) { return -p.advantage * x + 0.2 * d(x, p) * d(x, p); });
  check_rule("drpo", drpo(2.0), [](double x, point p) {
    double const r = rho(x, p), v = std::exp(p.rollout_log_prob);
    return -p.advantage * r + std::fabs(p.advantage) * v * (r - 1) * (r - 1) / 4.0;
  });
  check_rule("spo", spo(0.5), [](double x, point p) {
    double const r = rho(x, p);
    return -p.advantage * r + std::fabs(p.advantage) * (r - 1) * (r - 1);
  });
  check_rule("tr_ppo", tr_ppo({.delta = 0.02}), [](double x, point p) {
    return -p.advantage * rho(is_outside(p, 0.02) ? p.log_prob : x, p);
  });
  check_rule("truly_ppo", truly_ppo({.delta = 0.02, .alpha = 5.0, .likelihood = 0.5}), [](double x, point p) {
    double const plain = -p.advantage * rho(x, p);
    return is_outside(p, 0.02) ? 0.5 * plain + 5.0 * kl(x, p) : plain;
  });
}

TEST_CASE("surrogates: the gradient of a call is the derivative of its loss, where nothing is held") {
  for (int k = 0; k < 4; ++k) {
    auto const rule = pick_surrogate(k, gspo({.epsilon_low = 0.3, .epsilon_high = 0.3}).surrogate(),
                                     gmpo().surrogate(), sapo().surrogate(), dro().surrogate());
    auto const region = objective(rule) + penalty(kl_k3(log_ratio), 0.1);
    small_call at;
    at.loss(region);
    std::vector<double> const slopes = at.gradient;
    for (std::size_t i = 0; i < slopes.size(); ++i) {
      small_call up, down;
      double const h = 1e-5;
      up.pi[i] += h, down.pi[i] -= h;
      INFO("rule " << k << ", token " << i);
      CHECK(slopes[i] != 0.0);
      CHECK(cppo_test::close(slopes[i], (up.loss(region) - down.loss(region)) / (2.0 * h), 1e-6));
    }
  }
}

TEST_CASE("surrogates: ratio, score and clipped forms") {
  check("ratio_form", ratio_form, [](double x, point p) { return -p.advantage * rho(x, p); });
  check("ratio_form(r)", ratio_form(exp(log_ratio / 2)), [](double x, point p) {
    return -p.advantage * std::exp(d(x, p) / 2);
  });
  check("score_form", score_form(clamped(ratio, 0.5, 1.5)), [](double x, point p) {
    return -clip(p.ratio(), 0.5, 1.5) * p.advantage * x;
  });
  check("score_form(1)", score_form(1), [](double x, point p) { return -p.advantage * x; });
  check("clipped", clipped(0.8, 1.28), [](double x, point p) { return ppo_loss(rho(x, p), p.advantage); });
  check("clipped(r)", clipped(0.9, 1 + rollout_prob, exp(2 * log_ratio)), [](double x, point p) {
    double const r = std::exp(2 * d(x, p)), high = 1 + std::exp(p.rollout_log_prob);
    return std::max(-p.advantage * r, -p.advantage * clip(r, 0.9, high));
  });
  check("dual_clipped", dual_clipped(clipped(0.8, 1.28), 1.5), [](double x, point p) {
    double const l = ppo_loss(rho(x, p), p.advantage);
    return p.advantage < 0.0 ? std::min(l, -p.advantage * 1.5) : l;
  });
}

TEST_CASE("surrogates: rolled back, sigmoid, quadratic") {
  check("rolled_back", rolled_back(0.8, 1.2, 0.3), [](double x, point p) {
    double const r = rho(x, p), a = p.advantage;
    if (a >= 0.0 ? r <= 1.2 : r >= 0.8) return -a * r;
    return -a * (-0.3 * r + 1.3 * (a >= 0.0 ? 1.2 : 0.8));
  });
  check("sigmoid_form", sigmoid_form(1.0, 5.0), [](double x, point p) {
    double const tau = p.advantage > 0.0 ? 1.0 : 5.0;
    return -p.advantage * 4.0 / tau / (1.0 + std::exp(-tau * (rho(x, p) - 1.0)));
  });
  check("quadratic", ratio_form + quadratic(rollout_prob, 0.4), [](double x, point p) {
    double const r = rho(x, p), v = std::exp(p.rollout_log_prob);
    return -p.advantage * r + std::fabs(p.advantage) * v * (r - 1.0) * (r - 1.0) / 0.8;
  });
}

TEST_CASE("surrogates: sums, weights, choices and what is held") {
  check("sum", score_form(2) + penalty(ratio, 0.5), [](double x, point p) {
    return -2 * p.advantage * x + 0.5 * rho(x, p);
  });
  check("weight", ratio * ratio_form, [](double x, point p) { return p.ratio() * -p.advantage * rho(x, p); });
  check("number", -2 * ratio_form, [](double x, point p) { return 2 * p.advantage * rho(x, p); });
  check("where", where(positive_advantage, ratio_form, nothing), [](double x, point p) {
    return p.advantage > 0.0 ? -p.advantage * rho(x, p) : 0.0;
  });
  check("held", held(ratio_form) + penalty(log_ratio, 1), [](double x, point p) {
    return -p.advantage * p.ratio() + d(x, p);
  });
  check("nothing", nothing, [](double, point) { return 0.0; });
  auto const mixed = with_slope_of(ratio_form, score_form(3))(token_at({-1.0, -1.5, 2.0}));
  CHECK(mixed.loss.raw() == ratio_form(token_at({-1.0, -1.5, 2.0})).loss.raw());
  CHECK(mixed.slope.raw() == -6.0);
}

TEST_CASE("surrogates: penalties, against the reference policy and against mu") {
  auto const x_of = [](double x, point p) { return x - p.rollout_log_prob + 0.3; };
  check("kl_k1", penalty(kl_k1(), 0.5), [&](double x, point p) { return 0.5 * x_of(x, p); });
  check("kl_k2", penalty(kl_k2(), 0.5), [&](double x, point p) { return 0.25 * x_of(x, p) * x_of(x, p); });
  check("kl_abs", penalty(kl_abs(), 0.5), [&](double x, point p) { return 0.5 * std::fabs(x_of(x, p)); });
  check("kl_k3", penalty(kl_k3(), 0.5), [&](double x, point p) {
    return 0.5 * std::min(std::exp(-x_of(x, p)) - 1.0 + x_of(x, p), 10.0);
  });
  check("kl_k3 of mu", penalty(kl_k3(log_ratio), entropy), [](double x, point p) {
    return 0.75 * std::min(std::exp(-d(x, p)) - 1.0 + d(x, p), 10.0);
  });
  check("binary_kl", penalty(binary_kl, 2), [](double x, point p) {
    double const a = std::exp(p.rollout_log_prob), b = std::exp(x);
    return 2 * (a * std::log(a / b) + (1 - a) * std::log((1 - a) / (1 - b)));
  });
  token<double_lane> far{-0.5, -0.5, 1.0};
  far.lend_more(0.0, -0.25);  // x = -0.25
  CHECK(kl_k3_plus()(far).raw() == kl_k3()(far).raw());
  CHECK(kl_k3_plus().slope(far).raw() == -0.25);
  far.lend_more(0.0, 4.5);  // x = -5: the bound of 10 holds
  CHECK(kl_k3()(far).raw() == 10.0);
  CHECK(kl_k3().slope(far).raw() == 0.0);
}

TEST_CASE("surrogates: at a clip the loss is held from the bound on, and at the clamp rho is a constant") {
  auto const slope = [](auto const& s, double pi, double mu, double a) {
    return s(token<double_lane>{pi, mu, a}).slope.raw();
  };
  auto const one = clipped(1.0, 1.0);
  CHECK(slope(one, -1.0, -1.0, 2.0) == -2.0);  // both are equal: the first is not smaller
  CHECK(slope(one, -0.5, -1.0, 2.0) == 0.0);
  CHECK(slope(one, -0.5, -1.0, -2.0) > 0.0);
  token<double_lane> t{-0.5, -30.5, 2.0};
  t.clamp_log_ratio(30.0, detail::exp_core(double_lane(-30.0)));
  CHECK(ratio_form(t).slope.raw() == ratio_form(t).loss.raw());  // at the clamp the slope passes
  t.clamp_log_ratio(20.0, detail::exp_core(double_lane(-20.0)));
  CHECK(t.log_ratio().raw() == 20.0);
  CHECK(ratio_form(t).loss.raw() == -2.0 * t.ratio().raw());
  CHECK(cppo_test::close(t.ratio().raw(), std::exp(20.0)));
  CHECK(ratio_form(t).slope.raw() == 0.0);
  CHECK(score_form(ratio)(t).slope.raw() == -2.0 * t.ratio().raw());
}

TEST_CASE("surrogates: parameters out of range are named") {
  auto const name = [](auto const& s) { return std::string(s.check().name != nullptr ? s.check().name : ""); };
  CHECK(name(clipped(1.2, 0.8)) == "clipped(low, high)");
  CHECK(clipped(0.8, 1.2).check());
  CHECK(name(rolled_back(0.8, 1.2, -1.0)) == "rolled_back(..., alpha)");
  CHECK(name(rolled_back(1.8, 1.2, 1.0)) == "rolled_back(low, high, ...)");
  CHECK(name(sigmoid_form(0.0, 1.0)) == "sigmoid_form(tau_positive, ...)");
  CHECK(name(held(sigmoid_form(1.0, -1.0))) == "sigmoid_form(..., tau_negative)");
  CHECK(name(ratio_form + quadratic(1, 0.0)) == "quadratic(v, epsilon)");
  CHECK(!penalty(ratio, std::numeric_limits<double>::quiet_NaN()).check());
  CHECK(!dual_clipped(ratio_form, std::numeric_limits<double>::quiet_NaN()).check());
  CHECK(name(dual_clipped(ratio_form, 0.5)) == "dual_clipped(s, c)");
  CHECK(dual_clipped(ratio_form, std::numeric_limits<double>::infinity()).check());
  CHECK(dual_clipped(ratio_form, 0.5 * ratio).check());
}
