/// @file
/// Random Top-K lists that agree with the sampled token's log-probs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/generated_batch.hpp>
#include <cppo/testing/random.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// One token of a small vocabulary.
struct vocabulary_cell {
  std::int32_t id;  ///< token id
  /// Its probabilities under pi and mu.
  /// @{
  double p, q;
  /// @}
};

/// y_t and k + 2 other tokens, which share the rest of pi and mu, the most probable under mu first. Some have mu = 0.
inline std::vector<vocabulary_cell> draw_vocabulary(vocabulary_cell own, index_t k, random_source& random) {
  std::vector<vocabulary_cell> cells;
  double p_sum = 0.0, q_sum = 0.0;
  for (index_t j = 0; j < k + 2; ++j) {
    double const q = j > 0 && random.chance(0.02) ? 0.0 : random.exponential();
    double const p = (q + 1e-3) * random.uniform(0.5, 1.5);
    cells.push_back({static_cast<std::int32_t>(100 + j), p, q});
    p_sum += p;
    q_sum += q;
  }
  for (vocabulary_cell& c : cells) c = {c.id, c.p / p_sum * (1.0 - own.p), c.q / q_sum * (1.0 - own.q)};
  cells.push_back(own);
  std::sort(cells.begin(), cells.end(), [](vocabulary_cell const& a, vocabulary_cell const& b) {
    return a.q != b.q ? a.q > b.q : a.id < b.id;
  });
  return cells;
}

/// Fills the id and the lists of slot i. Some lists are short: their unused entries hold id -1.
template <element T>
void fill_lists(generated_batch<T>& batch, std::size_t i, double log_p, double log_q, random_source& random) {
  auto const id = static_cast<std::int32_t>(random.below(50));
  vocabulary_cell const own{id, detail::exp_nonpositive(log_p), detail::exp_nonpositive(log_q)};
  std::vector<vocabulary_cell> const cells = draw_vocabulary(own, batch.k, random);
  index_t const listed = random.chance(0.1) ? random.below(batch.k + 1) : batch.k;
  batch.token_id[i] = id;
  for (index_t j = 0; j < batch.k; ++j) {
    vocabulary_cell const& c = cells[static_cast<std::size_t>(j)];
    std::size_t const at = i * static_cast<std::size_t>(batch.k) + static_cast<std::size_t>(j);
    batch.listed_id[at] = j < listed ? c.id : -1;
    batch.listed_log_prob[at] = stored<T>(c.id == id ? log_p : detail::log(c.p));
    batch.listed_rollout_log_prob[at] = stored<T>(c.id == id ? log_q : detail::log(c.q));
  }
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
