// Sampled responses, and the buffers in which they are lent to the library.
#pragma once

#include "network.hpp"
#include "policy.hpp"

#include <dispatch.hpp>

#include <span>
#include <vector>

namespace trainer {

/// One response and its reward.
struct experience {
  sequence tokens;
  rollout_policy mu;                      ///< the policy that sampled it
  std::vector<float> reference_log_prob;  ///< log pi_ref(y_t | s_t): of the weights that the run began with
  double reward = 0.0;
  float advantage = 0.0F;
};

/// What D_t is computed from.
enum class evidence {
  log_probs,  ///< the two log-probs of the sampled token
  top_k,      ///< the `listed` tokens that the rollout policy ranks highest
  exact_tv,   ///< total variation over the whole vocabulary, lent as precomputed
  exact_kl,   ///< KL(mu || pi) over the whole vocabulary, lent as precomputed
  given,      ///< D_t lent as precomputed by somebody else; a learner has none
};
/// What a divergence is computed from; for precomputed, the exact total variation.
evidence evidence_of(cppo::named_divergence divergence);

/// What a rule may read beside log-probs, advantage and what its divergence is computed from.
struct further_inputs {
  bool entropy = false;
  bool reference_log_prob = false;
};
/// What a region or rule reads of these.
further_inputs further_inputs_of(dispatch::region_or_rule const& region);

/// The buffers of one minibatch, packed, as a trainer has them.
class lent_minibatch {
 public:
  /// Copies the responses `picked` of `all`, the first with the first of `pi`. That holds what is asked for.
  lent_minibatch(std::vector<experience> const& all, std::span<std::size_t const> picked,
                 std::vector<trained_policy> const& pi, evidence source, further_inputs further = {});

  /// Lends the batch. It reads this object's buffers.
  cppo::rollout_batch_view<float> lend() const;
  /// The number of slots of all responses.
  std::size_t slots() const { return log_prob_.size(); }
  /// |pi - mu| at each sampled token: Binary-TV.
  std::vector<double> binary_tv() const;
  /// Where each response begins, and where the last one ends.
  std::vector<std::int64_t> const& cu_seqlens() const { return cu_seqlens_; }

 private:
  void add_evidence(experience const& e, trained_policy const& pi);
  cppo::rollout_batch_view<float> lend_for_divergence() const;

  evidence source_;
  further_inputs further_;
  std::vector<std::int64_t> cu_seqlens_{0};
  std::vector<float> log_prob_, rollout_log_prob_, advantage_, divergence_, entropy_, reference_log_prob_;
  std::vector<std::int32_t> token_id_, list_id_;
  std::vector<float> list_log_prob_, list_rollout_log_prob_;
};

}  // namespace trainer
