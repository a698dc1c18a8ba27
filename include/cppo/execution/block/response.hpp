/// @file
/// One response on a block of threads: the bits of `seq`, a tile of slots at a time.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/inspection.hpp>
#include <cppo/execution/block/report.hpp>
#include <cppo/execution/block/statistics.hpp>
#include <cppo/execution/call/host_executor.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A body for usual calls is the fast path: the call `is_usual` and the input of the response is valid. Where it is
/// not, `run` returns false and what it wrote does not count. A body for any call handles every case, with more
/// registers.
template <class Block, class Real, class Region, body_for Calls>
class block_response {
  static constexpr bool usual = Calls == body_for::usual;
  using V = lane<Real>;
  using task_type = task<Real, Region>;
  using statistics = block_statistics<Block, Real>;
  using reporter = block_reporter<Block, Real>;
  using units = std::conditional_t<!usual || reads_prefix<Region>, all_units, net_units>;
  template <class T>
  using local = typename Block::template local<T>;
  static constexpr int threads = Block::threads;
  static constexpr bool scans = scans_prefix<Region> || !usual;
  static constexpr int written_sinks = usual ? 3 : sinks;  // loss, gradient, mask come first
  static_assert(threads <= reporter::room, "a tile waits whole; and 64 bits hold its sums up to 2048 tokens");

 public:
  /// Memory that the block shares. It need not be initialised.
  struct storage {
    union {
      typename reporter::waiting waiting;
      typename statistics::storage selection;
    };
    typename reporter::storage report;
  };

  /// `divergences`: room for a Real at every slot, if the region needs divergences first. `divisor`: that of the
  /// aggregation.
  CPPO_HOST_DEVICE block_response(Block& block, storage& shared, task_type const& t, index_t b, Real* divergences,
                                  double divisor) noexcept
      : block_(block),
        shared_(shared),
        task_(t),
        b_(b),
        begin_(t.batch.shape().begin(b)),
        slots_(t.batch.shape().slots(b)),
        divergences_(divergences),
        divisor_(divisor) {}

  /// The number of valid tokens, 0 if the response is rejected.
  CPPO_HOST_DEVICE index_t count() noexcept { return inspect().tokens; }
  /// Decides and writes every slot. False if a body for usual calls meets another; then what it wrote does not count.
  CPPO_HOST_DEVICE bool run(response_outcome& out) noexcept {
    response_count n;
    if constexpr (!usual) n = inspect();
    else if ((has_folds<Region> && task_.folds.leaves_out(b_)) || !count_by_mask(n)) return false;
    block_.apart([&](int th) { if (th == 0) out = open_outcome(task_, b_, n); });
    if (n.tokens == 0) {
      write_excluded();
      return true;
    }
    return summarize(n.tokens) && decide(n, out.report);
  }

 private:
  /// What a thread holds of its slot of a tile.
  struct held {
    slot what = slot::excluded;
    index_t rank = 0;  // tokens of the tile in threads before this one
    Real token_weight;
    token<V> t;
  };

  CPPO_HOST_DEVICE bool count_by_mask(response_count& n) noexcept {
    n.tokens = slots_;
    if (!task_.batch[argument::response_mask].lent()) return true;
    local<index_t> tokens{}, wrong{};
    block_.apart([&](int th) {
      for (index_t i = th; i < slots_; i += threads) {
        std::uint8_t const m = row(argument::response_mask).active(i);
        tokens[th] += m == 1 ? 1 : 0;
        wrong[th] += m == 2 ? 1 : 0;
      }
    });
    n.tokens = block_.reduce(tokens, plus{});
    return block_.reduce(wrong, plus{}) == 0;
  }

  CPPO_HOST_DEVICE response_count inspect() noexcept { return count_response(block_, task_, b_, slots_); }

  /// What slot i holds; `excluded` past the last slot.
  CPPO_HOST_DEVICE slot look(index_t i) const noexcept {
    if (i >= slots_) return slot::excluded;
    if constexpr (usual) return row(argument::response_mask).active(i) == 1 ? slot::token : slot::excluded;
    status why;
    slot const s = inspect_slot(task_, b_, i, why);
    return s == slot::bad && task_.bad_input == on_bad_input::exclude ? slot::excluded : s;
  }
  /// Makes the token of slot i. Its D is read where a pass over the response has computed it. False if the input is
  /// found to be bad.
  CPPO_HOST_DEVICE bool make(slot what, index_t i, token<V>& t, top_k_row<Real>& lists) const noexcept {
    if (what == slot::bad) {
      t = bad_token<Real>();
      return true;
    }
    auto const number = [&](argument a, Real none = Real(0)) { return row(a).value(i, none); };
    token_input<Real> in{number(argument::log_prob), number(argument::rollout_log_prob), number(argument::advantage),
                         number(argument::divergence), number(argument::token_weight, Real(1))};
    if constexpr (!usual || reads_more<Region>) {
      in.entropy = number(argument::entropy);
      in.reference_log_prob = number(argument::reference_log_prob);
    }
    bool const good = !usual || inspect_input(in, task_.log_probs, b_, i).ok();
    if (!known_) {
      t = make_token(task_, in, b_, i, lists);
      return good;
    }
    t = token<V>(V(in.log_prob), V(in.rollout_log_prob), V(in.advantage));
    lend_numbers(t, in);
    if constexpr (!usual) lend_lists(task_.batch, b_, i, t, lists);
    t.set_divergence(V(divergences_[i]));
    return good;
  }

  /// Finds T and the statistics for the budget. False if the input is bad.
  CPPO_HOST_DEVICE bool summarize(index_t tokens) noexcept {
    known_ = false;
    if (task_.totals != nullptr) {
      whole_ = task_.totals[b_];
      return true;
    }
    response_summary whole;
    if constexpr (needs_divergences<Region>) {
      bool const asks = asks_for_divergences(task_.region);
      if (asks && measure(whole) > 0) return false;
      known_ = asks;  // not before: what measures computes them
    }
    whole.length = tokens;
    whole.delta_b = task_.region.resolve_budget(statistics(whole, block_, shared_.selection, divergences_, slots_));
    whole_ = whole;
    return true;
  }
  /// Computes D of every slot, NaN where there is no token, and its maximum and exact sum. Returns the number of bad
  /// values.
  CPPO_HOST_DEVICE std::uint32_t measure(response_summary& whole) noexcept {
    local<measured> mine{};
    block_.apart([&](int th) {
      measured s;
      for (index_t i = th; i < slots_; i += threads) divergences_[i] = measure_slot(i, s);
      mine[th] = s;
    });
    measured const all = block_.reduce(mine, [](measured const& a, measured const& b) {
      return measured{a.sum + b.sum, a.top < b.top ? b.top : a.top, a.wrong + b.wrong};
    });
    if (asks_for(task_.region, needs::response)) {
      whole.divergence_sum = all.sum;
      whole.max_divergence = static_cast<double>(all.top) + 0.0;  // never -0
    }
    return all.wrong;
  }
  /// What a thread makes of the slots that it measures.
  struct measured {
    exact_sum sum;
    Real top = Real(-divergence_limit);
    std::uint32_t wrong = 0;
  };
  CPPO_HOST_DEVICE Real measure_slot(index_t i, measured& so_far) const noexcept {
    slot const what = look(i);
    if (what == slot::excluded) return special<Real>::nan;
    token<V> t;
    top_k_row<Real> lists;
    so_far.wrong += make(what, i, t, lists) ? 0U : 1U;
    Real const d = t.divergence().raw();
    so_far.sum = so_far.sum + to_grid(d);
    so_far.top = d > so_far.top ? d : so_far.top;
    return d;
  }

  /// Writes +0 to every output.
  CPPO_HOST_DEVICE void write_excluded() const noexcept {
    block_.apart([&](int th) { for (index_t i = th; i < slots_; i += threads) write(i, {}); });
  }
  CPPO_HOST_DEVICE void write(index_t i, token_record<Real> const& r) const noexcept {
    for (int s = 0; s < written_sinks; ++s)
      row(static_cast<sink>(s)).write(i, r.values[s], elements_in(static_cast<sink>(s)));
  }
  // Made where they are read: they come from a kernel argument, so that no register holds them.
  CPPO_HOST_DEVICE reporter reporting() const noexcept {
    return {block_, shared_.waiting, shared_.report, task_.by_column(), task_.schedule_length(whole_.length)};
  }
  CPPO_HOST_DEVICE block_row<Calls, Real> row(argument a) const noexcept { return {task_.batch[a], b_, begin_}; }
  CPPO_HOST_DEVICE block_row<Calls, Real> row(sink s) const noexcept {
    return {task_.out[static_cast<int>(s)], b_, begin_};
  }

  /// Decides and writes every slot. False if the input is bad.
  CPPO_HOST_DEVICE bool decide(response_count const& n, cppo::report& report) noexcept {
    prefix_sums before = task_.carries != nullptr ? task_.carries[b_] : prefix_sums{};
    index_t const first = before.count;
    auto const weigh = schedule_for(task_.region.weight(), task_.schedule_length(whole_.length));
    Real const scale = task_.scale(whole_.length, divisor_);
    local<block_counts<Real>> counts{};
    if (task_.reports) reporting().clear();
    index_t staged_from = 0;
    for (index_t base = 0; base < slots_; base += threads) {
      local<held> mine{};
      local<units> step{};
      index_t const here = rank_tokens(n, base, mine);
      make_tile(base, before.count, weigh, mine, step, counts);
      units total{};
      if constexpr (scans) total = block_.exclusive_sum(step);
      index_t const rank = before.count - first;
      block_.apart([&](int th) {
        decide_slot(base + th, mine[th], before + step[th].sums(), rank, staged_from, scale, counts[th]);
      });
      if constexpr (scans) before = before + total.sums();
      before.count += here;
      index_t const waiting = before.count - first - staged_from;
      if (task_.reports && (waiting > reporter::room - threads || base + threads >= slots_)) {
        reporting().add_up(staged_from, waiting);
        staged_from += waiting;
      }
    }
    block_counts<Real> const all = block_.reduce(counts, plus{});
    if (task_.reports && all.bad == 0)
      reporting().finish(first, n.tokens, all, whole_.delta_b, task_.share_of(whole_.length), report);
    return all.bad == 0;
  }
  /// Finds what the slots of a tile hold and the ranks of its tokens. Returns the number of tokens.
  CPPO_HOST_DEVICE index_t rank_tokens(response_count const& n, index_t base, local<held>& mine) const noexcept {
    if (usual && n.tokens == slots_) {
      index_t const here = slots_ - base < threads ? slots_ - base : index_t{threads};
      block_.apart([&](int th) { mine[th].what = th < here ? slot::token : slot::excluded, mine[th].rank = th; });
      return here;
    }
    local<index_t> rank{};
    block_.apart([&](int th) {
      mine[th].what = look(base + th);
      rank[th] = mine[th].what != slot::excluded ? 1 : 0;
    });
    index_t const here = block_.exclusive_sum(rank);
    block_.apart([&](int th) { mine[th].rank = rank[th]; });
    return here;
  }
  /// Makes the tokens of a tile, `before` of the response in front of it: their weights, and what they add to the sums.
  template <class Schedule>
  CPPO_HOST_DEVICE void make_tile(index_t base, index_t before, Schedule const& weigh, local<held>& mine,
                                  local<units>& step, local<block_counts<Real>>& counts) const noexcept {
    block_.apart([&](int th) {
      held& h = mine[th];
      if (h.what == slot::excluded) return;
      top_k_row<Real> lists;
      index_t const i = base + th;
      counts[th].bad += make(h.what, i, h.t, lists) ? 0U : 1U;
      h.token_weight = row(argument::token_weight).value(i, Real(1));
      position<V> const at(task_.by_column() ? i + 1 : before + h.rank + 1);
      h.t.set_weight(at, whole_, weigh(at));
      if constexpr (has_folds<Region>)
        h.t.set_folds(task_.folds.of(task_.batch.shape(), b_), before + h.rank - task_.tokens_before(b_));
      if constexpr (scans) step[th] = units(prefix_step(h.t));
    });
  }
  CPPO_HOST_DEVICE void decide_slot(index_t i, held& h, prefix_sums const& before, index_t from, index_t staged_from,
                                    Real scale, block_counts<Real>& counts) const noexcept {
    if (i >= slots_) return;
    if (h.what == slot::excluded) return write(i, {});
    top_k_row<Real> lists;
    if constexpr (!usual) lend_lists(task_.batch, b_, i, h.t, lists);
    trace_values const traces = usual ? trace_values::left_out : wanted_trace(task_);
    decided_token<Real> const d =
        decide_token(task_, h.t, h.what, h.token_weight, scale, before, traces);
    write(i, d.record);
    if (!task_.reports) return;
    counts.template see<Region>(d);
    reporting().template put_rare<Calls>(task_, d);
    reporting().put(from + h.rank, staged_from, d);
    reporting().put_position(h.t.at()[0], d.kept());
  }

  Block& block_;
  storage& shared_;
  task_type const& task_;
  index_t b_;
  index_t begin_;  // element of slot 0 on the packed axis
  index_t slots_;
  Real* divergences_;
  double divisor_;
  response_summary whole_;
  bool known_ = false;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
