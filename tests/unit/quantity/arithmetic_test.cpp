// Quantities: values on lanes of any width against double arithmetic, slopes against central differences.
#include "support/slopes.hpp"

#include <cppo/quantity.hpp>
#include <cppo/divergence/binary.hpp>
#include <cppo/divergence/top_k.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/testing/emulated_lanes.hpp>

#include <algorithm>

namespace {

using cppo_test::grid_point;
using cppo_test::token_at;
using point = grid_point const&;

template <class Q, class F>
void check(char const* what, Q const& q, F const& f) {
  static_assert(cppo::differentiable<Q>);
  auto const ask = [&q](point p) {
    auto const t = token_at(p);
    return std::pair(q(t).raw(), q.slope(t).raw());
  };
  cppo_test::agrees(what, ask, f);
}

double rho(double x, point p) { return std::exp(x - p.rollout_log_prob); }
double d(double x, point p) { return x - p.rollout_log_prob; }

// Not differentiable: it has no slope.
struct plain_number {
  template <class V>
  constexpr V operator()(cppo::token<V> const& t) const {
    return t.advantage() + 1;
  }
};
struct holder {
  std::string words;
};

}  // namespace

TEST_CASE("quantities: what a token is given, and what follows from it") {
  using namespace cppo;
  check("ratio", ratio, rho);
  check("log_ratio", log_ratio, d);
  check("log_prob", log_prob, [](double x, point) { return x; });
  check("rollout_log_prob", rollout_log_prob, [](double, point p) { return p.rollout_log_prob; });
  check("prob", prob, [](double x, point) { return std::exp(x); });
  check("rollout_prob", rollout_prob, [](double, point p) { return std::exp(p.rollout_log_prob); });
  check("advantage", advantage, [](double, point p) { return p.advantage; });
  check("reference_log_prob", reference_log_prob, [](double, point p) { return p.rollout_log_prob - 0.3; });
  check("a number", quantities::constant{3.0}, [](double, point) { return 3.0; });
  check("position", position_value, [](double, point) { return 1.0; });
  CHECK(divergence(token_at({-1.0, -2.0, 1.0})).raw() == 0.25);
  CHECK(entropy(token_at({-1.0, -2.0, 1.0})).raw() == 0.75);
}

TEST_CASE("quantities: arithmetic and its derivatives") {
  using namespace cppo;
  check("sum", ratio + log_ratio - 3, [](double x, point p) { return rho(x, p) + d(x, p) - 3; });
  check("product", ratio * log_ratio * advantage, [](double x, point p) { return rho(x, p) * d(x, p) * p.advantage; });
  check("quotient", (log_ratio + 1) / (ratio + 2), [](double x, point p) { return (d(x, p) + 1) / (rho(x, p) + 2); });
  check("negation", -ratio, [](double x, point p) { return -rho(x, p); });
  check("exp", exp(2 * log_ratio), [](double x, point p) { return std::exp(2 * d(x, p)); });
  check("log", log(1 + ratio), [](double x, point p) { return std::log1p(rho(x, p)); });
  check("abs", abs(log_ratio), [](double x, point p) { return std::fabs(d(x, p)); });
  check("min", min(ratio, 1.2), [](double x, point p) { return std::min(rho(x, p), 1.2); });
  check("max", max(ratio, rollout_prob), [](double x, point p) {
    return std::max(rho(x, p), std::exp(p.rollout_log_prob));
  });
  check("clamped", clamped(ratio, 0.8, 1 + rollout_prob), [](double x, point p) {
    return std::clamp(rho(x, p), 0.8, 1 + std::exp(p.rollout_log_prob));
  });
  check("where", where(positive_advantage, ratio, 2), [](double x, point p) {
    return p.advantage > 0.0 ? rho(x, p) : 2.0;
  });
  CHECK(abs(log_ratio).slope(token_at({-1.0, -1.0, 1.0})).raw() == 0.0);
}

TEST_CASE("quantities: a divergence stands for its value, with its slope") {
  using namespace cppo;
  auto const kl = [](double x, point p) {
    double const a = std::exp(p.rollout_log_prob), b = std::exp(x);
    return a * std::log(a / b) + (1 - a) * std::log((1 - a) / (1 - b));
  };
  check("binary_kl", quantities::constant{2.0} * binary_kl, [&kl](double x, point p) { return 2 * kl(x, p); });
  CHECK(binary_kl.slope(token_at({0.0, -1.0, 1.0})).raw() == 0.0);  // pi is 1: D is saturated
  auto const tv = abs(quantities::constant{1.0} * binary_tv);
  static_assert(quantity<decltype(tv)> && !differentiable<decltype(tv)>);
  CHECK(tv(token_at({-1.0, -2.0, 1.0})).raw() == cppo_test::approx(std::exp(-1.0) - std::exp(-2.0)));
}

TEST_CASE("quantities: the same bits on one lane and on four") {
  using namespace cppo;
  using V = testing::emulated_lane;
  auto const q = where(at_most(ratio, 1.1), exp(log_ratio) / (prob + entropy), clamped(ratio * advantage, -1, 1));
  auto const slope_of = where(at_most(ratio, 1.1), exp(log_ratio) / (prob + 1), clamped(ratio * advantage, -1, 1));
  cppo_test::each_grid_point([&](point p) {
    float const want = q(token_at<float_lane>(p)).raw(), slope = slope_of.slope(token_at<float_lane>(p)).raw();
    for (int k = 0; k < 4; ++k) {
      CHECK(q(token_at<V>(p)).raw().at[static_cast<std::size_t>(k)] == want);
      CHECK(slope_of.slope(token_at<V>(p)).raw().at[static_cast<std::size_t>(k)] == slope);
    }
  });
}

TEST_CASE("quantities: what is one, what has a slope, what they read and check") {
  using namespace cppo;
  static_assert(quantity<plain_number> && !differentiable<plain_number> && !quantity<holder> && !quantity<double>);
  static_assert(!quantity<decltype(toward_rollout)> && !detail::quantity_operand<decltype(toward_rollout)>);
  static_assert(!detail::quantity_operand<top_k_tv_t<>> && detail::quantity_operand<binary_kl_t>);
  static_assert(!differentiable<decltype(ratio + plain_number{})> && !differentiable<decltype(abs(divergence))>);
  static_assert(detail::lent_to<decltype(ratio + entropy)>() == detail::lent_inputs::entropy);
  int entropies = 0, references = 0;
  detail::each_input(ratio * entropy + (reference_log_prob - entropy), [&](argument a) {
    entropies += a == argument::entropy ? 1 : 0;
    references += a == argument::reference_log_prob ? 1 : 0;
  });
  CHECK(entropies == 2);
  CHECK(references == 1);
  double const nan = std::numeric_limits<double>::quiet_NaN();
  CHECK((ratio + 1).check());
  CHECK(!(ratio + (1 - ratio * nan)).check());
  CHECK(!clamped(ratio, 0, nan).check());
  CHECK(std::string(clamped(ratio, 5, 1).check().name) == "clamped(q, low, high)");
  CHECK(clamped(ratio, 1, ratio).check());
  CHECK(std::string((1 + ratio / 0).check().name) == "a divisor in a quantity");
  CHECK(!(ratio / -0.0).check());
  CHECK((0 / ratio).check());
  CHECK(!where(at_most(ratio, nan), 1, ratio).check());
}
