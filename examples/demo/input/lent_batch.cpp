#include "input/lent_batch.hpp"

namespace demo {

namespace {

template <class T>
void extend(std::vector<T>& to, std::vector<T> const& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// D_t as computed elsewhere; null if there is none.
std::vector<float> const* lent_divergence(rollout const& r, int updates, evidence source) {
  if (source == evidence::given) return r.divergence.empty() && r.size() > 0 ? nullptr : &r.divergence;
  auto const& known = source == evidence::exact_tv ? r.lists.full_tv : r.lists.full_kl;
  auto const found = known.find(updates);
  return found == known.end() ? nullptr : &found->second;
}

bool has(rollout const& r, int updates, evidence source) {
  if (r.log_prob.count(updates) == 0) return false;
  if (source == evidence::log_probs) return true;
  if (source == evidence::top_k) return r.lists.k > 0 && r.lists.log_prob.count(updates) > 0;
  return lent_divergence(r, updates, source) != nullptr;
}

}  // namespace

std::vector<std::size_t> having(std::vector<rollout> const& rollouts, int updates, evidence source) {
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < rollouts.size(); ++i) {
    if (has(rollouts[i], updates, source)) which.push_back(i);
  }
  return which;
}

lent_batch::lent_batch(std::vector<rollout> const& rollouts, std::vector<std::size_t> which, int updates,
                       evidence source)
    : source_(source), which_(std::move(which)), cu_seqlens_{0} {
  for (std::size_t const i : which_) append(rollouts[i], updates);
}

void lent_batch::append(rollout const& r, int updates) {
  cu_seqlens_.push_back(cu_seqlens_.back() + static_cast<std::int64_t>(r.size()));
  extend(log_prob_, r.log_prob.at(updates));
  extend(rollout_log_prob_, r.rollout_log_prob);
  extend(advantage_, r.advantage);
  extend(response_mask_, r.response_mask);
  if (source_ == evidence::top_k) {
    k_ = static_cast<cppo::index_t>(r.lists.k);
    extend(token_id_, r.ids);
    extend(list_id_, r.lists.ids);
    extend(list_log_prob_, r.lists.log_prob.at(updates));
    extend(list_rollout_log_prob_, r.lists.rollout_log_prob);
  } else if (source_ != evidence::log_probs) {
    extend(divergence_, *lent_divergence(r, updates, source_));
  }
}

cppo::rollout_batch_view<float> lent_batch::lend() const {
  using namespace cppo;
  layout const shape = packed(cu_seqlens_);
  if (source_ == evidence::top_k) {
    return rollout_batch(shape, log_prob(log_prob_), rollout_log_prob(rollout_log_prob_), advantage(advantage_),
                         cppo::response_mask(response_mask_), token_id(token_id_),
                         top_k(k_, list_id_, list_log_prob_, list_rollout_log_prob_));
  }
  if (source_ != evidence::log_probs) {
    return rollout_batch(shape, log_prob(log_prob_), rollout_log_prob(rollout_log_prob_), advantage(advantage_),
                         cppo::response_mask(response_mask_), divergence_values(divergence_));
  }
  return rollout_batch(shape, log_prob(log_prob_), rollout_log_prob(rollout_log_prob_), advantage(advantage_),
                       cppo::response_mask(response_mask_));
}

}  // namespace demo
