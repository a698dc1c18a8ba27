// Every surrogate of the library: losses against the formula in double, slopes against central differences of it.
#include "support/slopes.hpp"

#include <cppo/divergence/binary.hpp>
#include <cppo/quantity.hpp>
#include <cppo/surrogate.hpp>

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

}  // namespace

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
