// Pairs of small policies in whole numbers: what they do, summed over every response, without the library.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace cppo_test {

constexpr int power(int v, int t) { return t == 0 ? 1 : v * power(v, t - 1); }

// One row of counts for each prefix, adding up to K: probabilities in units of 1/K. Prefixes by length, then by number.
template <int V, int T>
struct count_table {
  static constexpr int rows = (power(V, T) - 1) / (V - 1);
  static constexpr int first(int t) { return (power(V, t) - 1) / (V - 1); }
  std::array<std::array<int, V>, rows> row{};
};

// Everything the statements speak of, for one pair; `exact` says whether what must hold exactly does.
template <int V, int T>
struct grid_pair {
  static constexpr int n = power(V, T), rows = count_table<V, T>::rows;
  bool identity = true;          // pi(y) - mu(y) = L'(y) - Delta(y) for every response, in whole numbers
  bool absolutely_continuous = true;
  double residual = 0;           // largest |Delta| over |R| <= 1
  double gain = 0;               // largest |L'| over |R| <= 1
  std::array<bool, rows> reached{};      // by mu
  std::array<double, rows> divergence{}, weight{}, suffix{}, kl{};  // D, mu(s), TV of all that follows, KL(mu || pi)

  grid_pair(count_table<V, T> const& pi, count_table<V, T> const& mu, int K) {
    responses(pi, mu, K);
    prefixes(pi, mu, K);
  }

 private:
  // One response y: the counts of its tokens, and the products of those from a token on.
  struct followed {
    std::array<int, T> p{}, q{};
    std::array<std::int64_t, T + 1> p_after{}, q_after{};
  };
  static followed follow(count_table<V, T> const& pi, count_table<V, T> const& mu, int y,
                         std::array<std::int64_t, rows>& gap) {
    followed f;
    f.p_after[T] = f.q_after[T] = 1;
    for (int t = T; t-- > 0;) {
      int const ahead = power(V, T - 1 - t), number = y / ahead;
      auto const i = static_cast<std::size_t>(t);
      auto const r = static_cast<std::size_t>(count_table<V, T>::first(t) + number / V);
      f.p[i] = pi.row[r][static_cast<std::size_t>(number % V)];
      f.q[i] = mu.row[r][static_cast<std::size_t>(number % V)];
      f.p_after[i] = f.p_after[i + 1] * f.p[i];
      f.q_after[i] = f.q_after[i + 1] * f.q[i];
      gap[r] += std::abs(f.p_after[i] - f.q_after[i]);
    }
    return f;
  }
  void responses(count_table<V, T> const& pi, count_table<V, T> const& mu, int K) {
    std::int64_t magnitude = 0, moved_magnitude = 0, scale = 1;
    std::array<std::int64_t, T> unit{};  // K^(tokens that follow)
    for (int t = T; t-- > 0;) {
      unit[static_cast<std::size_t>(t)] = scale;
      scale *= K;
    }
    std::array<std::int64_t, rows> gap{};
    for (int y = 0; y < n; ++y) {
      auto const [p, q, p_after, q_after] = follow(pi, mu, y, gap);
      std::int64_t before = 1, surrogate = 0, rest = 0;
      for (std::size_t t = 0; t < T; ++t) {
        surrogate += before * (p[t] - q[t]) * q_after[t + 1];
        rest += before * (p[t] - q[t]) * (q_after[t + 1] - p_after[t + 1]);
        before *= q[t];
      }
      identity = identity && p_after[0] - q_after[0] == surrogate - rest;
      magnitude += std::abs(rest);
      moved_magnitude += std::abs(surrogate);
    }
    residual = static_cast<double>(magnitude) / static_cast<double>(scale);
    gain = static_cast<double>(moved_magnitude) / static_cast<double>(scale);
    for (int t = 0; t < T; ++t) {
      double const units = 2.0 * static_cast<double>(unit[static_cast<std::size_t>(t)]) * K;
      for (int r = count_table<V, T>::first(t); r < count_table<V, T>::first(t + 1); ++r) {
        suffix[static_cast<std::size_t>(r)] = static_cast<double>(gap[static_cast<std::size_t>(r)]) / units;
      }
    }
  }

  void prefixes(count_table<V, T> const& pi, count_table<V, T> const& mu, int K) {
    static std::vector<double> const logs = [] {
      std::vector<double> l(1, -std::numeric_limits<double>::infinity());
      for (int k = 1; k < 64; ++k) l.push_back(std::log(k));
      return l;
    }();
    weight[0] = 1.0;
    for (std::size_t r = 0; r < rows; ++r) {
      reached[r] = weight[r] > 0.0;
      int gap = 0;
      for (std::size_t a = 0; a < V; ++a) {
        int const p = pi.row[r][a], q = mu.row[r][a];
        gap += std::abs(p - q);
        if (q > 0) kl[r] += q * (logs[static_cast<std::size_t>(q)] - logs[static_cast<std::size_t>(p)]) / K;
        if (reached[r] && q == 0 && p > 0) absolutely_continuous = false;
        std::size_t const child = V * r + 1 + a;  // tables of a complete tree, level by level
        if (child < rows) weight[child] = weight[r] * q / K;
      }
      divergence[r] = gap / (2.0 * K);
    }
  }
};

// What one statement says about how many pairs, and how close they come to it.
struct tally {
  std::int64_t pairs = 0, broken = 0, attained = 0;
  double closest = 0.0;  // largest value/bound
  void add(double value, double bound) {
    ++pairs;
    if (value > bound * (1.0 + 1e-12) + 1e-15) ++broken;
    if (value <= 0.0) return;
    double const ratio = value / bound;
    closest = std::max(closest, ratio);
    if (std::fabs(ratio - 1.0) <= 1e-12) ++attained;
  }
};

// Calls f(pi, mu) for every pair of tables whose rows are taken from `choices`.
template <int V, int T, class F>
void each_pair(std::vector<std::array<int, V>> const& choices, F const& f) {
  constexpr int rows = count_table<V, T>::rows;
  std::array<std::size_t, 2 * rows> digit{};
  count_table<V, T> pi, mu;
  pi.row.fill(choices[0]);
  mu.row.fill(choices[0]);
  for (;;) {
    f(pi, mu);
    std::size_t i = 0;
    while (i < digit.size() && ++digit[i] == choices.size()) digit[i++] = 0;
    for (std::size_t k = 0; k <= i && k < digit.size(); ++k) {
      (k < rows ? pi.row[k] : mu.row[k - rows]) = choices[digit[k]];
    }
    if (i == digit.size()) return;
  }
}

}  // namespace cppo_test
