/// @file
/// Sums for reports, with the same bits at every register width and number of threads.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/task.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A chunk has this many tokens. Their values are added in their own type, and chunks in double.
inline constexpr index_t sum_chunk = 256;

/// 16 interleaved partial sums. Token r of a response, from 0, goes to lane r mod 16. Each lane of a chunk is summed in
/// Real, the chunks of a lane in double, and the lanes in a fixed tree.
template <class Real>
struct lane_sums {
  static constexpr int width = 16;
  alignas(64) Real partial[width] = {};
  alignas(64) double lanes[width] = {};

  CPPO_HOST_DEVICE constexpr void add(index_t rank, Real x) noexcept {
    partial[rank % width] += x;
    if (rank % sum_chunk == sum_chunk - 1) settle();
  }
  /// Ends a chunk.
  CPPO_HOST_DEVICE constexpr void settle() noexcept {
    for (int j = 0; j < width; ++j) lanes[j] += static_cast<double>(partial[j]);
    for (int j = 0; j < width; ++j) partial[j] = Real(0);
  }
  CPPO_HOST_DEVICE constexpr double total() const noexcept {
    double t[8];
    for (int j = 0; j < 8; ++j)
      t[j] = (lanes[j] + static_cast<double>(partial[j])) + (lanes[j + 8] + static_cast<double>(partial[j + 8]));
    for (int j = 0; j < 4; ++j) t[j] += t[j + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
  }
};

/// The double sums of a response's report.
template <class Real>
struct report_sums {
#define CPPO_DETAIL_EACH(name) lane_sums<Real> name;
  CPPO_TOKEN_SUMS(CPPO_DETAIL_EACH)
#undef CPPO_DETAIL_EACH

  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class F>
  CPPO_HOST_DEVICE constexpr void each(F const& f) noexcept {
#define CPPO_DETAIL_EACH(name) f(name);
    CPPO_TOKEN_SUMS(CPPO_DETAIL_EACH)
#undef CPPO_DETAIL_EACH
  }
  /// Writes the totals into the report. `share` divides the loss.
  CPPO_HOST_DEVICE constexpr void finish(report& r, double share) const noexcept {
#define CPPO_DETAIL_EACH(name) name.total(),
    put_sums(r, {CPPO_TOKEN_SUMS(CPPO_DETAIL_EACH)}, share);
#undef CPPO_DETAIL_EACH
  }
};

/// Histogram bin of position t, 1 <= t <= T: floor(20 (t - 1)/T). Positions past T go to the last bin.
CPPO_HOST_DEVICE constexpr int position_bin(index_t t, index_t length) noexcept {
  index_t const bin = length > 0 ? report::bins * (t - 1) / length : 0;
  return bin < report::bins ? static_cast<int>(bin) : report::bins - 1;
}
/// The first position past `bin`, which is not the last bin.
CPPO_HOST_DEVICE constexpr index_t position_after(int bin, index_t length) noexcept {
  index_t const tokens = (bin + 1) * length;
  // equivalent: the same number by a slower division
  if (tokens < (index_t{1} << 31)) return (static_cast<std::uint32_t>(tokens) + report::bins - 1) / report::bins + 1;
  return (tokens + report::bins - 1) / report::bins + 1;
}

/// What one response adds to the status and the report of a call.
struct response_outcome {
  cppo::report report;
  status first_bad;

  /// Adds what a later response adds.
  CPPO_HOST_DEVICE constexpr void add(response_outcome const& o) noexcept;
};

/// The reports of responses are added up in runs of this many, and then the sums of the runs are added up: a tree of
/// two levels.
inline constexpr index_t fold_width = 256;

/// The number of runs of `fold_width` responses in a call of so many responses; at least one.
constexpr index_t fold_parts(index_t responses) noexcept {
  // equivalent x2: a full run is one either way; one sum of no response more now and then, which adds nothing
  return responses > fold_width ? (responses + fold_width - 1) / fold_width : 1;
}

/// True if the call reports `next`, of a later response, in place of `first`. It reports the first bad place in order;
/// but a piece that is rejected because of another piece is reported only if the call does not hold that one.
CPPO_HOST_DEVICE constexpr bool tells_more(status const& first, status const& next) noexcept {
  if (first.ok()) return !next.ok();
  return first.code == status_code::piece_rejected && !next.ok() && next.code != status_code::piece_rejected;
}

CPPO_HOST_DEVICE constexpr void response_outcome::add(response_outcome const& o) noexcept {
  report += o.report;
  if (tells_more(first_bad, o.first_bad)) first_bad = o.first_bad;
}

/// Adds to a status the number at the place that it names, as the call has read it. Entries of lists are set already.
template <class Real>
CPPO_HOST_DEVICE constexpr void name_value(checked_call<Real> const& t, status& s) noexcept {
  if (s.token < 0 || s.has_value || !t.batch[s.where].lent()) return;
  column const& c = t.batch[s.where];
  bool const mask = s.where == argument::response_mask;
  s.value = mask ? load<double>(c.data, c.type, c.offset(t.batch.shape(), s.response, s.token))
                 : static_cast<double>(t.batch.value(s.where, s.response, s.token));
  s.has_value = true;
}

/// The status of a call, given the first bad place and the whole report. The report gets its scaling here. Each NaN in
/// it becomes the same NaN, because processors differ in the sign of one that they compute.
template <class Real>
CPPO_HOST_DEVICE constexpr status conclude(checked_call<Real> const& t, status const& first_bad, report& all) noexcept {
  report::each_sum([](char const*, double& x) { x = x == x ? x : special<double>::nan; }, all);
  all.scaling = t.scaling();
  if (first_bad.ok()) return all.counts.tokens == 0 ? status{status_code::no_active_tokens} : status{};
  status s = first_bad;
  name_value(t, s);
  s.count = s.code == status_code::piece_rejected ? all.rejected_responses : all.bad_tokens;
  if (t.bad_input == on_bad_input::exclude) s.code = status_code::bad_input_excluded;
  if (t.bad_input == on_bad_input::propagate) s.code = status_code::bad_input_propagated;
  return s;
}

/// Adds up the reports and finds the status of a call, response by response.
struct outcome_fold {
  cppo::report report;   ///< of the runs that have ended
  response_outcome run;  ///< of the run that has not; its status is that of the call so far
  index_t responses = 0;

  CPPO_HOST_DEVICE constexpr void add(response_outcome const& o) noexcept {
    run.add(o);
    end_response();
  }
  /// Called after a response has added itself to `run`.
  CPPO_HOST_DEVICE constexpr void end_response() noexcept {
    if (++responses % fold_width == 0) settle();
  }
  /// Ends a run of responses.
  CPPO_HOST_DEVICE constexpr void settle() noexcept {
    report += run.report;
    run.report = {};
  }
  /// The status of the call. Called after the last response.
  template <class Real>
  CPPO_HOST_DEVICE constexpr status finish(checked_call<Real> const& t) noexcept {
    settle();
    return conclude(t, run.first_bad, report);
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
