// What the library reads out of the logits of a response, and the gradient that it writes back into them.
#pragma once

#include "matrix.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace trainer {

/// The number of ids that are listed for a token.
inline constexpr Index listed = 20;

/// The rollout policy mu over one response, as the inference engine returns it.
struct rollout_policy {
  std::vector<float> log_prob;            ///< log mu(y_t | s_t)
  std::vector<std::int32_t> list_id;      ///< from `add_lists`: the ids that mu ranks highest, [tokens, listed]; -1
                                          ///< where there are fewer
  std::vector<float> list_log_prob;       ///< log mu of these
  matrix<float> logits;                   ///< of all ids, [tokens, vocabulary]
  std::vector<double> log_sum_exp;        ///< of each row of the logits
};

/// The policy pi that is trained, over the same response.
struct trained_policy {
  std::vector<float> log_prob;            ///< log pi(y_t | s_t)
  std::vector<float> list_log_prob;       ///< log pi of the ids that mu lists
  std::vector<double> log_sum_exp;        ///< of each row of the logits
  std::vector<float> entropy;             ///< if asked for
  std::vector<float> full_tv, full_kl;    ///< TV and KL(mu || pi) over the whole vocabulary, if asked for
};

/// What is read of the trained policy beside log-probs.
struct also_read {
  bool entropy = false;
  bool full_divergences = false;
};

/// Reads logits [tokens, vocabulary] of the sampled ids `y` at the temperature of sampling. Throws std::runtime_error,
/// which says where, if they have no log-probs.
/// @{
rollout_policy rollout_policy_of(matrix<float> logits, std::span<std::int32_t const> y, double temperature);
trained_policy trained_policy_of(matrix<float> const& logits, std::span<std::int32_t const> y, double temperature,
                                 rollout_policy const& mu = {}, also_read more = {});
/// @}

/// Lists the ids that mu ranks highest: what Top-K divergences are computed from.
void add_lists(rollout_policy& mu, double temperature);

/// Replaces logits by dL/d(logits), given dL/d(log pi(y_t)) of each token and the log-sum-exp of each row.
void replace_by_gradient(matrix<float>& logits, std::span<std::int32_t const> y, double temperature,
                         std::vector<double> const& log_sum_exp, std::span<float const> slope);

}  // namespace trainer
