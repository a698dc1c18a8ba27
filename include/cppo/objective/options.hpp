/// @file
/// The options of a call and their defaults.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/response_summary.hpp>
#include <cppo/fold/fold_state.hpp>
#include <cppo/objective/aggregation.hpp>
#include <cppo/objective/surrogate.hpp>

#include <span>

namespace cppo { inline namespace CPPO_ABI {

/// What t and T mean in the weight schedule.
enum class position_convention : std::uint8_t {
  own_length,     ///< t and T count the valid tokens of the response: the paper's (default)
  fixed_horizon,  ///< t counts valid tokens, T is `loss_options::horizon`
  padded_column,  ///< t is the column, T the padded width, and halving sums count columns: parity with trainers that do
                  ///< so; padded layout only
};

/// Carries or totals, one per piece, lent as to a std::span<T const>. A temporary that owns them does not compile.
template <class T>
class piece_span : public std::span<T const> {
 public:
  constexpr piece_span() noexcept = default;
  /// `n` values from `first` on.
  constexpr piece_span(T const* first, std::size_t n) noexcept : std::span<T const>(first, n) {}
  /// The values of a container or a span.
  template <class Range>
    requires(!std::is_same_v<std::remove_cvref_t<Range>, piece_span> &&
             std::is_constructible_v<std::span<T const>, Range &&>)
  constexpr piece_span(Range&& r) noexcept : std::span<T const>(static_cast<Range&&>(r)) {
    detail::must_outlive<Range>();
  }
};

/// The options of a call.
struct loss_options {
  aggregation aggregate = aggregation::token_sum;  ///< how token losses become one number
  double normalizer = 0.0;       ///< divisor of the aggregation where the caller knows the global count; 0: this call's
                                 ///< (of a response in pieces, the piece that begins it counts: over ranks, give it).
                                 ///< 1/normalizer must be a normal number of the call's arithmetic
  index_t horizon = 0;           ///< T of `fixed_horizon`, and the divisor of `seq_mean_token_sum_norm`: both need one,
                                 ///< the same for the whole run (a padded width differs from batch to batch)
  surrogate_options surrogate = {};                                    ///< how rho enters the loss
  position_convention positions = position_convention::own_length;    ///< what t and T mean
  on_bad_input bad_input = on_bad_input::reject;                       ///< what to do with NaN and the like
  double log_prob_tolerance = 0.0;  ///< log-probs up to this much above 0 are accepted, for rounded log-softmax values
  double log_prob_floor = -1000.0;  ///< finite log-probs below it are bad input, in lists too: engines write -9999 and
                                    ///< the like for -inf. Below 0; at -inf none is too low
  piece_span<prefix_sums> carries = {};      ///< pieces: sums of everything before each one
  piece_span<response_summary> totals = {};  ///< pieces: totals of the response each belongs to,
                                             ///< which cover what its carry and the piece hold
  piece_span<fold_totals> folds = {};        ///< pieces, under a region with folds: what each must know of them beyond
                                             ///< itself, `piece_plan::folds`
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
