/// @file
/// What looks wrong in a batch before it is trained on.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/inspect.hpp>

#include <string_view>

namespace cppo::inline CPPO_ABI {

/// Things that a batch can have wrong, as bits of `batch_diagnosis::findings`.
enum class finding : unsigned {
  no_active_tokens = 1,     ///< the response mask is all zero
  mask_not_binary = 2,      ///< a mask value is neither 0 nor 1
  not_finite = 4,           ///< at an active token NaN, infinity or a divergence below 0, in anything that is lent
  positive_log_probs = 8,   ///< a log-prob above 0, in Top-K lists too
  identical_policies = 16,  ///< log mu = log pi everywhere: every divergence is 0, no trust region can act
  zero_advantages = 32,     ///< every advantage is 0: nothing is learned
  shifted_by_one = 64,      ///< log mu fits log pi better one token off
  truncated_sampling = 128, ///< log mu is above log pi almost everywhere: renormalised by top-p or top-k
  large_mismatch = 256,     ///< more than 5 % of the ratios outside [0.9, 1.1]: another temperature, say
  bad_shape = 512,          ///< buffers, offsets and extents do not fit, or a device has the offsets: nothing was read
};

/// One sentence for each finding: what it means and what to do.
constexpr std::string_view sentence(finding f) noexcept {
  switch (f) {
    case finding::no_active_tokens: return "no token is active: check the response mask; loss and gradient would be 0";
    case finding::mask_not_binary: return "the response mask holds values other than 0 and 1: pass a binary mask";
    case finding::not_finite:
      return "NaN or infinite inputs, or divergences below 0, at active tokens: mask them, or recompute them";
    case finding::positive_log_probs:
      return "positive log-probs: compute log-softmax in float, or allow rounding with log_prob_tolerance";
    case finding::identical_policies:
      return "log mu equals log pi everywhere: the rollout log-probs were probably replaced by the trainer's own; no "
             "trust region can act";
    case finding::zero_advantages: return "every advantage is 0: groups with equal rewards teach nothing";
    case finding::shifted_by_one:
      return "log mu fits log pi better one token off: one side stores the log-prob of the next token";
    case finding::truncated_sampling:
      return "log mu is above log pi almost everywhere: it was renormalised by top-p or top-k; ask the engine for the "
             "untruncated log-probs";
    case finding::large_mismatch:
      return "more than 5 % of the ratios lie outside [0.9, 1.1]: engine and trainer disagree (do both divide by the "
             "temperature?), or the data is stale";
    case finding::bad_shape:
      return "the buffers do not fit the shape (batch.check() names one), or a device has the offsets: none was read";
  }
  return "";
}

/// What `diagnose` saw: counts over active tokens with finite log-probs, and the findings they led to.
struct batch_diagnosis {
  unsigned findings = 0;              ///< bits of `finding`
  index_t tokens = 0;                 ///< active slots
  index_t bad_mask_values = 0;        ///< mask values that are neither 0 nor 1
  index_t not_finite = 0;             ///< active slots with NaN, infinity or a divergence below 0
  index_t positive = 0;               ///< active slots with a positive log-prob and nothing worse
  index_t identical = 0;              ///< log mu = log pi
  index_t below = 0;                  ///< log pi < log mu - 1e-4
  index_t outside_band = 0;           ///< ratio outside [0.9, 1.1]
  index_t nonzero_advantages = 0;     ///< A != 0
  double mean_abs_log_ratio = 0.0;    ///< mean |log pi - log mu|, nats
  double max_abs_log_ratio = 0.0;     ///< largest, nats
  double shifted_gap[2] = {0.0, 0.0}; ///< mean |log pi_t - log mu_{t-1}| and |log pi_t - log mu_{t+1}| inside responses

  /// Was this found?
  constexpr bool has(finding f) const noexcept { return (findings & static_cast<unsigned>(f)) != 0U; }
  /// Nothing was found.
  constexpr bool clean() const noexcept { return findings == 0U; }
};

namespace detail {

/// Sums behind a diagnosis.
struct diagnosis_sums {
  double gap = 0.0;
  double shifted[2] = {0.0, 0.0};
  index_t finite = 0;
  index_t pairs = 0;
};

/// Looks at one active token with finite inputs; `previous` is the one before it in its response, if any.
inline void diagnose_token(batch_diagnosis& d, diagnosis_sums& s, double pi, double mu, double const* previous) noexcept {
  double const gap = pi > mu ? pi - mu : mu - pi;
  ++s.finite;
  s.gap += gap;
  if (gap > d.max_abs_log_ratio) d.max_abs_log_ratio = gap;
  d.identical += pi == mu ? 1 : 0;
  d.below += pi < mu - 1e-4 ? 1 : 0;
  d.outside_band += pi - mu > 0.09531017980432493 || pi - mu < -0.10536051565782628 ? 1 : 0;  // log 1.1, log 0.9
  if (previous != nullptr) {
    ++s.pairs;
    double const back = pi - previous[1];
    double const ahead = previous[0] - mu;
    s.shifted[0] += back < 0.0 ? -back : back;
    s.shifted[1] += ahead < 0.0 ? -ahead : ahead;
  }
}

/// From counts to findings.
inline void conclude(batch_diagnosis& d, diagnosis_sums const& s) noexcept {
  auto const find = [&d](bool is, finding f) { d.findings |= is ? static_cast<unsigned>(f) : 0U; };
  auto const n = static_cast<double>(s.finite);
  if (s.finite > 0) d.mean_abs_log_ratio = s.gap / n;
  for (int k = 0; k < 2; ++k) d.shifted_gap[k] = s.pairs > 0 ? s.shifted[k] / static_cast<double>(s.pairs) : 0.0;
  find(d.tokens == 0, finding::no_active_tokens);
  find(d.bad_mask_values > 0, finding::mask_not_binary);
  find(d.not_finite > 0, finding::not_finite);
  find(d.positive > 0, finding::positive_log_probs);
  find(s.finite > 0 && d.identical == s.finite, finding::identical_policies);
  find(d.tokens > 0 && d.nonzero_advantages == 0, finding::zero_advantages);
  double const best = d.shifted_gap[0] < d.shifted_gap[1] ? d.shifted_gap[0] : d.shifted_gap[1];
  find(s.pairs >= 16 && best < 0.5 * d.mean_abs_log_ratio, finding::shifted_by_one);
  find(s.finite >= 16 && static_cast<double>(d.below) > 0.9 * n, finding::truncated_sampling);
  find(s.finite > 0 && static_cast<double>(d.outside_band) > 0.05 * n, finding::large_mismatch);
}

}  // namespace detail

/// Looks a batch over before it is trained on. Reads active slots only; writes nothing; O(slots), and
/// O(k slots) with Top-K lists.
template <class Real>
batch_diagnosis diagnose(rollout_batch_view<Real> const& batch) noexcept {
  batch_diagnosis d;
  detail::diagnosis_sums s;
  if (!batch.check().ok() || batch.shape().on_device()) {
    d.findings = static_cast<unsigned>(finding::bad_shape);
    return d;
  }
  for (index_t b = 0; b < batch.shape().responses(); ++b) {
    double previous[2];
    bool has_previous = false;
    for (index_t i = 0; i < batch.shape().slots(b); ++i) {
      std::uint8_t const active = batch.active(b, i);
      d.bad_mask_values += active == 2 ? 1 : 0;
      if (active != 1) continue;
      ++d.tokens;
      Real const pi = batch.value(argument::log_prob, b, i);
      Real const mu = batch.value(argument::rollout_log_prob, b, i);
      Real const a = batch.value(argument::advantage, b, i);
      bool const finite = detail::is_finite(pi) && detail::is_finite(mu);
      if (!detail::inspect_token(batch, detail::log_prob_range<Real>({}), b, i).ok()) {
        bool const positive = detail::inspect_token(batch, detail::number_range<Real>{}, b, i).ok();
        ++(positive ? d.positive : d.not_finite);
      }
      d.nonzero_advantages += a != Real(0) ? 1 : 0;
      if (finite) {
        double const here[2] = {static_cast<double>(pi), static_cast<double>(mu)};
        detail::diagnose_token(d, s, here[0], here[1], has_previous ? previous : nullptr);
        previous[0] = here[0];
        previous[1] = here[1];
      }
      has_previous = finite;
    }
  }
  detail::conclude(d, s);
  return d;
}

}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
