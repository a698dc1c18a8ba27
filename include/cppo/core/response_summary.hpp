/// @file
/// What must be known of a whole response before its first token can be decided.
#pragma once

#include <cppo/core/prefix_sums.hpp>

namespace cppo::inline CPPO_ABI {

/// Totals of one response, and of one piece of it: `combine` adds pieces up in any order. The effective budget is
/// resolved once from all of them.
struct response_summary {
  index_t length = 0;                ///< T: valid tokens
  double max_divergence = 0.0;       ///< max_t D_t (0 for an empty response)
  exact_sum divergence_sum;          ///< sum of D_t
  double delta_b = 0.0;              ///< effective prefix-average budget
  index_t bad_tokens = 0;            ///< pieces: active slots with bad input; under `reject` the whole response is out

  /// Mean of D_t, 0 for an empty response.
  CPPO_HOST_DEVICE constexpr double mean_divergence() const noexcept {
    return length > 0 ? divergence_sum.value() / static_cast<double>(length) : 0.0;
  }
};

/// Totals of two pieces of one response; delta_b is left to be resolved.
CPPO_HOST_DEVICE constexpr response_summary combine(response_summary const& a, response_summary const& b) noexcept {
  bool const first = a.length > 0 && (b.length == 0 || a.max_divergence >= b.max_divergence);
  return {a.length + b.length, first ? a.max_divergence : b.max_divergence, a.divergence_sum + b.divergence_sum, 0.0,
          a.bad_tokens + b.bad_tokens};
}

}  // namespace cppo::inline CPPO_ABI
