/// @file
/// What a call has to say: counts and sums that add up over micro-batches and ranks. [Fig. 7]
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>
#include <cppo/objective/aggregation.hpp>

namespace cppo::inline CPPO_ABI {

/// Diagnostics of one call, all over valid tokens. `a + b` is the report of both batches together; means are formed by
/// the member functions only, and are 0 where there is nothing to average.
///
/// Sums run over 16 interleaved lanes of each response: blocks of 256 tokens in the arithmetic of the call (at most 16
/// terms of a lane), then in double, lanes in a fixed tree; 256 responses in order make a block, blocks follow in order:
/// the same bits on every executor, at every thread count.
struct report {
  static constexpr int bins = 20;  ///< histogram bins over relative position t/T

  batch_counts counts;               ///< valid tokens, responses that begin in this call
  index_t kept = 0;                  ///< M_t = 1
  index_t kept_toward = 0;           ///< kept, and moving toward mu in a region that has that clause
  index_t masked_ratio = 0;          ///< masked by a ratio interval
  index_t masked_divergence = 0;     ///< masked, w_t D_t > delta
  index_t masked_budget = 0;         ///< masked by the prefix budget, and by no threshold on w_t D_t
  index_t masked_response = 0;       ///< masked with the whole response
  index_t masked_other = 0;          ///< masked by a user's clause
  index_t clamped = 0;               ///< tokens whose log ratio was clamped
  index_t capped = 0;                ///< tokens whose ratio was capped
  index_t bad_tokens = 0;            ///< active slots with bad input
  index_t rejected_responses = 0;    ///< responses left out because of it
  index_t position_tokens[bins] = {};  ///< tokens by relative position: bin floor(20 (t - 1)/T)
  index_t position_masked[bins] = {};  ///< masked tokens by relative position

  double loss = 0.0;            ///< sum of scaled token losses: the aggregated loss
  double sum_divergence = 0.0;  ///< sum of D_t
  double sum_weighted = 0.0;    ///< sum of Z_t
  double sum_gate = 0.0;        ///< sum of gate values (kept tokens count 1)
  double sum_ratio = 0.0;       ///< sum of rho_t, after the clamp
  double sum_k1 = 0.0;          ///< sum of -log rho_t, after the clamp
  double sum_k3 = 0.0;          ///< sum of rho_t - 1 - log rho_t, after the clamp
  double sum_delta_b = 0.0;     ///< sum over responses of the effective delta_b
  double max_divergence = 0.0;  ///< max of D_t
  double max_ratio = 0.0;       ///< max of rho_t, after the clamp
  double min_delta_b = 0.0;     ///< smallest effective delta_b
  double max_delta_b = 0.0;     ///< largest

  /// Valid tokens that were masked.
  CPPO_HOST_DEVICE constexpr index_t masked() const noexcept { return counts.tokens - kept; }
  /// Share of valid tokens that were masked.
  CPPO_HOST_DEVICE constexpr double masked_fraction() const noexcept { return share(masked(), counts.tokens); }
  /// Share of masked tokens that only the prefix budget rejected. [Fig. 7]
  CPPO_HOST_DEVICE constexpr double budget_mask_share() const noexcept { return share(masked_budget, masked()); }
  /// Share of valid tokens kept by the toward-mu clause.
  CPPO_HOST_DEVICE constexpr double toward_fraction() const noexcept { return share(kept_toward, counts.tokens); }
  /// Mean of D_t.
  CPPO_HOST_DEVICE constexpr double mean_divergence() const noexcept { return per_token(sum_divergence); }
  /// Mean of Z_t.
  CPPO_HOST_DEVICE constexpr double mean_weighted() const noexcept { return per_token(sum_weighted); }
  /// Mean of rho_t.
  CPPO_HOST_DEVICE constexpr double mean_ratio() const noexcept { return per_token(sum_ratio); }
  /// Mean gate value.
  CPPO_HOST_DEVICE constexpr double mean_gate() const noexcept { return per_token(sum_gate); }
  /// Estimate of KL(mu || pi) by k1.
  CPPO_HOST_DEVICE constexpr double kl_k1() const noexcept { return per_token(sum_k1); }
  /// Estimate of KL(mu || pi) by k3.
  CPPO_HOST_DEVICE constexpr double kl_k3() const noexcept { return per_token(sum_k3); }
  /// Mean effective delta_b over responses with a valid token. [Fig. 7]
  CPPO_HOST_DEVICE constexpr double mean_delta_b() const noexcept {
    return counts.responses > 0 ? sum_delta_b / static_cast<double>(counts.responses) : 0.0;
  }
  /// Masked share in histogram bin `i`, 0 <= i < bins.
  CPPO_HOST_DEVICE constexpr double masked_fraction_at(int i) const noexcept {
    return share(position_masked[i], position_tokens[i]);
  }

  /// Adds the report of another batch (micro-batches, ranks).
  CPPO_HOST_DEVICE constexpr report& operator+=(report const& b) noexcept {
    report& a = *this;
    a.take_extremes(b);
    a.counts = a.counts + b.counts;
    a.kept += b.kept;
    a.kept_toward += b.kept_toward;
    a.masked_ratio += b.masked_ratio;
    a.masked_divergence += b.masked_divergence;
    a.masked_budget += b.masked_budget;
    a.masked_response += b.masked_response;
    a.masked_other += b.masked_other;
    a.clamped += b.clamped;
    a.capped += b.capped;
    a.bad_tokens += b.bad_tokens;
    a.rejected_responses += b.rejected_responses;
    for (int i = 0; i < bins; ++i) {
      a.position_tokens[i] += b.position_tokens[i];
      a.position_masked[i] += b.position_masked[i];
    }
    a.loss += b.loss;
    a.sum_divergence += b.sum_divergence;
    a.sum_weighted += b.sum_weighted;
    a.sum_gate += b.sum_gate;
    a.sum_ratio += b.sum_ratio;
    a.sum_k1 += b.sum_k1;
    a.sum_k3 += b.sum_k3;
    a.sum_delta_b += b.sum_delta_b;
    return a;
  }
  /// The part of `+=` that is no sum; before the counts are added.
  CPPO_HOST_DEVICE constexpr void take_extremes(report const& b) noexcept {
    report& a = *this;
    // Which side has nothing to say: tokens may come without a response, in a piece that does not begin one.
    bool const first = a.counts.responses == 0, second = b.counts.responses == 0;
    a.min_delta_b = first ? b.min_delta_b : second ? a.min_delta_b : smaller(a.min_delta_b, b.min_delta_b);
    a.max_delta_b = first ? b.max_delta_b : second ? a.max_delta_b : larger(a.max_delta_b, b.max_delta_b);
    if (a.counts.tokens == 0) a.max_divergence = b.max_divergence;
    else if (b.counts.tokens > 0) a.max_divergence = larger(a.max_divergence, b.max_divergence);
    a.max_ratio = larger(a.max_ratio, b.max_ratio);
  }
  /// The report of both batches together.
  CPPO_HOST_DEVICE friend constexpr report operator+(report a, report const& b) noexcept { return a += b; }

 private:
  CPPO_HOST_DEVICE static constexpr double share(index_t part, index_t whole) noexcept {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
  }
  CPPO_HOST_DEVICE constexpr double per_token(double sum) const noexcept {
    return counts.tokens > 0 ? sum / static_cast<double>(counts.tokens) : 0.0;
  }
  CPPO_HOST_DEVICE static constexpr double smaller(double a, double b) noexcept { return b < a ? b : a; }
  CPPO_HOST_DEVICE static constexpr double larger(double a, double b) noexcept { return b > a ? b : a; }
};

}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
