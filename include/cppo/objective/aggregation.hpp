/// @file
/// From the losses of tokens to the loss of a batch.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>
#include <cppo/core/types.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// How token losses become one number. A response without a valid token, or a rejected one, adds nothing and is not
/// counted. A response in pieces is counted once, with the piece that holds its first valid token.
enum class aggregation : std::uint8_t {
  token_sum,                ///< sum over tokens, no divisor of its own (default)
  token_mean,               ///< sum / number of valid tokens of the batch
  seq_mean_token_sum,       ///< sum / number of responses with a valid token
  seq_mean_token_mean,      ///< mean over those responses of each response's mean
  seq_mean_token_sum_norm,  ///< seq_mean_token_sum / `loss_options::horizon`, which must be given
};

using enum aggregation;

/// The counts that divisors are made of. They add up over micro-batches and ranks.
struct batch_counts {
  index_t tokens = 0;     ///< valid tokens
  index_t responses = 0;  ///< responses whose first valid token is among these

  /// Counts of two parts of a batch together.
  CPPO_HOST_DEVICE friend constexpr batch_counts operator+(batch_counts a, batch_counts b) noexcept {
    return {a.tokens + b.tokens, a.responses + b.responses};
  }
};

/// True if the divisor depends on counts over the whole batch.
CPPO_HOST_DEVICE constexpr bool needs_counts(aggregation a) noexcept { return a != aggregation::token_sum; }

/// The divisor of a batch's sum. Counts of 0 give 1, so that an empty batch has loss 0, not NaN.
CPPO_HOST_DEVICE constexpr double divisor(aggregation a, batch_counts n) noexcept {
  if (a == aggregation::token_sum) return 1.0;
  index_t const count = a == aggregation::token_mean ? n.tokens : n.responses;
  return count > 0 ? static_cast<double>(count) : 1.0;  // equivalent: a count of 1 is 1.0 either way
}

/// What divides the sum of the losses of a call, or of several: their counts are added first, then the sum is divided.
struct loss_scaling {
  aggregation aggregate = aggregation::token_sum;  ///< aggregation of the call
  bool known = false;       ///< false for no call, as in a report `{}`
  std::uint8_t unused[6] = {};  ///< in place of padding: reports may be compared by their bytes
  index_t horizon = 0;      ///< the horizon of `seq_mean_token_sum_norm`; 0 under any other
  double normalizer = 0.0;  ///< as given; 0: counts divide; NaN: sum of calls that were scaled differently

  /// The divisor of a sum over `n`.
  CPPO_HOST_DEVICE constexpr double divisor(batch_counts n) const noexcept {
    double const by = normalizer == 0.0 ? cppo::divisor(aggregate, n) : normalizer;
    return horizon > 0 ? by * static_cast<double>(horizon) : by;
  }
  /// The scaling of two calls together. Calls that were scaled differently have none: its normalizer is NaN.
  CPPO_HOST_DEVICE friend constexpr loss_scaling operator+(loss_scaling const& a, loss_scaling const& b) noexcept {
    if (!a.known) return b;
    if (!b.known) return a;
    bool const same = a.aggregate == b.aggregate && a.horizon == b.horizon && a.normalizer == b.normalizer;
    return same ? a : loss_scaling{.known = true, .normalizer = detail::special<double>::nan};
  }
};

/// The factor on every token of a response of `length` valid tokens: 1/divisor, times 1/length or 1/horizon where the
/// aggregation has it.
CPPO_HOST_DEVICE constexpr double scale_of(aggregation a, double divisor, index_t length, double horizon) noexcept {
  if (a == aggregation::seq_mean_token_mean) return length > 0 ? 1.0 / (divisor * static_cast<double>(length)) : 0.0;
  if (a == aggregation::seq_mean_token_sum_norm) return 1.0 / (divisor * horizon);
  return 1.0 / divisor;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
