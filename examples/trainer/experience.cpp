#include "experience.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace trainer {

namespace {

constexpr Index listed = 20;

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
                               std::vector<network_trace<float>> const& traces, evidence source,
                               further_inputs further)
    : source_(source), further_(further) {
  for (std::size_t i = 0; i < picked.size(); ++i) {
    experience const& e = all[picked[i]];
    network_trace<float> const& trace = traces[i];
    cu_seqlens_.push_back(cu_seqlens_.back() + e.tokens.response_length());
    log_prob_.insert(log_prob_.end(), trace.log_prob.begin(), trace.log_prob.end());
    rollout_log_prob_.insert(rollout_log_prob_.end(), e.rollout_log_prob.begin(), e.rollout_log_prob.end());
    advantage_.push_back(e.advantage);
    if (source_ == evidence::top_k) add_lists(e, trace);
    if (source_ == evidence::exact_tv || source_ == evidence::exact_kl) add_divergences(e, trace);
    if (further_.entropy) add_entropies(trace);
    if (further_.reference_log_prob) {
      reference_log_prob_.insert(reference_log_prob_.end(), e.reference_log_prob.begin(), e.reference_log_prob.end());
    }
  }
}

void lent_minibatch::add_lists(experience const& e, network_trace<float> const& trace) {
  matrix<float> const& mu = e.rollout_log_soft;
  Index const k = std::min(listed, mu.cols());
  std::vector<std::int32_t> order(static_cast<std::size_t>(mu.cols()));
  for (Index t = 0; t < mu.rows(); ++t) {
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](std::int32_t a, std::int32_t b) {
      return mu(t, a) > mu(t, b) || (mu(t, a) == mu(t, b) && a < b);
    });
    token_id_.push_back(e.tokens.ids[static_cast<std::size_t>(e.tokens.first + t)]);
    for (Index j = 0; j < k; ++j) {
      std::int32_t const id = order[static_cast<std::size_t>(j)];
      list_id_.push_back(id);
      list_log_prob_.push_back(trace.log_soft(t, id));
      list_rollout_log_prob_.push_back(mu(t, id));
    }
  }
}

void lent_minibatch::add_divergences(experience const& e, network_trace<float> const& trace) {
  for (Index t = 0; t < e.rollout_log_soft.rows(); ++t) {
    auto const log_mu = e.rollout_log_soft.row(t).cast<double>().array();
    auto const log_pi = trace.log_soft.row(t).cast<double>().array();
    double const d = source_ == evidence::exact_tv ? 0.5 * (log_pi.exp() - log_mu.exp()).abs().sum()
                                                   : (log_mu.exp() * (log_mu - log_pi)).sum();
    divergence_.push_back(static_cast<float>(std::max(d, 0.0)));
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

void lent_minibatch::add_entropies(network_trace<float> const& trace) {
  for (Index t = 0; t < trace.log_soft.rows(); ++t) {
    auto const log_pi = trace.log_soft.row(t).cast<double>().array();
    entropy_.push_back(static_cast<float>(std::max(-(log_pi.exp() * log_pi).sum(), 0.0)));
  }
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
    auto const k = static_cast<index_t>(list_id_.size() / token_id_.size());
    return rollout_batch(shape, pi, mu, a, token_id(token_id_),
                         top_k(k, list_id_, list_log_prob_, list_rollout_log_prob_));
  }
  if (source_ == evidence::log_probs) return rollout_batch(shape, pi, mu, a);
  return rollout_batch(shape, pi, mu, a, divergence_values(divergence_));
}

}  // namespace trainer
