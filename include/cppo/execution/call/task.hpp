/// @file
/// One call, checked and ready to run: what every executor is handed.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/narrowing.hpp>
#include <cppo/objective/report.hpp>
#include <cppo/objective/surrogate.hpp>
#include <cppo/region/trust_region.hpp>

#include <array>
#include <span>

namespace cppo { inline namespace CPPO_ABI {

/// A buffer to write: pointer, container or view of float, double, half or bfloat16. A mask may be bool or any integer
/// too, a trace of decisions any integer.
class output {
 public:
  constexpr output() noexcept = default;
  /// Lends a buffer. A bare pointer is written in the layout's order, a view by its own strides.
  template <detail::lendable T>
  constexpr output(T&& x) noexcept : source_(detail::make_buffer(static_cast<T&&>(x))) {
    static_assert(!std::is_const_v<detail::pointee<T>>, "an output must be writable: lend elements that are not const");
  }
  /// Never: it says what to do.
  template <class T>
    requires detail::only_lent_by_as_view<std::remove_cvref_t<T>>
  constexpr output(T&&) noexcept {
    static_assert(!std::is_same_v<T, T>,
                  "lend an Eigen object as as_view(x) of <cppo/interop/eigen.hpp>, which knows its strides");
  }
  /// What was lent.
  constexpr detail::buffer const& source() const noexcept { return source_; }

 private:
  detail::buffer source_;
};

/// Per-token record of how decisions came about; every member is optional. Excluded slots get 0.
struct token_trace {
  output divergence = {};           ///< D_t
  output weight = {};               ///< w_t
  output weighted_divergence = {};  ///< Z_t
  output prefix_drift = {};         ///< S_{t-1}
  output prefix_weight = {};        ///< W_{t-1}
  output threshold = {};            ///< c_t [Eq. 8]
  output excess = {};               ///< x_t of the mask [Eq. 19]; 0 for tokens kept as toward mu
  output decision = {};             ///< number of the `cppo::decision`
};

/// What a call may produce; every member is optional.
struct loss_outputs {
  output loss = {};      ///< token losses, scaled: they add up to `report.loss()`
  output gradient = {};  ///< d loss / d log pi of each token
  output mask = {};      ///< M_t, 0 or 1
  output gate = {};      ///< what multiplies the token: M_t, or g(x_t) under a soft gate
  token_trace trace = {};                     ///< how each decision came about
  cppo::report* report = nullptr;        ///< diagnostics
};

/// What t and T mean in the weight schedule.
enum class position_convention : std::uint8_t {
  own_length,     ///< t and T count the valid tokens of the response: the paper's (default)
  fixed_horizon,  ///< t counts valid tokens, T is `loss_options::horizon`
  padded_column,  ///< t is the column, T the padded width: parity with trainers that do so; padded layout only
};

/// Carries or totals, one per piece, lent as to a std::span<T const>; but not by a temporary that owns them.
template <class T>
class piece_span : public std::span<T const> {
 public:
  constexpr piece_span() noexcept = default;
  /// `n` of them from `first` on.
  constexpr piece_span(T const* first, std::size_t n) noexcept : std::span<T const>(first, n) {}
  /// Those of a container or a span.
  template <class Range>
    requires(!std::is_same_v<std::remove_cvref_t<Range>, piece_span> &&
             std::is_constructible_v<std::span<T const>, Range &&>)
  constexpr piece_span(Range&& r) noexcept : std::span<T const>(static_cast<Range&&>(r)) {
    detail::must_outlive<Range>();
  }
};

/// How a call runs.
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
};

namespace detail {

/// The numbered outputs of a task.
enum class sink : std::uint8_t {
  loss, gradient, mask, gate, divergence, weight, weighted, drift, prefix_weight, threshold, excess, decision, count
};
inline constexpr int sinks = static_cast<int>(sink::count);

/// An output as its caller names it.
struct named_output {
  output const* lent;
  argument where;
  char const* member = nullptr;  ///< of the trace
};
/// The outputs, by sink.
constexpr std::array<named_output, sinks> named_outputs(loss_outputs const& o) noexcept {
  token_trace const& t = o.trace;
  return {{{&o.loss, argument::loss}, {&o.gradient, argument::gradient}, {&o.mask, argument::mask},
           {&o.gate, argument::gate}, {&t.divergence, argument::trace, "trace.divergence"},
           {&t.weight, argument::trace, "trace.weight"},
           {&t.weighted_divergence, argument::trace, "trace.weighted_divergence"},
           {&t.prefix_drift, argument::trace, "trace.prefix_drift"},
           {&t.prefix_weight, argument::trace, "trace.prefix_weight"},
           {&t.threshold, argument::trace, "trace.threshold"}, {&t.excess, argument::trace, "trace.excess"},
           {&t.decision, argument::trace, "trace.decision"}}};
}

/// What one token leaves behind.
template <class Real>
struct token_record {
  Real values[sinks] = {};
  CPPO_HOST_DEVICE constexpr Real& operator[](sink s) noexcept { return values[static_cast<int>(s)]; }
};

/// The finite numbers from `low`, at most -0, to `high`, at least +0.
template <class Real>
struct number_range {
  Real low = -special<Real>::largest;
  Real high = special<Real>::largest;
};

/// The log-probs that options accept at an active token, in the arithmetic of the call; any options make a range.
template <class Real>
constexpr number_range<Real> log_prob_range(loss_options const& o) noexcept {
  constexpr auto largest = static_cast<double>(special<Real>::largest);
  double const low = o.log_prob_floor >= 0.0 ? -0.0 : o.log_prob_floor, high = o.log_prob_tolerance;
  double const tolerance = high > 0.0 ? (high < 1.0 ? high : 1.0) : 0.0;  // never -0
  return {static_cast<Real>(low > -largest ? low : -largest), static_cast<Real>(tolerance)};
}

/// A checked call. Trivially copyable: a kernel argument.
template <class Real, class Region>
struct task {
  rollout_batch_view<Real> batch;
  Region region;
  column out[sinks] = {};
  surrogate<Real> objective;
  aggregation aggregate = aggregation::token_sum;
  position_convention positions = position_convention::own_length;
  on_bad_input bad_input = on_bad_input::reject;
  index_t horizon = 0;
  double normalizer = 0.0;
  double divisor = 1.0;
  number_range<Real> log_probs{};
  prefix_sums const* carries = nullptr;
  response_summary const* totals = nullptr;
  bool reports = false;

  CPPO_HOST_DEVICE constexpr bool wants_trace() const noexcept {
    for (int s = static_cast<int>(sink::divergence); s < sinks; ++s) {
      if (out[s].lent()) return true;
    }
    return false;
  }
  /// Does anything have to be known of the whole batch before the first token is written?
  CPPO_HOST_DEVICE constexpr bool needs_sweep() const noexcept {
    return (needs_counts(aggregate) && normalizer == 0.0) || positions == position_convention::fixed_horizon ||
           totals != nullptr;
  }
  /// Tokens of the response that come before slot 0 of response b: those of earlier pieces.
  CPPO_HOST_DEVICE constexpr index_t tokens_before(index_t b) const noexcept {
    return carries != nullptr ? carries[b].count : 0;
  }
  /// What `tokens` valid tokens of response b count as. A response is counted where it begins: once, however it is cut.
  CPPO_HOST_DEVICE constexpr batch_counts counts(index_t b, index_t tokens) const noexcept {
    return {tokens, tokens > 0 && tokens_before(b) == 0 ? 1 : 0};
  }
  /// T as the weight schedule sees it.
  CPPO_HOST_DEVICE constexpr index_t schedule_length(index_t own) const noexcept {
    if (positions == position_convention::fixed_horizon) return horizon;
    return positions == position_convention::padded_column ? batch.shape().width() : own;
  }
  /// What divides the sums of the report.
  CPPO_HOST_DEVICE constexpr loss_scaling scaling() const noexcept {
    index_t const by_horizon = aggregate == aggregation::seq_mean_token_sum_norm ? horizon : 0;
    return {.aggregate = aggregate, .known = true, .horizon = by_horizon, .normalizer = normalizer};
  }
  /// What divides a response's share of them.
  CPPO_HOST_DEVICE constexpr double share_of(index_t length) const noexcept {
    return aggregate == aggregation::seq_mean_token_mean && length > 0 ? static_cast<double>(length) : 1.0;
  }
  /// Factor on each token of a response with `length` valid tokens.
  CPPO_HOST_DEVICE constexpr Real scale(index_t length) const noexcept { return scale(length, divisor); }
  /// The same where the divisor was found elsewhere.
  CPPO_HOST_DEVICE constexpr Real scale(index_t length, double by) const noexcept {
    return static_cast<Real>(scale_of(aggregate, by, length, static_cast<double>(horizon)));
  }
  /// f(count) for each number of a token's record that an output of fewer bits cannot hold.
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Count, class F>
  CPPO_HOST_DEVICE constexpr void each_narrowed(token_counts<Count>& n, token_record<Real> const& record, F const& f) const noexcept {
    for (int s = 0; s < sinks; ++s) {
      if (!out[s].lent() || !narrows<Real>(out[s].type)) continue;
      narrowing const as(out[s].type);
      if (as.overflows(record.values[s])) f(n.stored_infinite);
      if (as.vanishes(record.values[s])) f(n.stored_zero);
    }
  }
  /// Writes the record of slot i of response b to every output that was lent.
  CPPO_HOST_DEVICE constexpr void write(index_t b, index_t i, token_record<Real> const& record) const noexcept {
    for (int s = 0; s < sinks; ++s) {
      if (out[s].lent()) {
        store(const_cast<void*>(out[s].data), out[s].type, out[s].offset(batch.shape(), b, i), record.values[s]);
      }
    }
  }
  /// Writes +0 to every output that was lent at the slots of no response, of which a capacity has `layout::spare()`:
  /// number `first` of them and every `step`-th after it.
  CPPO_HOST_DEVICE constexpr void clear_spare(index_t first, index_t step) const noexcept {
    layout const& l = batch.shape();
    index_t const n = l.spare();
    for (index_t k = first; k < n; k += step) {
      for (column const& c : out) {
        if (c.lent()) store(const_cast<void*>(c.data), c.type, l.spare_slot(k) * c.token_stride, Real(0));
      }
    }
  }
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
