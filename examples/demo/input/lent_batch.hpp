// The buffers that are lent to the library: responses one after the other, after one number of updates.
#pragma once

#include "input/rollouts.hpp"
#include "input/settings.hpp"

#include <optional>

namespace demo {

/// Packed copies of what a trainer would have in memory, and the batch that names them.
class lent_batch {
 public:
  /// Copies the responses `which` of `rollouts`, in that order, after `updates` updates, with what `source` needs.
  lent_batch(std::vector<rollout> const& rollouts, std::vector<std::size_t> which, int updates, evidence source);

  /// Lends the batch. It reads this object's buffers.
  cppo::rollout_batch_view<float> lend() const;
  /// Index of each response among the rollouts.
  std::vector<std::size_t> const& members() const { return which_; }
  /// Cumulative lengths, one more than there are responses.
  std::vector<std::int64_t> const& cu_seqlens() const { return cu_seqlens_; }
  /// The number of slots, holes included.
  std::size_t slots() const { return log_prob_.size(); }
  /// 1 where a slot holds a token of the response.
  std::vector<std::uint8_t> const& response_mask() const { return response_mask_; }

 private:
  void append(rollout const& r, int updates);

  evidence source_;
  std::vector<std::size_t> which_;
  std::vector<std::int64_t> cu_seqlens_;
  std::vector<float> log_prob_, rollout_log_prob_, advantage_, divergence_;
  std::vector<std::uint8_t> response_mask_;
  std::vector<std::int32_t> token_id_, list_id_;
  std::vector<float> list_log_prob_, list_rollout_log_prob_;
  cppo::index_t k_ = 0;
};

/// The responses that have what `source` needs after `updates` updates.
std::vector<std::size_t> having(std::vector<rollout> const& rollouts, int updates, evidence source);

}  // namespace demo
