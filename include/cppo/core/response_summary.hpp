/// @file
/// The totals of a response: what must be known of all of it before its first token can be decided.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/prefix_sums.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Totals of one response, or of one piece of it. `combine` adds up pieces in any order; delta_b is resolved once, from
/// all of them.
struct response_summary {
  index_t length = 0;                ///< T: valid tokens
  double max_divergence = 0.0;       ///< max_t D_t (0 for an empty response)
  exact_sum divergence_sum;          ///< sum of D_t
  double delta_b = 0.0;              ///< effective prefix-average budget
  index_t bad_tokens = 0;            ///< pieces: active slots with bad input; under `reject` the whole response is out

  /// Mean of D_t, 0 for an empty response. The mean of equal values is that value, to the bit.
  CPPO_HOST_DEVICE constexpr double mean_divergence() const noexcept {
    return length > 0 ? detail::mean_of(divergence_sum, length) : 0.0;
  }
};

namespace detail {
/// The totals as a budget may ask for them. They must outlive this view, and may be filled in after it is made.
class known_totals {
 public:
  explicit constexpr known_totals(response_summary const&& whole) = delete;
  CPPO_HOST_DEVICE explicit constexpr known_totals(response_summary const& whole) noexcept : whole_(&whole) {}
  /// T
  CPPO_HOST_DEVICE constexpr index_t length() const noexcept { return whole_->length; }
  /// max_t D_t
  CPPO_HOST_DEVICE constexpr double max_divergence() const noexcept { return whole_->max_divergence; }
  /// mean of D_t
  CPPO_HOST_DEVICE constexpr double mean_divergence() const noexcept { return whole_->mean_divergence(); }

 private:
  response_summary const* whole_;
};
}  // namespace detail

/// Totals of two pieces of one response; delta_b is left to be resolved. If one of them is refused (its length is below
/// 0), so is the sum.
CPPO_HOST_DEVICE constexpr response_summary combine(response_summary const& a, response_summary const& b) noexcept {
  bool const first = a.length > 0 && (b.length == 0 || a.max_divergence >= b.max_divergence);
  bool const refused = a.length < 0 || b.length < 0;
  index_t const length = !refused ? a.length + b.length : a.length < b.length ? a.length : b.length;
  return {length, first ? a.max_divergence : b.max_divergence, a.divergence_sum + b.divergence_sum, 0.0,
          a.bad_tokens + b.bad_tokens};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
