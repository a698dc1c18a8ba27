// pi and mu over a small vocabulary: distances over any partition of it, and what the library computes from lists of
// it.
#pragma once

#include "support/catch_compat.hpp"

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/divergence.hpp>
#include <cppo/region/dppo.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cppo_test {

// pi and mu over a vocabulary whose ids are ordered by mu, the most probable first.
struct vocabulary {
  std::vector<double> pi, mu;
  std::size_t size() const { return pi.size(); }
};

// Makes both laws from positive weights of any sum, in any order.
inline vocabulary vocabulary_of(std::vector<double> pi, std::vector<double> mu) {
  for (std::vector<double>* law : {&pi, &mu}) {
    double const sum = std::accumulate(law->begin(), law->end(), 0.0);
    for (double& x : *law) x /= sum;
  }
  std::vector<std::size_t> order(pi.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return mu[a] > mu[b]; });
  vocabulary v;
  for (std::size_t const a : order) {
    v.pi.push_back(pi[a]);
    v.mu.push_back(mu[a]);
  }
  return v;
}

// TV and KL(mu || pi) of the partition {each of `cells`} + {the rest}.
struct distance {
  double tv = 0.0, kl = 0.0;
};
inline distance over_partition(vocabulary const& v, std::vector<std::size_t> const& cells) {
  std::vector<double> pi(cells.size() + 1), mu(cells.size() + 1);
  for (std::size_t a = 0; a < v.size(); ++a) {
    auto const cell = static_cast<std::size_t>(std::find(cells.begin(), cells.end(), a) - cells.begin());
    pi[cell] += v.pi[a];
    mu[cell] += v.mu[a];
  }
  distance d;
  for (std::size_t c = 0; c < pi.size(); ++c) {
    d.tv += std::fabs(pi[c] - mu[c]) / 2.0;
    if (mu[c] > 0.0) d.kl += mu[c] * std::log(mu[c] / pi[c]);
  }
  return d;
}

inline std::vector<std::size_t> first(std::size_t k) {
  std::vector<std::size_t> all(k);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

// Ids and log-probs lent for one token.
struct lists {
  std::int32_t sampled = 0;
  double log_p = 0.0, log_q = 0.0;
  std::vector<std::int32_t> ids;
  std::vector<double> log_pi, log_mu;
};

inline lists list_of(vocabulary const& v, std::size_t k, std::size_t sampled) {
  lists l{static_cast<std::int32_t>(sampled), std::log(v.pi[sampled]), std::log(v.mu[sampled]), {}, {}, {}};
  for (std::size_t const a : first(k)) {
    l.ids.push_back(static_cast<std::int32_t>(a));
    l.log_pi.push_back(std::log(v.pi[a]));
    l.log_mu.push_back(std::log(v.mu[a]));
  }
  return l;
}

// The divergence that the library computes in a call.
template <class D>
double run(lists const& l, D const& divergence) {
  double const one = 1.0;
  double d = -1.0;
  auto const k = static_cast<cppo::index_t>(l.ids.size());
  auto const batch = rollout_batch(cppo::padded(1, 1), cppo::log_prob(&l.log_p), cppo::rollout_log_prob(&l.log_q),
                                   cppo::advantage(&one), cppo::token_id(&l.sampled),
                                   cppo::top_k(k, l.ids, l.log_pi, l.log_mu));
  cppo::status const s = policy_loss(cppo::seq, batch, cppo::dppo({}, divergence), {.trace = {.divergence = &d}});
  CHECK(s.ok());
  return d;
}

template <cppo::top_k_form Form>
distance run_both(lists const& l) {
  return {run(l, cppo::top_k_tv_t<Form>{}), run(l, cppo::top_k_kl_t<Form>{})};
}

inline bool close(distance const& a, distance const& b) {
  return std::fabs(a.tv - b.tv) <= 1e-14 && std::fabs(a.kl - b.kl) <= 1e-12 * (1.0 + b.kl);
}
inline bool at_most(distance const& a, distance const& b) { return a.tv <= b.tv + 1e-14 && a.kl <= b.kl + 1e-13; }

}  // namespace cppo_test
