// Prints each bound on |Delta| for the presets of Table 3 and responses of 64 to 32768 tokens, with rewards |R| <= 1.
// Given the name of a file, it draws the bounds of the first preset into it as SVG.
#include "line_chart.hpp"

#include <cppo/cppo.hpp>
#include <cppo/theory/bound.hpp>
#include <cppo/theory/profile.hpp>

#include <cassert>
#include <cmath>
#include <cstdio>
#include <utility>

using namespace cppo;
using namespace cppo::theory;

struct most_calibrated {  // a response whose divergences push a calibrated budget to its ceiling
  index_t length() const { return 1; }
  double quantile(double) const { return 1.0; }
};

using row = std::vector<std::pair<char const*, double>>;
//! [bounds]
row bounds_of(auto const& region, index_t T) {
  double const delta = region.budget_slack(), delta_b = region.resolve_budget(most_calibrated{});
  double const w_min = region.weight().w_min(), most = delta / w_min;
  std::vector<double> const w = weights_of(region.weight(), T);
  std::vector<double> ell;
  for (double const x : w) ell.push_back(delta / x);  // w_t D_t <= delta
  double const kl = 2.0 * most * most, kl_seq = 2.0 * delta_b * delta_b * static_cast<double>(T);  // the least possible
  return {{"product form, budget of Eq. 8", prefix_budget_residual(suffix_escapes(ell), w, delta_b, delta)},
          {"adaptive, budget of Eq. 8", prefix_budget_residual(suffix_adaptive(T, most, 1e300), w, delta_b, delta)},
          {"Eq. 14, budget of Eq. 8", prefix_budget_residual(suffix_sums(ell), w, delta_b, delta)},
          {"Eq. 17", implemented_residual(T, most, delta_b, delta)},
          {"coupling", coupling_residual(T, most)},
          {"classical", classical_residual(T, most)},
          {"Eq. 7, not kept by Eq. 8", threshold_residual(T, delta, delta_b, w_min)},
          {"Pinsker-marginal, at best", pinsker_marginal_residual(T, kl)},
          {"mixed, at best", mixed_residual(T, kl, kl_seq)}};
}
//! [bounds]

// The largest L' that the budget lets through: 2 sum of u_t.
double largest_gain(auto const& region, index_t T) {
  std::vector<double> w = weights_of(region.weight(), T), one(w.size() + 1, 1.0);
  w.push_back(1.0);  // the last position of a profile counts for nothing
  return 0.5 * prefix_budget_residual(one, w, region.resolve_budget(most_calibrated{}), region.budget_slack());
}

void show(char const* title, auto const& region, line_chart* chart) {
  std::vector<curve> curves;
  std::printf("%s\n%31s", title, "T");
  for (index_t T = 64; T <= 32768; T *= 8) std::printf("%12td", T);
  for (auto const& [name, value] : bounds_of(region, 64)) curves.push_back({name, {}, {}, curves.size() > 5});
  for (index_t T = 64; T <= 32768; T *= 2) {
    row const r = bounds_of(region, T);
    for (std::size_t k = 0; k < r.size(); ++k) {
      curves[k].x.push_back(static_cast<double>(T));
      curves[k].y.push_back(r[k].second);
      if (k < 6) assert(r[0].second <= r[k].second);  // of those that hold for the mask, the product form
    }
    assert(r[3].second > r[6].second && largest_gain(region, T) < r[0].second);
  }
  for (curve const& c : curves) {
    std::printf("\n%31s", c.label.c_str());
    for (std::size_t i = 0; i < c.y.size(); i += 3) std::printf("%12.4g", c.y[i]);
    if (chart != nullptr) chart->add(c);
  }
  std::printf("\n%31s", "(largest L' of the budget)");
  for (index_t T = 64; T <= 32768; T *= 8) std::printf(T < 32768 ? "%12.4g" : "%12.4g\n\n", largest_gain(region, T));
}

int main(int count, char** arguments) {
  line_chart chart("Bounds on |Delta|: delta 0.15, delta_b 0.015, w_min 0.8", "T, tokens", "for |R| at most 1", true);
  show("dense, post-trained: delta 0.15, delta_b 0.015, w_min 0.8", presets::dense_post_trained(), &chart);
  show("dense, Base: delta 0.15, delta_b 0.040 (the ceiling), w_min 0.8", presets::dense_base(), nullptr);
  show("MoE, Base: delta 0.20, delta_b 0.040 (the ceiling), w_min 0.8", presets::moe_base(), nullptr);
  std::printf("of the bounds that hold for the mask the product form is the tightest at each T and preset\n");
  if (count > 1) assert(chart.write(arguments[1]));
}
