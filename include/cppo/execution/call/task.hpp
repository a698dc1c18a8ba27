/// @file
/// One call, checked and ready to run, as every executor is given it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/narrowing.hpp>
#include <cppo/execution/call/fold_columns.hpp>
#include <cppo/objective/options.hpp>
#include <cppo/objective/outputs.hpp>
#include <cppo/region/trust_region.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The outputs of one token.
template <class Real>
struct token_record {
  Real values[sinks] = {};
  CPPO_HOST_DEVICE constexpr Real& operator[](sink s) noexcept { return values[static_cast<int>(s)]; }
};

/// The finite numbers from `low` to `high`, where low <= -0 and high >= +0.
template <class Real>
struct number_range {
  Real low = -special<Real>::largest;
  Real high = special<Real>::largest;
};

/// The log-probs that are valid at an active token, in the arithmetic of the call. Works for any options, checked or
/// not.
template <class Real>
constexpr number_range<Real> log_prob_range(loss_options const& o) noexcept {
  constexpr auto largest = static_cast<double>(special<Real>::largest);
  double const low = o.log_prob_floor >= 0.0 ? -0.0 : o.log_prob_floor, high = o.log_prob_tolerance;
  double const tolerance = high > 0.0 ? (high < 1.0 ? high : 1.0) : 0.0;  // never -0
  return {static_cast<Real>(low > -largest ? low : -largest), static_cast<Real>(tolerance)};
}

/// A checked call without its region, which most of what runs it need not know.
template <class Real>
struct checked_call {
  rollout_batch_view<Real> batch;
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
  fold_columns<Real> folds{};
  index_t fold_totals_lent = 0;

  CPPO_HOST_DEVICE constexpr bool wants_trace() const noexcept {
    for (int s = first_traced; s < sinks; ++s) {
      if (out[s].lent()) return true;
    }
    return false;
  }
  /// True if something must be known of the whole batch before the first token is written.
  CPPO_HOST_DEVICE constexpr bool needs_sweep() const noexcept {
    return (needs_counts(aggregate) && normalizer == 0.0) || positions == position_convention::fixed_horizon ||
           totals != nullptr;
  }
  /// The number of tokens in earlier pieces of the response, before slot 0 of response b.
  CPPO_HOST_DEVICE constexpr index_t tokens_before(index_t b) const noexcept {
    return carries != nullptr ? carries[b].count : 0;
  }
  /// The counts of response b, of `tokens` valid tokens. A response in pieces is counted once, in the piece where it
  /// begins.
  CPPO_HOST_DEVICE constexpr batch_counts counts(index_t b, index_t tokens) const noexcept {
    return {tokens, tokens > 0 && tokens_before(b) == 0 ? 1 : 0};
  }
  /// True if positions are columns.
  CPPO_HOST_DEVICE constexpr bool by_column() const noexcept {
    return positions == position_convention::padded_column;
  }
  /// T as the weight sees it.
  CPPO_HOST_DEVICE constexpr index_t schedule_length(index_t own) const noexcept {
    if (positions == position_convention::fixed_horizon) return horizon;
    return by_column() ? batch.shape().width() : own;
  }
  /// What divides the sums of the report.
  CPPO_HOST_DEVICE constexpr loss_scaling scaling() const noexcept {
    index_t const by_horizon = aggregate == aggregation::seq_mean_token_sum_norm ? horizon : 0;
    return {.aggregate = aggregate, .known = true, .horizon = by_horizon, .normalizer = normalizer};
  }
  /// What divides one response's sums before they are added to the report's.
  CPPO_HOST_DEVICE constexpr double share_of(index_t length) const noexcept {
    return aggregate == aggregation::seq_mean_token_mean && length > 0 ? static_cast<double>(length) : 1.0;
  }
  /// The factor on each token of a response of `length` valid tokens.
  CPPO_HOST_DEVICE constexpr Real scale(index_t length) const noexcept { return scale(length, divisor); }
  /// The same with another divisor of the aggregation.
  CPPO_HOST_DEVICE constexpr Real scale(index_t length, double by) const noexcept {
    return static_cast<Real>(scale_of(aggregate, by, length, static_cast<double>(horizon)));
  }
  /// Calls f(count) for each number of a token's record that an output of fewer bits cannot hold.
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Count, class F>
  CPPO_HOST_DEVICE constexpr void each_narrowed(token_counts<Count>& n, token_record<Real> const& record,
                                                F const& f) const noexcept {
    for (int s = 0; s < sinks; ++s) {
      if (!out[s].lent() || !narrows<Real>(out[s].type)) continue;
      narrowing const as(out[s].type);
      if (as.overflows(record.values[s])) f(n.stored_infinite);
      if (as.vanishes(record.values[s])) f(n.stored_zero);
    }
  }
  /// Writes the record of slot i of response b to every lent output.
  CPPO_HOST_DEVICE constexpr void write(index_t b, index_t i, token_record<Real> const& record) const noexcept {
    for (int s = 0; s < sinks; ++s) {
      if (out[s].lent()) {
        store(const_cast<void*>(out[s].data), out[s].type, out[s].offset(batch.shape(), b, i), record.values[s]);
      }
    }
  }
  /// Writes +0 to every lent output at the slots of no response, numbered from 0 to `layout::spare()`: at number
  /// `first` and every `step`-th after it.
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

/// A checked call. It is trivially copyable: a kernel's argument.
template <class Real, class Region>
struct task : checked_call<Real> {
  Region region;
};

/// The number of folds that a region holds.
template <class Region>
inline constexpr int folds_of = 0;
template <class Region>
  requires requires { Region::folds; }
inline constexpr int folds_of<Region> = Region::folds;
/// True if it holds any.
template <class Region>
inline constexpr bool has_folds = folds_of<Region> > 0;
/// Checks that what pieces must know of folds was given, and nothing where responses are whole.
template <class Real>
constexpr status check_fold_totals(checked_call<Real> const& t, int folds) noexcept {
  index_t const wanted = t.totals != nullptr ? t.batch.shape().responses() * folds : 0;
  if (t.fold_totals_lent == wanted) return {};
  return {.code = status_code::carry_mismatch, .where = argument::carry, .has_value = true,
          .value = static_cast<double>(t.fold_totals_lent), .wanted = wanted, .name = "folds", .range = "entries"};
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
