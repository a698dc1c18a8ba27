/// @file
/// One response on a block of threads: the bits of `seq`, a tile of slots at a time.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/report.hpp>
#include <cppo/execution/block/statistics.hpp>
#include <cppo/execution/call/host_executor.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// `Usual`: the call `is_usual`, and so is the response: where its input is not sound, `run` says so and nothing counts.
/// Otherwise everything is provided for, at more registers.
template <class Block, class Real, class Region, bool Usual>
class block_response {
  using V = lane<Real>;
  using job = task<Real, Region>;
  using statistics = block_statistics<Block, Real>;
  using reporter = block_reporter<Block, Real>;
  using units = std::conditional_t<!Usual || reads_prefix<Region>, all_units, net_units>;
  template <class T>
  using local = typename Block::template local<T>;
  static constexpr int threads = Block::threads;
  static constexpr bool scans = scans_prefix<Region> || !Usual;
  static constexpr int written_sinks = Usual ? 3 : sinks;  // loss, gradient, mask come first
  static_assert(threads <= reporter::room, "a tile waits whole; and 64 bits hold its sums up to 2048 tokens");

 public:
  /// In memory that the block shares; nothing has to be in it at first.
  struct storage {
    union {
      typename reporter::waiting waiting;
      typename statistics::storage selection;
    };
    typename reporter::storage report;
  };

  /// `scores`: room for a Real at every slot, if the region asks for divergences. `divisor`: of the aggregation.
  CPPO_HOST_DEVICE block_response(Block& block, storage& shared, job const& t, index_t b, Real* scores,
                                  double divisor) noexcept
      : block_(block),
        shared_(shared),
        task_(t),
        b_(b),
        begin_(t.batch.shape().begin(b)),
        slots_(t.batch.shape().slots(b)),
        scores_(scores),
        divisor_(divisor) {}

  /// Valid tokens, 0 if the response is rejected.
  CPPO_HOST_DEVICE index_t count() noexcept { return inspect().tokens; }

  /// Decides and writes every slot; false, with nothing that counts, if `Usual` and the response is not.
  CPPO_HOST_DEVICE bool run(response_outcome& out) noexcept {
    response_count n;
    if constexpr (!Usual) n = inspect();
    else if (!count_by_mask(n)) return false;
    block_.apart([&](int th) { if (th == 0) out = open_outcome(task_, b_, n); });
    if (n.tokens == 0) {
      write_excluded();
      return true;
    }
    return summarize(n.tokens) && decide(n, out.diagnostics);
  }

 private:
  /// What a thread holds of a tile: a slot.
  struct held {
    slot what = slot::excluded;
    index_t rank = 0;  // tokens of the tile in threads before this one
    Real extra_weight;
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

  /// `count_response`
  CPPO_HOST_DEVICE response_count inspect() noexcept {
    struct found { index_t tokens = 0, bad = 0, first = 0; };
    local<found> mine{};
    bool const bad_counts = task_.bad_input == on_bad_input::propagate;
    index_t const slots = slots_;
    block_.apart([&](int th) {
      mine[th].first = slots;
      for (index_t i = th; i < slots; i += threads) {
        status why;
        slot const s = inspect_slot(task_, b_, i, why);
        if (s == slot::bad && mine[th].bad++ == 0) mine[th].first = i;
        mine[th].tokens += s == slot::token || (s == slot::bad && bad_counts) ? 1 : 0;
      }
    });
    found const all = block_.reduce(mine, [](found const& a, found const& b) {
      return found{a.tokens + b.tokens, a.bad + b.bad, a.first < b.first ? a.first : b.first};
    });
    response_count n;
    n.tokens = all.tokens;
    n.bad = all.bad;
    if (n.bad > 0) (void)inspect_slot(task_, b_, all.first, n.first_bad);
    settle_rejection(task_, b_, n);
    return n;
  }

  /// What slot i holds; past the last one, nothing.
  CPPO_HOST_DEVICE slot look(index_t i) const noexcept {
    if (i >= slots_) return slot::excluded;
    if constexpr (Usual) return row(argument::response_mask).active(i) == 1 ? slot::token : slot::excluded;
    status why;
    slot const s = inspect_slot(task_, b_, i, why);
    return s == slot::bad && task_.bad_input == on_bad_input::exclude ? slot::excluded : s;
  }
  /// The token in slot i; its D is known where a pass over the response has found it. False if it is not sound, where
  /// that is not known yet.
  CPPO_HOST_DEVICE bool make(slot what, index_t i, token<V>& t, top_k_row<Real>& lists) const noexcept {
    if (what == slot::bad) {
      t = bad_token<Real>();
      return true;
    }
    token_input<Real> const in{row(argument::log_prob).value(i, Real(0)),
                               row(argument::rollout_log_prob).value(i, Real(0)),
                               row(argument::advantage).value(i, Real(0)), row(argument::divergence).value(i, Real(0)),
                               row(argument::token_weight).value(i, Real(1))};
    bool const good = !Usual || inspect_input(in, task_.log_probs, b_, i).ok();
    if (!known_) {
      t = make_token(task_, in, b_, i, lists);
      return good;
    }
    t = token<V>(V(in.log_prob), V(in.rollout_log_prob), V(in.advantage));
    t.lend_divergence(V(in.divergence));
    if constexpr (!Usual) lend_lists(task_.batch, b_, i, t, lists);
    t.set_divergence(V(scores_[i]));
    return good;
  }

  /// T, and what the budget is found from; false if the input is not sound.
  CPPO_HOST_DEVICE bool summarize(index_t tokens) noexcept {
    known_ = false;
    if (task_.totals != nullptr) {
      whole_ = task_.totals[b_];
      return true;
    }
    response_summary whole;
    if constexpr (needs_divergences<Region>) {
      if (score(whole) > 0) return false;
      known_ = true;
    }
    whole.length = tokens;
    whole.delta_b = task_.region.resolve_budget(statistics(whole, block_, shared_.selection, scores_, slots_));
    whole_ = whole;
    return true;
  }
  /// D of every slot, NaN where there is no token; its maximum and exact sum. Values that are not sound.
  CPPO_HOST_DEVICE std::uint32_t score(response_summary& whole) noexcept {
    struct seen {
      exact_sum sum;
      Real top = Real(-max_score);
      std::uint32_t wrong = 0;
    };
    local<seen> mine{};
    block_.apart([&](int th) {
      seen s;
      // elsewhere: one score past the response's own is overwritten by the next; AddressSanitizer sees it at the last
      for (index_t i = th; i < slots_; i += threads) {
        slot const what = look(i);
        Real d = special<Real>::nan;
        if (what != slot::excluded) {
          token<V> t;
          top_k_row<Real> lists;
          s.wrong += make(what, i, t, lists) ? 0U : 1U;  // equivalent: whether it is 0 is all that is read
          d = t.divergence().raw();
          s.sum = s.sum + to_grid(d);
          s.top = d > s.top ? d : s.top;
        }
        scores_[i] = d;
      }
      mine[th] = s;
    });
    seen const all = block_.reduce(mine, [](seen const& a, seen const& b) {
      return seen{a.sum + b.sum, a.top < b.top ? b.top : a.top, a.wrong + b.wrong};
    });
    if constexpr (any(Region::needed, needs::response)) {
      whole.divergence_sum = all.sum;
      whole.max_divergence = static_cast<double>(all.top) + 0.0;  // never -0
    }
    return all.wrong;
  }

  /// +0 in every output.
  CPPO_HOST_DEVICE void write_excluded() const noexcept {
    block_.apart([&](int th) { for (index_t i = th; i < slots_; i += threads) write(i, {}); });
  }
  CPPO_HOST_DEVICE void write(index_t i, token_record<Real> const& r) const noexcept {
    for (int s = 0; s < written_sinks; ++s)
      row(static_cast<sink>(s)).write(i, r.values[s], static_cast<sink>(s) == sink::mask);
  }
  // Made where they are read: what they are made of is a kernel's argument, and costs no registers.
  CPPO_HOST_DEVICE reporter reporting() const noexcept {
    return {block_, shared_.waiting, shared_.report, by_column(), task_.schedule_length(whole_.length)};
  }
  CPPO_HOST_DEVICE bool by_column() const noexcept { return task_.positions == position_convention::padded_column; }
  CPPO_HOST_DEVICE block_row<Usual, Real> row(argument a) const noexcept { return {task_.batch[a], b_, begin_}; }
  CPPO_HOST_DEVICE block_row<Usual, Real> row(sink s) const noexcept {
    return {task_.out[static_cast<int>(s)], b_, begin_};
  }

  /// Decides and writes every slot; false if the input is not sound.
  CPPO_HOST_DEVICE bool decide(response_count const& n, report& diagnostics) noexcept {
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
      block_.apart([&](int th) {
        held& h = mine[th];
        if (h.what == slot::excluded) return;
        top_k_row<Real> lists;
        index_t const i = base + th;
        counts[th].bad += make(h.what, i, h.t, lists) ? 0U : 1U;  // equivalent: whether it is 0 is all that is read
        h.extra_weight = row(argument::token_weight).value(i, Real(1));
        position<V> const at(by_column() ? i + 1 : before.count + h.rank + 1);
        h.t.set_weight(at, whole_, weigh(at));
        if constexpr (scans) step[th] = units(prefix_step(h.t));
      });
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
    if (all.bad > 0) return false;
    if (task_.reports)
      reporting().finish(first, n.tokens, all, whole_.delta_b, task_.share_of(whole_.length), diagnostics);
    return true;
  }
  /// What the slots of a tile hold, and the ranks of its tokens; their number.
  CPPO_HOST_DEVICE index_t rank_tokens(response_count const& n, index_t base, local<held>& mine) const noexcept {
    if (Usual && n.tokens == slots_) {
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
  CPPO_HOST_DEVICE void decide_slot(index_t i, held& h, prefix_sums const& before, index_t from, index_t staged_from,
                                    Real scale, block_counts<Real>& counts) const noexcept {
    if (i >= slots_) return;
    if (h.what == slot::excluded) return write(i, {});
    top_k_row<Real> lists;
    if constexpr (!Usual) lend_lists(task_.batch, b_, i, h.t, lists);
    decided_token<Real> const d =
        decide_token(task_, h.t, h.what == slot::bad, h.extra_weight, scale, before, !Usual && task_.wants_trace());
    write(i, d.record);
    if (!task_.reports) return;
    counts.template see<typename Region::mask_type>(d);
    reporting().template put_rare<!Usual>(task_, d);
    reporting().put(from + h.rank, staged_from, d);
    reporting().put_position(h.t.at()[0], d.kept());
  }

  Block& block_;
  storage& shared_;
  job const& task_;
  index_t b_;
  index_t begin_;  // element of slot 0 on the packed axis
  index_t slots_;
  Real* scores_;
  double divisor_;
  response_summary whole_;
  bool known_ = false;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
