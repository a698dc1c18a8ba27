// Slopes against central differences, on a grid of tokens in double.
#pragma once

#include "support/catch_compat.hpp"

#include <cppo/core/token.hpp>

#include <cmath>
#include <string>

namespace cppo_test {

// A token of the grid.
struct grid_point {
  double log_prob, rollout_log_prob, advantage;
  double ratio() const { return std::exp(log_prob - rollout_log_prob); }
};

// Calls f(point) for each.
template <class F>
void each_grid_point(F const& f) {
  for (double const mu : {-4.0, -1.3, -0.2}) {
    for (double const d : {-3.0, -0.7, -0.24, -0.1, -1e-3, 0.0, 1e-3, 0.1, 0.19, 0.5, 1.1, 2.5}) {
      for (double const a : {-1.7, -0.0, 0.0, 0.4, 2.0}) {
        if (mu + d < 0.0) f(grid_point{mu + d, mu, a});
      }
    }
  }
}

// The token of a point, with what a penalty may read besides.
template <class V = cppo::double_lane>
cppo::token<V> token_at(grid_point const& p) {
  cppo::token<V> t{V(p.log_prob), V(p.rollout_log_prob), V(p.advantage)};
  t.lend_more(V(0.75), V(p.rollout_log_prob - 0.3));
  t.set_divergence(V(0.25));
  return t;
}

// True if x is y to within 1e-9 of its size.
inline bool close(double x, double y, double tolerance = 1e-9) {
  return std::fabs(x - y) <= tolerance * (1.0 + std::fabs(y));
}

// Compares value and slope at every point with a function of log pi, f(log_prob, point), in which what is constant to
// the gradient is taken at the point. Points within 1e-5 of a kink have no slope and are left out.
template <class Ask, class F>
void agrees(std::string const& what, Ask const& ask, F const& f) {
  int compared = 0;
  each_grid_point([&](grid_point const& p) {
    auto const [value, slope] = ask(p);
    double const x = p.log_prob, h = 1e-5, here = f(x, p), up = f(x + h, p), down = f(x - h, p);
    INFO(what << ": log pi " << x << ", log mu " << p.rollout_log_prob << ", A " << p.advantage);
    CHECK(close(value, here));
    double const right = (up - here) / h, left = (here - down) / h;
    if (!close(right, left, 1e-3)) return;
    CHECK(close(slope, (up - down) / (2.0 * h), 1e-6));
    ++compared;
  });
  CHECK(compared > 100);
}

}  // namespace cppo_test
