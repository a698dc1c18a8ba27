/// @file
/// Folds over a batch of which each rank holds some responses: a statistic of the batch is that of all micro-batches on
/// all ranks.
///
///     fold_states known;
///     for (int k = 0; k < fold_exchanges<float>(rule); ++k) {
///       fold_states sums;                                        // of all micro-batches of this rank
///       for (auto const& part : parts) {
///         fold_states more;
///         if (status s = sum_folds(simd, part, rule, known, more); !s.ok()) return s;
///         sums = combine(sums, more);
///       }
///       known = combine(known, combined_over_ranks(sums));       // yours: send the numbers, `combine` them
///     }
///     for (auto const& part : parts) {
///       piece_plan const plan = plan_micro_batch(simd, part, rule, known);
///       policy_loss(simd, part, rule, out_of(part), {.normalizer = n, .totals = plan.totals, .folds = plan.folds});
///     }
///
/// The states are exact, so that masks, gradients and counts have the bits of one batch. A micro-batch holds whole
/// responses. `normalizer` is the divisor of the whole, as always where several calls make one loss.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/in_pieces.hpp>
#include <cppo/rules/fold_states.hpp>
#include <cppo/rules/folding.hpp>

#include <vector>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The folds of a micro-batch, given those of the batch as far as they are known.
template <class Executor, class Real, class Region>
class micro_batch_folds {
 public:
  /// Pre: the task is checked, and `known` belongs to its region.
  micro_batch_folds(Executor const& executor, task<Real, Region> const& t, fold_states const& known)
      : executor_(executor), task_(t), known_(known), folds_(values_of_folds(t.region)),
        memory_(t.batch.shape(), t.region), batch_(size(folds_)) {
    task_.folds = memory_.columns(nullptr);
  }
  /// What the micro-batch adds to the next exchange.
  fold_states next() {
    fold_states sums{known_.exchanges + 1, folds_, std::vector<fold_state>(size(folds_)), {}, {}};
    run([&](auto level, int round) {
      task_.region.template each_state_at<level()>([&](auto const& f) { add<level()>(f, round, sums); });
    });
    return sums;
  }
  /// What each response must know of the folds, as many totals for each as the region has values of folds: all
  /// exchanges are known. One that leaves the grid is whole, and so finds that out itself.
  std::vector<fold_totals> totals() {
    run([](auto, int) {});
    layout const& l = task_.batch.shape();
    std::vector<fold_totals> all(size(l.responses() * folds_));
    for (index_t b = 0; b < l.responses(); ++b) {
      for (int s = 0; s < folds_; ++s) {
        all[size(b * folds_ + s)] = {{}, {}, task_.folds.state(l, s, b), batch_[size(s)]};
      }
    }
    return all;
  }

 private:
  static std::size_t size(index_t n) noexcept { return static_cast<std::size_t>(n); }

  /// Makes the passes of the levels that are known, and that of the first one that is not, for which it calls
  /// next(level, round).
  template <class Next>
  void run(Next const& next) {
    int before = 0;  // exchanges of the levels below
    each_level_while(task_.region, [&](auto level) {
      executor_.fold_responses(task_, level);
      int const n = exchanges_at<Real, level()>(task_.region), round = known_.exchanges - before;
      if (round < n) {
        next(level, round);
        return false;
      }
      settle(level, before);
      before += n;
      return true;
    });
  }
  /// Gives every response what the folds of a level over the batch come to.
  template <int Level>
  void settle(std::integral_constant<int, Level>, int first) {
    task_.region.template each_state_at<Level>([&]<class Fold>(Fold const& f) {
      if constexpr (searches<Fold>) batch_[size(f.state)] = search_for(f, first, search_rounds<Real>).found();
      else if constexpr (Fold::range == fold_range::batch) batch_[size(f.state)] = known_.of_batch[size(f.state)];
    });
    layout const& l = task_.batch.shape();
    task_.region.template each_value_at<Level>([&]<class Fold>(Fold const& f) {
      if constexpr (Fold::range == fold_range::batch) {
        for (index_t b = 0; b < l.responses(); ++b) {
          task_.folds.set(l, f.slot, b, value_of<Real>(f, batch_[size(f.state)]));
        }
      }
    });
  }
  /// A search, after some rounds of its level, whose first exchange is given.
  template <class Fold>
  auto search_for(Fold const& f, int first, int rounds) const {
    bin_search<typename Fold::statistic, Real> search(f.left.parameter, f.how());
    for (int k = 0; k < rounds; ++k) {
      search.take(known_.bins.data() + place_of(known_.searches, id_of(f, first + k)) * size(fold_bins));
    }
    return search;
  }
  template <class Fold>
  index_t id_of(Fold const& f, int exchange) const noexcept {
    return index_t{exchange} * folds_ + f.state;
  }
  /// Adds a fold's state to what is sent.
  template <int Level, class Fold>
  void add(Fold const& f, int round, fold_states& sums) const {
    if constexpr (searches<Fold>) {
      sums.searches.push_back(id_of(f, known_.exchanges));
      sums.bins.resize(sums.bins.size() + size(fold_bins));
      sort_in(f, search_for(f, known_.exchanges - round, round), sums.bins.data() + sums.bins.size() - fold_bins);
    } else if constexpr (Fold::range == fold_range::batch) {
      if (round == 0) sums.of_batch[size(f.state)] = total_of(static_cast<checked_call<Real> const&>(task_), f);
    }
  }
  template <class Fold, class Search>
  void sort_in(Fold const& f, Search const& search, fold_bin* bins) const {
    layout const& l = task_.batch.shape();
    for (index_t b = 0; b < l.responses(); ++b) {
      Real const* const terms = task_.folds.at(l, f.slot, b);
      index_t const n = task_.folds.leaves_out(b) ? 0 : task_.folds.state(l, f.state, b).count;
      for (index_t k = 0; k < n; ++k) search.sort_in(terms[k], bins);
    }
  }

  Executor const& executor_;
  task<Real, Region> task_;
  fold_states const& known_;
  index_t folds_;  // values of folds of the region, which are no fewer than its states
  fold_memory<Real, Region> memory_;
  std::vector<fold_state> batch_;  // by state, of those over the batch
};

/// A checked task that reads whole responses.
template <class Executor, class Real, class Region>
status whole_task(Executor const& executor, loss_options const& options, task<Real, Region>& t) noexcept {
  status s = reading_task(t.batch, t.region, options, t);
  if (!s.ok()) return s;
  s = executor.check_memory(t.batch, {}, options);
  if (!s.ok()) return s;
  return executor.arithmetic_holds(t) ? status{} : status{status_code::arithmetic_relaxed};
}

}  // namespace detail

/// `sums` becomes the states of the rule's next exchange, of this micro-batch alone: the one after those that are
/// `known`. A response that is left out adds nothing. Where it fails, `sums` is what no call accepts.
///
/// Pre: fewer than `fold_exchanges<Real>(region)` are known. The same options as for `policy_loss`.
/// Cost: a pass over the slots for each level up to that of the exchange. Memory: a number per slot for each fold, and
/// 96 kB for each order statistic.
template <detail::runs_on_this_host Executor, class Real, trust_region_like Region>
status sum_folds(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& region,
                 fold_states const& known, fold_states& sums, loss_options const& options = {}) {
  detail::task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  status s = detail::whole_task(executor, options, t);
  int const all = fold_exchanges<Real>(region);
  bool const more = known.exchanges >= 0 && known.exchanges < all;
  if (s.ok() && all == 0) s = {.code = status_code::states_mismatch, .wanted = 0};
  if (s.ok()) s = detail::check_states<Real>(region, known, more ? known.exchanges : all - 1);
  if constexpr (detail::has_folds<Region>) {
    if (s.ok()) {
      sums = detail::micro_batch_folds<Executor, Real, Region>(executor, t, fold_states(known)).next();
      return s;
    }
  }
  sums = detail::refused_folds();
  return s;
}

/// Makes the totals and folds of a micro-batch of whole responses, given the states of the batch after all exchanges:
/// `policy_loss` takes them as `.totals` and `.folds`. The plan's `outcome` says what is wrong.
///
/// Cost: a pass over the slots for each level of folds, and one or two for the totals. Memory: as `sum_folds`.
template <detail::runs_on_this_host Executor, class Real, trust_region_like Region>
piece_plan plan_micro_batch(Executor const& executor, rollout_batch_view<Real> const& batch, Region const& region,
                            fold_states const& known, loss_options const& options = {}) {
  piece_plan plan;
  detail::task<Real, Region> t{{.batch = batch, .objective = surrogate<Real>({})}, region};
  plan.outcome = detail::whole_task(executor, options, t);
  if (plan) plan.outcome = detail::check_states<Real>(region, known, fold_exchanges<Real>(region));
  index_t const responses = plan ? batch.shape().responses() : 0;
  plan.totals.resize(static_cast<std::size_t>(responses));
  std::vector<Real> divergences;
  for (index_t b = 0; b < responses && plan; ++b) {
    response_summary& total = plan.totals[static_cast<std::size_t>(b)];
    divergences.clear();
    plan.outcome = summarize_piece(batch, region, b, total, divergences, options);
    if (plan) plan.outcome = resolve_totals<Real>(region, total, divergences, total);
  }
  if constexpr (detail::has_folds<Region>) {
    if (plan) plan.folds = detail::micro_batch_folds<Executor, Real, Region>(executor, t, known).totals();
  }
  if (!plan) plan.totals.assign(1, detail::only_length(detail::refused_count));  // what no call accepts
  return plan;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
