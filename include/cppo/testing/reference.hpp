/// @file
/// The oracle: computes everything again in double, from the equations. It shares only the batch with the code it
/// tests.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/reference_result.hpp>
#include <cppo/testing/reference_divergence.hpp>

#include <cassert>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// Walks through a batch as Algorithm 1 does.
template <class Real>
class reference_walk {
 public:
  /// Begins a walk over `batch` with the options `o`.
  reference_walk(rollout_batch_view<Real> const& batch, reference_options const& o) : batch_(batch), o_(o) {}

  /// Walks through the batch.
  reference_result run() {
    layout const& l = batch_.shape();
    result_.resize(static_cast<std::size_t>(l.elements()), static_cast<std::size_t>(l.responses()));
    for (index_t b = 0; b < l.responses(); ++b) {
      auto const n = static_cast<index_t>(tokens_of(b).size());
      result_.totals.tokens += n;
      result_.totals.responses += n > 0 ? 1 : 0;
    }
    for (index_t b = 0; b < l.responses(); ++b) response(b);
    return result_;
  }

 private:
  /// What is known of a whole response.
  struct whole {
    std::vector<index_t> slots;
    std::vector<double> divergences;
    double max = 0.0, mean = 0.0, delta_b = 0.0, scale = 1.0;
  };
  /// The numbers of one token.
  struct one {
    index_t b, i;
    double log_prob, log_ratio, advantage, divergence, weight;
    bool toward;
    std::size_t at;
  };

  std::vector<index_t> tokens_of(index_t b) const {
    std::vector<index_t> slots;
    for (index_t i = 0; i < batch_.shape().slots(b); ++i) {
      if (batch_.active(b, i) == 1) slots.push_back(i);
    }
    return slots;
  }

  double read(argument a, index_t b, index_t i, double fallback = 0.0) const {
    double const x = static_cast<double>(batch_.value(a, b, i, static_cast<Real>(fallback)));
    assert(std::isfinite(x));
    return x;
  }

  double resolve_delta_b(std::vector<double> const& divergences) const {
    if (!o_.budget) return 0.0;
    reference_budget const& k = *o_.budget;
    if (!k.calibrated || divergences.empty()) return k.delta_b;
    double const wanted = k.scale * reference_quantile(divergences, k.quantile);
    return std::min(k.ceiling_factor * k.delta_b, std::max(k.delta_b, wanted));  // [Eq. 22]
  }

  double horizon() const { return static_cast<double>(o_.horizon); }

  /// The factor of the aggregation on each token of a response of n tokens.
  double scale(double n) const {
    using enum reference_aggregation;
    auto const count = o_.aggregate == token_mean ? result_.totals.tokens : result_.totals.responses;
    double divisor = o_.aggregate == token_sum || count == 0 ? 1.0 : static_cast<double>(count);
    if (o_.normalizer > 0.0) divisor = o_.normalizer;
    if (o_.aggregate == seq_mean_token_mean) divisor *= n;
    if (o_.aggregate == seq_mean_token_sum_norm) divisor *= horizon();
    return 1.0 / divisor;
  }

  /// w_t of the token of rank t among n. [Eq. 9]
  double weight_at(index_t b, index_t i, index_t t, index_t n) const {
    if (!o_.weights.empty()) return o_.weights[static_cast<std::size_t>(reference_slot(batch_.shape(), b, i))];
    using enum reference_positions;
    auto const at = static_cast<double>(o_.positions == padded_column ? i + 1 : t);
    double const length = o_.positions == own_length      ? static_cast<double>(n)
                          : o_.positions == fixed_horizon ? horizon()
                                                          : static_cast<double>(batch_.shape().width());
    return length > 1.0 ? 1.0 - (1.0 - o_.w_min) * (at - 1.0) / (length - 1.0) : 1.0;
  }

  whole survey(index_t b) const {
    whole r;
    r.slots = tokens_of(b);
    long double sum = 0;
    for (index_t const i : r.slots) {
      r.divergences.push_back(reference_divergence_of(batch_, b, i, o_.divergence));
      sum += r.divergences.back();
    }
    auto const n = static_cast<long double>(r.slots.size());
    r.max = r.divergences.empty() ? 0.0 : *std::max_element(r.divergences.begin(), r.divergences.end());
    r.mean = r.divergences.empty() ? 0.0 : static_cast<double>(sum / n);
    r.delta_b = resolve_delta_b(r.divergences);
    r.scale = scale(static_cast<double>(n));
    return r;
  }

  void response(index_t b) {
    whole const r = survey(b);
    result_.delta_b[static_cast<std::size_t>(b)] = r.delta_b;
    result_.totals.delta_b += r.slots.empty() ? 0.0 : r.delta_b;
    long double s = 0, w = 0;  // S and W over every earlier valid token, kept or not
    for (std::size_t rank = 0; rank < r.slots.size(); ++rank) {
      index_t const i = r.slots[rank];
      auto const t = static_cast<index_t>(rank) + 1;
      one k{.b = b, .i = i, .log_prob = read(argument::log_prob, b, i), .log_ratio = 0.0,
            .advantage = read(argument::advantage, b, i), .divergence = r.divergences[rank],
            .weight = weight_at(b, i, t, static_cast<index_t>(r.slots.size())), .toward = false,
            .at = static_cast<std::size_t>(reference_slot(batch_.shape(), b, i))};
      k.log_ratio = k.log_prob - read(argument::rollout_log_prob, b, i);
      k.toward = k.advantage == 0.0 || k.log_ratio == 0.0 || (k.advantage > 0.0) != (k.log_ratio > 0.0);
      decide(k, r, s, w);
      s += static_cast<long double>(k.weight) * k.divergence;
      w += k.weight;
    }
  }

  /// Decides a token: M_t, x_t and c_t. [Eq. 8-10, Eq. 19]
  void decide(one const& k, whole const& r, long double s, long double w) {
    double const z = k.weight * k.divergence;
    double const rho = std::exp(k.log_ratio);
    reference_comparisons all;
    double c = 1000.0;
    if (o_.ratio) {
      all.demand(o_.ratio->low, rho, o_.ratio->low / rho, decision::masked_ratio);
      all.demand(rho, o_.ratio->high, rho / o_.ratio->high, decision::masked_ratio);
    }
    if (o_.threshold) {
      double const delta = k.advantage > 0.0 ? o_.threshold->high : o_.threshold->low;
      all.demand(z, delta, z / delta, decision::masked_divergence);
      c = std::min(c, delta);
    }
    if (o_.budget) {
      long double const allowance = o_.budget->delta + r.delta_b * w;
      auto const room = static_cast<double>(allowance - s);
      all.demand(z, room, static_cast<double>((s + z) / allowance), decision::masked_budget);
      c = o_.threshold ? std::min(c, room) : room;
    }
    if (o_.response_max) all.demand(r.max, *o_.response_max, r.max / *o_.response_max, decision::masked_response);
    if (o_.response_mean) all.demand(r.mean, *o_.response_mean, r.mean / *o_.response_mean, decision::masked_response);
    record(k, r, s, w, c, all);
  }

  void record(one const& k, whole const& r, long double s, long double w, double c, reference_comparisons const& all) {
    bool const saved = o_.toward && k.toward;
    bool const kept = saved || all.reason == decision::kept;
    reference_result& out = result_;
    out.mask[k.at] = kept ? 1.0 : 0.0;
    out.gate[k.at] = saved ? 1.0 : !o_.soft ? out.mask[k.at] : std::min(1.0, 1.0 / std::max(all.excess, 1.0));
    out.divergence[k.at] = k.divergence;
    out.weight[k.at] = k.weight;
    out.weighted_divergence[k.at] = k.weight * k.divergence;
    out.prefix_drift[k.at] = static_cast<double>(s);
    out.prefix_weight[k.at] = static_cast<double>(w);
    out.threshold[k.at] = c;
    out.excess[k.at] = all.excess;
    // The toward clause is a comparison of signs, exact in any arithmetic: it has no margin.
    out.margin[k.at] = saved ? std::numeric_limits<double>::infinity() : all.margin();
    out.closest[k.at] = saved ? std::numeric_limits<double>::infinity() : all.closest;
    out.reason[k.at] = saved ? decision::kept_toward : all.reason;
    double const factor = k.advantage * read(argument::token_weight, k.b, k.i, 1.0) * r.scale;
    reference_terms const terms = reference_surrogate(o_, k.log_prob, k.log_ratio, factor, out.gate[k.at]);
    out.loss[k.at] = terms.loss;
    out.gradient[k.at] = terms.gradient;
    out.totals.add(out.reason[k.at], k.divergence, out.weighted_divergence[k.at], out.gate[k.at], terms);
  }

  rollout_batch_view<Real> const& batch_;
  reference_options const& o_;
  reference_result result_;
};

/// Mask, loss, gradient and every intermediate quantity of a batch, in double, from the equations.
///
/// Pre: the input is valid at every valid token (finite, log-probs not positive); the oracle does not check it. Cost:
/// O(slots log slots), and it allocates. For tests.
template <class Real>
reference_result reference(rollout_batch_view<Real> const& batch, reference_options const& options) {
  return reference_walk<Real>(batch, options).run();
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
