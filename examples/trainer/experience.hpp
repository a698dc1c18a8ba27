// What was sampled, and the buffers that lend it to the library.
#pragma once

#include "network.hpp"

#include <cppo/cppo.hpp>

#include <span>
#include <string_view>
#include <vector>

namespace trainer {

/// One response, judged.
struct experience {
  sequence tokens;
  std::vector<float> rollout_log_prob;  ///< log mu(y_t | s_t)
  matrix<float> rollout_log_soft;       ///< log mu(. | s_t), [tokens, vocabulary], where the divergence needs it
  double reward = 0.0;
  float advantage = 0.0F;
};

/// Where the numbers behind D_t come from.
enum class evidence {
  log_probs,  ///< the two log-probs of the sampled token
  top_k,      ///< the 20 tokens the rollout policy ranks highest
  exact_tv,   ///< total variation over the whole vocabulary, lent as precomputed
  exact_kl,   ///< KL(mu || pi) over the whole vocabulary, lent as precomputed
  given,      ///< lent as precomputed by somebody else: a learner has none
};
/// What a divergence of that name in `cppo::divergence_names()` reads here; precomputed: the exact total variation.
evidence evidence_of(std::string_view divergence);

/// The buffers of one minibatch, packed, as any trainer holds them.
class lent_minibatch {
 public:
  /// `picked` responses of `all`, with what the forward passes over them left.
  lent_minibatch(std::vector<experience> const& all, std::span<std::size_t const> picked,
                 std::vector<network_trace<float>> const& traces, evidence source);

  /// The batch, lent; it reads this object's buffers.
  cppo::rollout_batch_view<float> lend() const;
  /// Slots over all responses.
  std::size_t slots() const { return log_prob_.size(); }
  /// Where response i begins; one more at the end.
  std::vector<std::int64_t> const& cu_seqlens() const { return cu_seqlens_; }

 private:
  void add_lists(experience const& e, network_trace<float> const& trace);
  void add_divergences(experience const& e, network_trace<float> const& trace);

  evidence source_;
  std::vector<std::int64_t> cu_seqlens_{0};
  std::vector<float> log_prob_, rollout_log_prob_, advantage_, divergence_;
  std::vector<std::int32_t> token_id_, list_id_;
  std::vector<float> list_log_prob_, list_rollout_log_prob_;
};

}  // namespace trainer
