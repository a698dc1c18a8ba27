#include "policy.hpp"

#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

#include <stdexcept>

namespace trainer {

namespace {

void check(cppo::status const& ended) {
  if (!ended.ok()) throw std::runtime_error(describe(ended).c_str());
}

cppo::logit_rows rows_of(matrix<float> const& logits, double temperature) {
  return cppo::logits(logits.cols(), logits.data()).at_temperature(temperature);
}

cppo::logit_batch_view batch_of(matrix<float> const& logits, std::span<std::int32_t const> y, double temperature) {
  return logit_batch(cppo::padded(1, logits.rows()), rows_of(logits, temperature), cppo::token_id(y));
}

}  // namespace

rollout_policy rollout_policy_of(matrix<float> logits, std::span<std::int32_t const> y, double temperature) {
  rollout_policy mu;
  mu.logits = std::move(logits);
  mu.log_prob.resize(y.size());
  mu.log_sum_exp.resize(y.size());
  check(log_probs(cppo::simd, batch_of(mu.logits, y, temperature),
                  {.log_prob = mu.log_prob, .log_sum_exp = mu.log_sum_exp}));
  return mu;
}

void add_lists(rollout_policy& mu, double temperature) {
  mu.list_id.resize(mu.log_prob.size() * static_cast<std::size_t>(listed));
  mu.list_log_prob.resize(mu.list_id.size());
  check(log_probs(cppo::simd, logit_batch(cppo::padded(1, mu.logits.rows()), rows_of(mu.logits, temperature)),
                  {.largest_count = listed, .largest_id = mu.list_id, .largest_log_prob = mu.list_log_prob}));
}

trained_policy trained_policy_of(matrix<float> const& logits, std::span<std::int32_t const> y, double temperature,
                                 rollout_policy const& mu, also_read more) {
  trained_policy pi;
  pi.log_prob.resize(y.size());
  pi.log_sum_exp.resize(y.size());
  cppo::logit_batch_view batch = batch_of(logits, y, temperature);
  cppo::log_prob_outputs to{.log_prob = pi.log_prob, .log_sum_exp = pi.log_sum_exp};
  if (!mu.list_id.empty()) {
    pi.list_log_prob.resize(mu.list_id.size());
    batch.add(cppo::top_k_ids(listed, mu.list_id));
    to.listed_log_prob = pi.list_log_prob;
  }
  if (more.entropy) {
    pi.entropy.resize(y.size());
    to.entropy = pi.entropy;
  }
  check(log_probs(cppo::simd, batch, to));
  if (more.full_divergences) {
    pi.full_tv.resize(y.size());
    pi.full_kl.resize(y.size());
    check(full_divergences(cppo::simd, batch, pi.log_sum_exp,
                           {.logits = rows_of(mu.logits, temperature), .log_sum_exp = mu.log_sum_exp},
                           {.tv = pi.full_tv, .kl = pi.full_kl}));
  }
  return pi;
}

void replace_by_gradient(matrix<float>& logits, std::span<std::int32_t const> y, double temperature,
                         std::vector<double> const& log_sum_exp, std::span<float const> slope) {
  check(logits_gradient(cppo::simd, batch_of(logits, y, temperature), {.slope = slope, .log_sum_exp = log_sum_exp},
                        logits.data()));
}

}  // namespace trainer
