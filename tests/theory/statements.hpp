// Every statement of the bound about one pair of policies: sums over all responses in whole numbers on one side, the
// library's formulas on the other.
#pragma once

#include "theory/grid_model.hpp"

#include <cppo/theory/bound.hpp>
#include <cppo/theory/profile.hpp>
#include <cppo/weight.hpp>

#include <iterator>
#include <string_view>

namespace cppo_test {

using namespace cppo::theory;

inline constexpr std::string_view statements[] = {
    "Theorem 1, Eq. 6", "Lemma 3, product", "Lemma 3, sum", "Proposition 4, Eq. 14", "product form, Prop. 4",
    "Corollary 6, Eq. 15", "Corollary 7, Eq. 7, 16", "product form, any schedule", "product form, App. B.9",
    "terminal only, App. B.8", "terminal only, Eq. 18", "Proposition 8, Eq. 17", "Eq. 17 within the mask of Eq. 8",
    "classical, uniform", "coupling", "adaptive", "adaptive with KL", "Pinsker-marginal", "mixed"};

// The place of a statement among them, found as the name is compiled.
struct statement {
  std::size_t place = 0;
  consteval statement(char const* name) {
    while (statements[place] != name) ++place;
  }
};

// What is found on one grid.
struct ledger {
  std::array<tally, std::size(statements)> of{};  // by statement
  std::int64_t pairs = 0, identities = 0, discontinuous = 0, discontinuous_broken = 0;
  std::int64_t slack_pairs = 0, above_prefix = 0;  // within Eq. 8 at delta = max Z, and there above Eq. 6
  double most_above = 0.0;
  std::int64_t rising_broken = 0;  // above 4 delta_b times the sum of beta_t, where beta_t/w_t is not non-increasing

  tally& operator[](statement s) { return of[s.place]; }
};

// Where a statement says "on every rollout": prefixes that mu reaches; all of them where pi leaves the support of mu.
template <int V, int T>
bool counts(grid_pair<V, T> const& p, std::size_t r) {
  return p.reached[r] || !p.absolutely_continuous;
}

template <int V, int T>
struct positions {
  std::array<double, T> u{}, ell{}, ell_reached{};
  double ell_max = 0, kappa = 0, kappa_seq = 0;
  explicit positions(grid_pair<V, T> const& p) {
    for (std::size_t t = 0, r = 0; t < T; ++t) {
      for (; r < static_cast<std::size_t>(count_table<V, T>::first(static_cast<int>(t) + 1)); ++r) {
        u[t] += p.weight[r] * p.divergence[r];
        if (counts(p, r)) ell[t] = std::max(ell[t], p.divergence[r]);
        if (p.reached[r]) {
          ell_reached[t] = std::max(ell_reached[t], p.divergence[r]);
          kappa = std::max(kappa, p.kl[r]);
          kappa_seq += p.weight[r] * p.kl[r];
        }
      }
      ell_max = std::max(ell_max, ell[t]);
    }
  }
};

// S_m and Z_m at each prefix, and the least delta_b under which the budgets hold on every rollout.
template <int V, int T>
struct drift_of_prefixes {
  double z_max = 0;
  std::array<double, T + 1> drift{}, total{};  // largest S_m, and W_m
  drift_of_prefixes(grid_pair<V, T> const& p, std::vector<double> const& w) {
    std::array<double, count_table<V, T>::rows> s{};
    for (std::size_t m = 1, r = 0; m <= T; ++m) {
      total[m] = total[m - 1] + w[m - 1];
      for (; r < static_cast<std::size_t>(count_table<V, T>::first(static_cast<int>(m))); ++r) {
        s[r] = w[m - 1] * p.divergence[r] + (r > 0 ? s[(r - 1) / V] : 0.0);
        if (!counts(p, r)) continue;
        drift[m] = std::max(drift[m], s[r]);
        z_max = std::max(z_max, w[m - 1] * p.divergence[r]);
      }
    }
  }
  double least_budget(double eta) const {  // S_m <= eta + delta_b W_m, m < T
    double b = 0;
    for (std::size_t m = 1; m < T; ++m) b = std::max(b, (drift[m] - eta) / total[m]);
    return b;
  }
  double least_mask_budget(double delta) const {  // Z_t <= delta + delta_b W_{t-1} - S_{t-1}, t <= T [Eq. 8]
    double b = 0;
    for (std::size_t t = 2; t <= T; ++t) b = std::max(b, (drift[t] - delta) / total[t - 1]);
    return b;
  }
};

template <int V, int T>
void lemma_3(ledger& l, grid_pair<V, T> const& p, std::vector<double> const& beta, std::vector<double> const& sums) {
  for (std::size_t t = 1, r = 1; t < T; ++t) {
    for (; r < static_cast<std::size_t>(count_table<V, T>::first(static_cast<int>(t) + 1)); ++r) {
      if (!counts(p, r)) continue;
      l["Lemma 3, product"].add(p.suffix[r], beta[t - 1]);
      l["Lemma 3, sum"].add(p.suffix[r], sums[t - 1]);
    }
  }
}

template <int V, int T>
void under_schedule(ledger& l, grid_pair<V, T> const& p, positions<V, T> const& x, double w_min,
                    std::vector<double> const& w, std::vector<double> const& beta) {
  drift_of_prefixes<V, T> const a(p, w);
  double const b = a.least_budget(0.0);
  l["Theorem 1, Eq. 6"].add(p.residual, prefix_residual(T, x.ell_max, b));
  l["Corollary 7, Eq. 7, 16"].add(p.residual, threshold_residual(T, a.z_max, b, w_min));
  l["product form, any schedule"].add(p.residual, prefix_budget_residual(beta, w, b));
  double sum = 0;
  for (double const one : beta) sum += one;
  if (ratio_falls(beta, w)) l["product form, App. B.9"].add(p.residual, 4.0 * b * sum);
  else l.rising_broken += p.residual > 4.0 * b * sum * (1.0 + 1e-12) ? 1 : 0;
  double const whole = a.drift[T - 1] / a.total[T - 1];
  l["terminal only, App. B.8"].add(p.residual, x.ell_max * terminal_budget_residual(suffix_lengths(T), w, whole));
  for (double const share : {0.25, 0.5, 1.0}) {
    double const eta = share * a.z_max;
    l["Proposition 8, Eq. 17"].add(p.residual,
                                   implemented_residual(T, x.ell_max, a.least_budget(eta), eta, w[0]));
  }
  double const budget = a.least_mask_budget(a.z_max);
  l["Eq. 17 within the mask of Eq. 8"].add(p.residual, implemented_residual(T, x.ell_max, budget, a.z_max, w[0]));
  double const claimed = prefix_residual(T, x.ell_max, budget);
  ++l.slack_pairs;
  if (budget > 1e-9 && p.residual > claimed * (1.0 + 1e-12)) {
    ++l.above_prefix;
    l.most_above = std::max(l.most_above, p.residual / claimed);
  }
}

template <int V, int T>
void beside(ledger& l, grid_pair<V, T> const& p, positions<V, T> const& x) {
  double const infinity = std::numeric_limits<double>::infinity();
  l["classical, uniform"].add(p.residual, classical_residual(T, x.ell_max));
  if (!p.absolutely_continuous) return;
  l["coupling"].add(p.residual, coupling_residual(T, x.ell_max));
  l["adaptive"].add(p.residual, profile_residual(x.u, suffix_adaptive(T, x.ell_max, infinity)));
  if (!(x.kappa < infinity)) return;
  l["Pinsker-marginal"].add(p.residual, pinsker_marginal_residual(T, x.kappa));
  l["mixed"].add(p.residual, mixed_residual(T, x.kappa, x.kappa_seq));
  l["adaptive with KL"].add(p.residual, profile_residual(x.u, suffix_adaptive(T, x.ell_max, x.kappa)));
}

template <int V, int T>
void examine(ledger& l, count_table<V, T> const& pi, count_table<V, T> const& mu, int K) {
  static std::vector<double> const schedules[] = {weights_of(cppo::uniform_weight, T),
                                                  weights_of(cppo::linear_weight(0.8), T),
                                                  weights_of(cppo::linear_weight(0.25), T)};
  grid_pair<V, T> const p(pi, mu, K);
  positions<V, T> const x(p);
  ++l.pairs;
  l.identities += p.identity ? 1 : 0;
  std::vector<double> const sums = suffix_sums(x.ell), beta = suffix_escapes(x.ell);
  lemma_3(l, p, beta, sums);
  l["Proposition 4, Eq. 14"].add(p.residual, profile_residual(x.u, sums));
  l["product form, Prop. 4"].add(p.residual, profile_residual(x.u, beta));
  if (!p.absolutely_continuous) {
    ++l.discontinuous;
    double const on_rollouts = profile_residual(x.u, suffix_sums(x.ell_reached));
    l.discontinuous_broken += p.residual > on_rollouts * (1.0 + 1e-12) + 1e-15 ? 1 : 0;
  }
  double const w_min[] = {1.0, 0.8, 0.25};
  for (std::size_t k = 0; k < 3; ++k) under_schedule(l, p, x, w_min[k], schedules[k], beta);
  drift_of_prefixes<V, T> const plain(p, schedules[0]);
  double const whole = plain.drift[T - 1] / (T - 1);
  l["Corollary 6, Eq. 15"].add(p.residual, prefix_residual(T, x.ell_max, plain.least_budget(0.0)));
  l["terminal only, Eq. 18"].add(p.residual, terminal_residual(T, x.ell_max, whole));
  beside(l, p, x);
}

}  // namespace cppo_test
