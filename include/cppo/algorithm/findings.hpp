/// @file
/// What can be wrong with a batch, as a sentence each, and the result of a diagnosis.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <span>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

/// What can be wrong with a batch, or with a region on it: bits of `batch_diagnosis::findings`.
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
  below_floor = 1024,       ///< a log-prob below `loss_options::log_prob_floor`: something stands in for -inf
  rollout_zeros = 2048,     ///< log mu is exactly 0 where log pi is not: there are no rollout log-probs
  log_prob_zeros = 4096,    ///< log pi is exactly 0 where log mu is not
  zeros_on_both_sides = 8192,     ///< runs of tokens whose log-probs are both exactly 0: padding
  partly_replaced = 16384,        ///< some responses have log mu = log pi to the bit, the others have not
  swapped_policies = 32768,       ///< log pi and log mu are exchanged
  above_rollout = 65536,          ///< log pi is above log mu almost everywhere
  mean_ratio_high = 131072,       ///< the mean ratio is more than six standard errors above 1, beyond all chance
  swapped_extents = 262144,       ///< (T, B) where (B, T) was meant
  missing_input = 524288,         ///< the region reads an input that is not lent
  bad_parameter = 1048576,        ///< a parameter of the region is out of its range
  threshold_out_of_reach = 2097152,  ///< the region has a threshold that no divergence reaches
};

/// The name of a finding, as it is spelled here.
constexpr std::string_view name(finding f) noexcept {
  switch (f) {
    case finding::no_active_tokens: return "no_active_tokens";
    case finding::mask_not_binary: return "mask_not_binary";
    case finding::not_finite: return "not_finite";
    case finding::positive_log_probs: return "positive_log_probs";
    case finding::identical_policies: return "identical_policies";
    case finding::zero_advantages: return "zero_advantages";
    case finding::shifted_by_one: return "shifted_by_one";
    case finding::truncated_sampling: return "truncated_sampling";
    case finding::large_mismatch: return "large_mismatch";
    case finding::bad_shape: return "bad_shape";
    case finding::below_floor: return "below_floor";
    case finding::rollout_zeros: return "rollout_zeros";
    case finding::log_prob_zeros: return "log_prob_zeros";
    case finding::zeros_on_both_sides: return "zeros_on_both_sides";
    case finding::partly_replaced: return "partly_replaced";
    case finding::swapped_policies: return "swapped_policies";
    case finding::above_rollout: return "above_rollout";
    case finding::mean_ratio_high: return "mean_ratio_high";
    case finding::swapped_extents: return "swapped_extents";
    case finding::missing_input: return "missing_input";
    case finding::bad_parameter: return "bad_parameter";
    case finding::threshold_out_of_reach: return "threshold_out_of_reach";
  }
  return "";
}

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
      return "log mu equals log pi everywhere, so no trust region can act: the rollout log-probs were probably "
             "replaced by the trainer's own; lend those of the engine";
    case finding::zero_advantages:
      return "every advantage is 0: groups with equal rewards teach nothing; skip them, or sample groups whose rewards "
             "differ";
    case finding::shifted_by_one:
      return "log mu fits log pi better one token off: one side stores the log-prob of the next token; shift that side "
             "by one (the smaller shifted_gap says which way)";
    case finding::truncated_sampling:
      return "log mu is above log pi almost everywhere: it was renormalised by top-p or top-k; ask the engine for the "
             "untruncated log-probs";
    case finding::large_mismatch:
      return "more than 5 % of the ratios lie outside [0.9, 1.1]: engine and trainer disagree (do both divide by the "
             "temperature?), or the data is stale";
    case finding::bad_shape:
      return "the buffers do not fit the shape (describe(batch.check()) names one), or the offsets lie on a device: "
             "nothing was read";
    case finding::below_floor:
      return "log-probs below log_prob_floor: an engine wrote -9999 or the like for -inf; mask those tokens, or "
             "recompute them";
    case finding::rollout_zeros:
      return "log mu is exactly 0 where log pi is not: these tokens, or whole trajectories, had no rollout log-probs; "
             "mask them, or compute log mu in the trainer before the first update";
    case finding::log_prob_zeros:
      return "log pi is exactly 0 where log mu is not: the trainer computed no log-prob for these tokens; mask them, "
             "or look for what fills its buffer";
    case finding::zeros_on_both_sides:
      return "runs of tokens have log pi and log mu exactly 0: padding, or text that no policy wrote; give it response "
             "mask 0, for each such token has a gradient";
    case finding::partly_replaced:
      return "some responses have log mu equal to log pi to the bit and the others do not: their rollout log-probs "
             "were replaced by the trainer's own, so no trust region can act on them; lend those of the engine";
    case finding::swapped_policies:
      return "log pi and log mu seem to stand in each other's place: the mean of mu/pi is 1 and that of pi/mu is not; "
             "log_prob(...) takes the policy being trained";
    case finding::above_rollout:
      return "log pi is above log mu almost everywhere, where laws that are normalised alike cross: is pi normalised "
             "over fewer tokens than mu, or was it trained on these tokens with advantages above 0 alone?";
    case finding::mean_ratio_high:
      return "the mean of pi/mu is more than six standard errors above 1, its mean under mu: these tokens were not "
             "sampled from this mu, or one side is not normalised; look at engine, weights and temperature";
    case finding::swapped_extents:
      return "rows and columns seem to be exchanged: padded(B, T) takes the number of responses first, and the tokens "
             "of a response lie one after the other";
    case finding::missing_input:
      return "the region reads an input that the batch does not lend: policy_loss refuses the call, and its status "
             "names the input";
    case finding::bad_parameter:
      return "a parameter of the region is out of its range: policy_loss refuses the call, and describe(status) names "
             "the parameter";
    case finding::threshold_out_of_reach:
      return "a threshold or budget of the region is as high as its divergence ever gets (a total variation: 1), or "
             "higher: it masks no token; give it a lower one";
  }
  return "";
}

/// A finding, and how many active tokens it explains.
struct ranked_finding {
  finding what = finding{};  ///< what was found
  index_t tokens = 0;        ///< how many tokens show it, and do not show because of another finding
};

/// The result of `diagnose`: the findings, and the counts over active tokens with finite log-probs that led to them.
struct batch_diagnosis {
  unsigned findings = 0;              ///< bits of `finding`
  index_t tokens = 0;                 ///< active slots
  index_t bad_mask_values = 0;        ///< mask values that are neither 0 nor 1
  index_t not_finite = 0;             ///< active slots with NaN, infinity or a divergence below 0
  index_t positive = 0;               ///< active slots with a positive log-prob and nothing worse
  index_t too_low = 0;  ///< active slots with a log-prob below the floor and nothing worse; no other count has
                        ///< them
  index_t identical = 0;              ///< log mu = log pi
  index_t below = 0;                  ///< log pi < log mu - 1e-4
  index_t above = 0;                  ///< log pi > log mu + 1e-4
  index_t outside_band = 0;           ///< ratio outside [0.9, 1.1]
  index_t rollout_zeros = 0;          ///< log mu = 0 and pi < 0.9
  index_t log_prob_zeros = 0;         ///< log pi = 0 and mu < 0.9
  index_t zeros_on_both_sides = 0;    ///< log mu = log pi = 0
  index_t replaced = 0;               ///< tokens of responses with log mu = log pi throughout, where others have not
  index_t nonzero_advantages = 0;     ///< A != 0
  double mean_abs_log_ratio = 0.0;    ///< mean |log pi - log mu|, nats
  double max_abs_log_ratio = 0.0;     ///< largest, nats
  double shifted_gap[2] = {0.0, 0.0}; ///< mean |log pi_t - log mu_{t-1}| and |log pi_t - log mu_{t+1}| inside responses
  double mean_ratio = 0.0;  ///< mean pi/mu, log-ratios clamped to [-20, 20]; without log-probs that are missing
  double ratio_errors = 0.0;          ///< by how many standard errors it is above 1
  double inverse_errors = 0.0;        ///< the same of the mean mu/pi

  /// True if this was found.
  constexpr bool has(finding f) const noexcept { return (findings & static_cast<unsigned>(f)) != 0U; }
  /// True if nothing was found.
  constexpr bool clean() const noexcept { return findings == 0U; }
  /// The findings, sorted: the more tokens a finding explains, the earlier it stands. Of two that explain as many, a
  /// cause stands before its consequences. What one finding explains is not searched for others: tokens whose log-probs
  /// are missing, say, are no sign of a mean ratio that is too high.
  constexpr std::span<ranked_finding const> ranked() const noexcept {
    return {ranked_, static_cast<std::size_t>(count_)};
  }

  /// Adds a finding after those that explain more tokens. `add_first` puts it before those that explain as many, `add`
  /// after them. Used by `diagnose`.
  /// @{
  constexpr void add(finding f, index_t its_tokens) noexcept { insert(f, its_tokens, its_tokens); }
  constexpr void add_first(finding f, index_t its_tokens) noexcept { insert(f, its_tokens, its_tokens + 1); }
  /// @}

 private:
  /// Adds a finding after those of `least` tokens or more.
  constexpr void insert(finding f, index_t its_tokens, index_t least) noexcept {
    if (has(f)) return;
    findings |= static_cast<unsigned>(f);
    int at = count_++;
    for (; at > 0 && ranked_[at - 1].tokens < least; --at) ranked_[at] = ranked_[at - 1];
    ranked_[at] = {f, its_tokens};
  }

  int count_ = 0;
  ranked_finding ranked_[22] = {};
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
