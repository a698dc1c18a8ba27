/// @file
/// What a call asks of an executor, as members of its class: they are found whatever was included in which order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/arithmetic.hpp>
#include <cppo/execution/call/executor.hpp>
#include <cppo/execution/call/inspection.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Checks that response b, of `tokens` valid tokens, fits its totals, its carry and the horizon.
template <class Real>
CPPO_HOST_DEVICE constexpr status check_length(checked_call<Real> const& t, index_t b, index_t tokens) noexcept {
  index_t const length = t.totals != nullptr ? t.totals[b].length : tokens;
  index_t const room = length - t.tokens_before(b);
  if (tokens > room) {
    return {.code = status_code::carry_mismatch, .where = argument::carry, .response = b, .count = 1, .has_value = true,
            .value = static_cast<double>(tokens), .wanted = room};
  }
  if (t.positions == position_convention::fixed_horizon && length > t.horizon && tokens > 0) {
    return {.code = status_code::horizon_too_short, .where = argument::options, .response = b, .count = length,
            .has_value = true, .value = static_cast<double>(length), .wanted = t.horizon};
  }
  return {};
}

/// Sets the divisor of the aggregation and finds what only a look at the whole batch can find wrong. Writes no output.
template <class Executor, class Real>
constexpr status prepare(Executor const& executor, checked_call<Real>& t) noexcept {
  t.divisor = t.normalizer > 0.0 ? t.normalizer : 1.0;
  if (!t.needs_sweep()) return {};
  batch_counts n;
  for (index_t b = 0; b < t.batch.shape().responses(); ++b) {
    index_t const tokens = executor.count_tokens(t, b);
    status const fits = check_length(t, b, tokens);
    if (!fits.ok()) return fits;
    n = n + t.counts(b, tokens);
  }
  if (t.normalizer == 0.0) t.divisor = divisor(t.aggregate, n);
  return {};
}

/// The slots of the longest response, which bound how many divergences a call collects; 0 if the totals are lent.
template <class Real>
constexpr index_t longest_collected(checked_call<Real> const& t) noexcept {
  layout const& l = t.batch.shape();
  index_t longest = 0;
  for (index_t b = 0; b < l.responses() && t.totals == nullptr; ++b) {
    if (l.slots(b) > longest) longest = l.slots(b);
  }
  return longest;
}

/// The totals of a response: T, max and mean of D, and delta_b. A piece has them lent. `each(f)` calls f(D) for every
/// token in order; it is used only if the region needs divergences first.
template <class Real, class Region, class Each>
constexpr response_summary summarize(task<Real, Region> const& t, index_t b, index_t tokens, std::vector<Real>& scratch,
                                     Each const& each) {
  if (t.totals != nullptr) return t.totals[b];
  response_summary s;
  scratch.clear();
  s.length = tokens;
  if (asks_for_divergences(t.region)) {
    bool const observes = asks_for(t.region, needs::response), stores = asks_for(t.region, needs::quantile);
    if (stores) scratch.reserve(static_cast<std::size_t>(tokens));
    s.length = 0;
    each([&](Real d) {
      if (observes) observe(s, d);
      else ++s.length;
      if (stores) scratch.push_back(d);
    });
  }
  s.delta_b = t.region.resolve_budget(response_statistics<Real>(s, scratch));
  return s;
}

/// The outcome of a response before its tokens are decided: its counts, and what is wrong with its input.
template <class Real>
CPPO_HOST_DEVICE constexpr response_outcome open_outcome(checked_call<Real> const& t, index_t b,
                                                         response_count const& n) noexcept {
  response_outcome o;
  o.first_bad = n.first_bad;
  o.report.bad_tokens = n.bad;
  o.report.rejected_responses = n.rejected ? 1 : 0;
  o.report.counts = t.counts(b, n.tokens);
  return o;
}

/// Puts delta_b into the report of a response, if the response is counted here.
CPPO_HOST_DEVICE constexpr void report_budget(report& r, double delta_b) noexcept {
  if (r.counts.responses > 0) r.sum_delta_b = r.min_delta_b = r.max_delta_b = delta_b;
}

/// The folds of a call on the host. Defined in execution/call/fold_levels.hpp, which cppo/rules.hpp includes: a region
/// with folds needs that header.
template <class Real, class Region>
struct fold_engine;

/// Writes +0 to every output at every slot of response b.
template <class Real>
constexpr void exclude_response(checked_call<Real> const& t, index_t b) noexcept {
  for (index_t i = 0; i < t.batch.shape().slots(b); ++i) t.write(b, i, {});
}

}  // namespace detail

/// What a call asks of an executor, with the answers of a host. An executor `Self` derives from it, has
/// `execute(task)`, which runs the loop, and replaces the answers that differ.
template <class Self>
class host_executor {
 public:
  /// Checks that the executor can read and write everything that was lent.
  template <class Real>
  constexpr status check_memory(rollout_batch_view<Real> const& batch, loss_outputs const&,
                                loss_options const&) const noexcept {
    return batch.shape().on_device() ? status{status_code::executor_unavailable, argument::offsets} : status{};
  }
  /// True if arithmetic keeps the numeric contract on this thread, now.
  template <class Real>
  bool arithmetic_holds(detail::checked_call<Real> const&) const noexcept {
    return detail::scalars_keep_arithmetic();
  }
  /// The number of valid tokens of response b, 0 if it is rejected.
  template <class Real>
  constexpr index_t count_tokens(detail::checked_call<Real> const& t, index_t b) const noexcept {
    return detail::count_response(t, b).tokens;
  }
  /// Runs a checked call and returns its status.
  template <class Real, class Region>
    requires detail::runs_on_host<Self, Real, Region>
  status run_call(detail::task<Real, Region>& t, report* wanted) const {
    status const given = detail::check_fold_totals(t, detail::values_of_folds(t.region));
    if (!given.ok()) return given;
    if constexpr (detail::has_folds<Region>) {
      auto const decided = [&] { return decide(t, wanted); };
      return detail::fold_engine<Real, Region>::run(static_cast<Self const&>(*this), t, decided);
    } else {
      return decide(t, wanted);
    }
  }
  /// One pass for the folds of a level over all responses.
  template <class Real, class Region, int Level>
  void fold_responses(detail::task<Real, Region> const& t, std::integral_constant<int, Level>) const {
    detail::fold_engine<Real, Region>::template pass<Level>(t);
  }
  /// Writes the numbers of a region that depend on the position alone, `stride` of each.
  template <class Real, class Region>
  void number_positions(detail::task<Real, Region> const& t, index_t stride, Real* out) const noexcept {
    detail::fold_engine<Real, Region>::template number<lane<Real>>(t, stride, out);
  }

 private:
  template <class Real, class Region>
  status decide(detail::task<Real, Region>& t, report* wanted) const {
    Self const& self = static_cast<Self const&>(*this);
    status s = detail::prepare(self, t);
    if (!s.ok()) return s;
    t.reports = wanted != nullptr;
    detail::outcome_fold fold = self.execute(t);
    t.clear_spare(0, 1);
    s = fold.finish(t);
    if (wanted != nullptr) *wanted = fold.report;
    return s;
  }
};

namespace detail {
/// An executor whose calls run on this host.
template <class E>
concept runs_on_this_host = executor<E> && std::derived_from<E, host_executor<E>>;
}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
