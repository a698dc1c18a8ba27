/// @file
/// Cases of divergences alone: D of each token by every definition whose inputs the case holds.
#pragma once

#include "calls.hpp"

#include <cppo/described/divergence.hpp>
#include <cppo/logits.hpp>

namespace conformance {

/// The lists of a case: k tokens for each of n.
template <class Real>
struct token_lists {
  index_t k = 0;
  std::vector<index_t> ids;
  std::vector<Real> log_prob, rollout_log_prob;
};

/// Evaluates divergences on the tokens of one case.
template <class Executor, class Real>
class divergence_case {
 public:
  divergence_case(Executor const& executor, object_reader const& c)
      : executor_(executor), params_(c.object("params")), inputs_(c.object("inputs")), n_(params_.count("n")) {
    lent_.shape = case_shape::flat(n_);
    lent_.log_prob = inputs_.template numbers<Real>("logp_new", n_);
    lent_.rollout_log_prob = inputs_.template numbers<Real>("logp_old", n_);
    lent_.advantage.assign(static_cast<std::size_t>(n_), Real(0));
  }

  json run() const {
    auto const batch = lent_.all();
    json r;
    for (char const* name : {"binary_tv", "binary_kl", "binary_kl_reverse", "k1", "k2", "k3"}) {
      r[name] = evaluate(batch, name);
    }
    if (inputs_.has("topk_ids")) add_top_k(r);
    if (inputs_.has("logits_new")) add_full(r);
    return r;
  }

 private:
  /// D of every token under the divergence that the library has by that name.
  json evaluate(cppo::rollout_batch_view<Real> const& batch, char const* name) const {
    std::vector<Real> values(static_cast<std::size_t>(n_));
    cppo::loss_outputs const wanted{.trace = {.divergence = values}};
    auto const region = cppo::trust_region(cppo::named_divergence::find(name), cppo::uniform_weight, cppo::keep_all);
    require_ok(cppo::policy_loss(executor_, batch, region, wanted));
    return to_json(values);
  }
  cppo::rollout_batch_view<Real> lend(token_lists<Real> const& lists, std::vector<index_t> const& sampled) const {
    return cppo::rollout_batch(lent_.shape.all(), cppo::log_prob(lent_.log_prob),
                               cppo::rollout_log_prob(lent_.rollout_log_prob), cppo::advantage(lent_.advantage),
                               cppo::token_id(sampled),
                               cppo::top_k(lists.k, lists.ids, lists.log_prob, lists.rollout_log_prob));
  }

  void add_top_k(json& r) const {
    if (params_.number("rest_floor") != 1e-12) throw unsupported("the floor of the rest category is fixed at 1e-12");
    token_lists<Real> lists;
    lists.k = params_.count("k");
    lists.ids = inputs_.ids("topk_ids", n_ * lists.k);
    lists.log_prob = inputs_.template numbers<Real>("topk_logp_new", n_ * lists.k);
    lists.rollout_log_prob = inputs_.template numbers<Real>("topk_logp_old", n_ * lists.k);
    std::vector<index_t> const sampled = inputs_.ids("sampled_id", n_);
    auto const batch = lend(lists, sampled);
    r["tv_topk"] = evaluate(batch, "top_k_tv_list");
    r["kl_topk"] = evaluate(batch, "top_k_kl_list");
    r["tv_topk_plus_sampled"] = evaluate(batch, "top_k_tv");
    r["kl_topk_plus_sampled"] = evaluate(batch, "top_k_kl");
    r["tv_topk_replace_last"] = evaluate(batch, "top_k_tv_replace_last");
    r["kl_topk_replace_last"] = evaluate(batch, "top_k_kl_replace_last");
  }

  /// Over the whole vocabulary, from both rows of logits.
  void add_full(json& r) const {
    index_t const ids = params_.count("vocab");
    if (ids == 0) throw format_error("\"vocab\" must be positive where logits are given");
    std::vector<float> const pi = inputs_.template numbers<float>("logits_new", n_ * ids);
    std::vector<float> const mu = inputs_.template numbers<float>("logits_old", n_ * ids);
    auto const slots = static_cast<std::size_t>(n_);
    std::vector<double> pi_total(slots), mu_total(slots);
    std::vector<Real> tv(slots), kl(slots);
    auto const pi_rows = cppo::logit_batch(lent_.shape.all(), cppo::logits(ids, pi));
    auto const mu_rows = cppo::logit_batch(lent_.shape.all(), cppo::logits(ids, mu));
    require_ok(cppo::log_probs(row_executor(), pi_rows, {.log_sum_exp = pi_total}));
    require_ok(cppo::log_probs(row_executor(), mu_rows, {.log_sum_exp = mu_total}));
    require_ok(cppo::full_divergences(row_executor(), pi_rows, pi_total,
                                      {.logits = mu_rows.logits(), .log_sum_exp = mu_total}, {.tv = tv, .kl = kl}));
    r["tv_full"] = to_json(tv);
    r["kl_full"] = to_json(kl);
  }
  /// The executor of the run, or the plain loop where that does not read logits.
  auto row_executor() const {
    if constexpr (cppo::detail::reads_logits<Executor>) return executor_;
    else return cppo::seq;
  }

  Executor executor_;
  object_reader params_, inputs_;
  index_t n_;
  lent_case<Real> lent_;
};

}  // namespace conformance
