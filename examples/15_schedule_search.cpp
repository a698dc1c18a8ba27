// Searches for the weight w that makes the bound smallest for the same delta_b, and prints it beside the uniform
// weight, the linear weight and lambda_t itself. Given the name of a file, it draws the weights into it as SVG.
#include "line_chart.hpp"

#include <cppo/cppo.hpp>
#include <cppo/testing/random.hpp>
#include <cppo/theory/profile.hpp>

#include <cassert>
#include <cstdio>
#include <numeric>

using namespace cppo::theory;
using cppo::index_t;
using schedule = std::vector<double>;
constexpr index_t T = 64;
constexpr double delta = 0.15, delta_b = 0.015, w_min = 0.8;
schedule const lambda = suffix_escapes(schedule(T, delta));  // D_t <= delta [Corollary 6, App. B.9]

// The largest |Delta| that a weight lets through, for three trust regions.
double one_budget(schedule const& w) { return terminal_budget_residual(lambda, w, delta_b); }
double every_prefix(schedule const& w) { return prefix_budget_residual(lambda, w, delta_b); }
double as_implemented(schedule const& w) {  // w_t D_t <= delta, and the budget of Eq. 8 with its slack
  schedule ell;
  for (double const x : w) ell.push_back(delta / x);
  return prefix_budget_residual(suffix_escapes(ell), w, delta_b, delta);
}

// Moves one weight, or the same amount from one to another, as long as the bound falls. Weights stay in [least, 1].
schedule search(schedule w, double (*bound)(schedule const&), double least, bool keeps_mean) {
  cppo::testing::random_source random(1);
  double best = bound(w);
  for (int k = 0; k < 200000; ++k) {
    auto const i = static_cast<std::size_t>(random.below(T)), j = static_cast<std::size_t>(random.below(T));
    double const old_i = w[i], old_j = w[j], step = random.normal() * 0.5 / (1.0 + 99.0 * random.uniform());
    w[i] += step;
    if (keeps_mean) w[j] -= step;
    bool const inside = w[i] >= least && w[i] <= 1.0 && w[j] >= least && w[j] <= 1.0;
    double const value = inside ? bound(w) : best;
    if (inside && value < best) best = value;
    else w[j] = old_j, w[i] = old_i;
  }
  return w;
}

void draw(line_chart& chart, char const* name, schedule const& w, bool dashed = false) {
  schedule x(w.size());
  std::iota(x.begin(), x.end(), 1.0);
  chart.add({name, x, w, dashed});
}

int main(int count, char** arguments) {
  schedule const uniform(T, 1.0), linear = weights_of(cppo::linear_weight(w_min), T);
  schedule direct = lambda, for_one = search(uniform, one_budget, 0.01, false);
  direct.back() = direct[T - 2], for_one.back() = for_one[T - 2];  // free: a budget ends before the last token
  schedule const for_every = search(linear, every_prefix, 0.01, false);
  schedule const freely = search(linear, as_implemented, w_min, false);
  schedule const same_mean = search(linear, as_implemented, w_min, true);
  std::printf("T %td, delta %.2f, delta_b %.3f      one budget  every prefix  as implemented\n", T, delta, delta_b);
  auto const show = [](char const* name, schedule const& w) {
    std::printf("%-36s %10.3f %13.3f %15.3f\n", name, one_budget(w), every_prefix(w), as_implemented(w));
  };
  show("uniform", uniform);
  show("linear, w_min 0.8", linear);
  show("lambda_t", direct);
  show("found for one budget", for_one);
  show("found for every prefix", for_every);
  show("found as implemented, w in [0.8, 1]", freely);
  show("the same, mean weight of the linear", same_mean);

  assert(one_budget(direct) <= one_budget(for_one) && one_budget(for_one) < 1.001 * one_budget(direct));
  assert(every_prefix(uniform) < 1.000001 * every_prefix(direct) && every_prefix(linear) > 1.03 * every_prefix(direct));
  assert(as_implemented(uniform) <= as_implemented(freely) && as_implemented(same_mean) < as_implemented(linear));
  line_chart chart("Schedules for delta 0.15, delta_b 0.015, T = 64", "position t", "weight", false);
  draw(chart, "linear", linear);
  draw(chart, "lambda_t", direct);
  draw(chart, "found for one budget", for_one, true);
  draw(chart, "found as implemented, same mean", same_mean, true);
  if (count > 1) assert(chart.write(arguments[1]));
}
