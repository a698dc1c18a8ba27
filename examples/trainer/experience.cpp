#include "experience.hpp"

#include <cmath>

namespace trainer {

namespace {

template <class T>
void extend(std::vector<T>& to, std::vector<T> const& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

evidence evidence_of(cppo::named_divergence divergence) {
  switch (divergence.reads()) {
    case cppo::argument::token_id:
    case cppo::argument::top_k: return evidence::top_k;
    case cppo::argument::divergence: return evidence::exact_tv;
    default: return evidence::log_probs;
  }
}

further_inputs further_inputs_of(dispatch::region_or_rule const& region) {
  further_inputs read;
  std::visit([&read](auto const& r) {
    each_input_of(r, [&read](cppo::argument a) {
      read.entropy = read.entropy || a == cppo::argument::entropy;
      read.reference_log_prob = read.reference_log_prob || a == cppo::argument::reference_log_prob;
    });
  }, region);
  return read;
}

lent_minibatch::lent_minibatch(std::vector<experience> const& all, std::span<std::size_t const> picked,
                               std::vector<trained_policy> const& pi, evidence source, further_inputs further)
    : source_(source), further_(further) {
  for (std::size_t i = 0; i < picked.size(); ++i) {
    experience const& e = all[picked[i]];
    cu_seqlens_.push_back(cu_seqlens_.back() + e.tokens.response_length());
    extend(log_prob_, pi[i].log_prob);
    extend(rollout_log_prob_, e.mu.log_prob);
    advantage_.push_back(e.advantage);
    add_evidence(e, pi[i]);
    if (further_.entropy) extend(entropy_, pi[i].entropy);
    if (further_.reference_log_prob) extend(reference_log_prob_, e.reference_log_prob);
  }
}

std::vector<double> lent_minibatch::binary_tv() const {
  std::vector<double> tv;
  for (std::size_t i = 0; i < log_prob_.size(); ++i) {
    tv.push_back(std::abs(std::exp(static_cast<double>(log_prob_[i])) -
                          std::exp(static_cast<double>(rollout_log_prob_[i]))));
  }
  return tv;
}

void lent_minibatch::add_evidence(experience const& e, trained_policy const& pi) {
  if (source_ == evidence::exact_tv) extend(divergence_, pi.full_tv);
  if (source_ == evidence::exact_kl) extend(divergence_, pi.full_kl);
  if (source_ != evidence::top_k) return;
  std::span<std::int32_t const> const y = e.tokens.response();
  token_id_.insert(token_id_.end(), y.begin(), y.end());
  extend(list_id_, e.mu.list_id);
  extend(list_log_prob_, pi.list_log_prob);
  extend(list_rollout_log_prob_, e.mu.list_log_prob);
}

cppo::rollout_batch_view<float> lent_minibatch::lend() const {
  cppo::rollout_batch_view<float> batch = lend_for_divergence();
  if (further_.entropy) batch.add(cppo::entropy(entropy_));
  if (further_.reference_log_prob) batch.add(cppo::reference_log_prob(reference_log_prob_));
  return batch;
}

cppo::rollout_batch_view<float> lent_minibatch::lend_for_divergence() const {
  using namespace cppo;
  layout const shape = packed(cu_seqlens_);
  auto const pi = log_prob(log_prob_);
  auto const mu = rollout_log_prob(rollout_log_prob_);
  auto const a = advantage(per_response(advantage_));
  if (source_ == evidence::top_k) {
    return rollout_batch(shape, pi, mu, a, token_id(token_id_),
                         top_k(listed, list_id_, list_log_prob_, list_rollout_log_prob_));
  }
  if (source_ == evidence::log_probs) return rollout_batch(shape, pi, mu, a);
  return rollout_batch(shape, pi, mu, a, divergence_values(divergence_));
}

}  // namespace trainer
