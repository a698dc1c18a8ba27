// Tables of policies for tests: from counts, at random, and lent to the library as a batch of every response.
#pragma once

#include "theory/grid_model.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/divergence.hpp>
#include <cppo/testing/random.hpp>
#include <cppo/theory/tabular.hpp>

#include <cmath>
#include <vector>

namespace cppo_test {

using cppo::index_t;
using cppo::theory::rational;
using cppo::theory::tabular_policy;
template <class Scalar>
using numbers = typename cppo::theory::tabular_comparison<Scalar>::vector;

// Rows of counts over K.
template <class Scalar>
tabular_policy<Scalar> table_of(index_t V, index_t T, std::vector<std::vector<int>> const& rows, int K) {
  tabular_policy<Scalar> p(V, T);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t a = 0; a < rows[r].size(); ++a) {
      p.table()(static_cast<index_t>(r), static_cast<index_t>(a)) = Scalar(rows[r][a]) / Scalar(K);
    }
  }
  return p;
}

// Rows of counts over K, each at least `least`.
inline std::vector<std::vector<int>> random_rows(cppo::testing::random_source& random, index_t V, index_t T, int K,
                                                 int least = 1) {
  std::vector<std::vector<int>> rows(static_cast<std::size_t>(tabular_policy<double>(V, T).first_row(T)));
  for (std::vector<int>& row : rows) {
    row.assign(static_cast<std::size_t>(V), least);
    for (int left = K - least * static_cast<int>(V); left > 0; --left) ++row[static_cast<std::size_t>(random.below(V))];
  }
  return rows;
}

// Every response once, token by token, with the exact D_t; padded, [V^T, T].
struct every_response_of {
  index_t responses, length;
  std::vector<double> log_pi, log_mu, divergence;
  std::vector<index_t> row;  // of each token's prefix

  every_response_of(tabular_policy<double> const& pi, tabular_policy<double> const& mu)
      : responses(mu.responses()), length(mu.length()) {
    for (index_t y = 0; y < responses; ++y) {
      for (index_t t = 0; t < length; ++t) {
        index_t const r = mu.row_of(t, y), a = mu.token_of(t + 1, y);
        log_pi.push_back(std::log(pi.table()(r, a)));
        log_mu.push_back(std::log(mu.table()(r, a)));
        divergence.push_back(0.5 * (pi.table().row(r) - mu.table().row(r)).cwiseAbs().sum());
        row.push_back(r);
      }
    }
  }
  auto batch(std::vector<double> const& advantages) const {
    return rollout_batch(cppo::padded(responses, length), cppo::log_prob(log_pi), cppo::rollout_log_prob(log_mu),
                         cppo::advantage(advantages), cppo::divergence_values(divergence));
  }
  // Advantages that make every token move away from mu, or toward it.
  std::vector<double> pointing(double away) const {
    std::vector<double> a;
    for (std::size_t i = 0; i < log_pi.size(); ++i) a.push_back(log_pi[i] >= log_mu[i] ? away : -away);
    return a;
  }
  // How many tokens a region keeps.
  template <class Region>
  index_t kept(Region const& region, std::vector<double> const& advantages) const {
    std::vector<std::uint8_t> mask(log_pi.size());
    cppo::status const s = compute_mask(cppo::seq, batch(advantages), region, mask);
    return s.ok() ? static_cast<index_t>(std::count(mask.begin(), mask.end(), 1)) : -1;
  }
};

}  // namespace cppo_test
