/// @file
/// The folds of a region on blocks of threads: the values of `fold_pass`, a tile of slots at a time.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/counts.hpp>
#include <cppo/execution/block/inspection.hpp>
#include <cppo/execution/block/order.hpp>
#include <cppo/execution/call/fold_pass.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One response on a block of threads.
template <class Block, class Real, class Region>
class block_folds {
  using V = lane<Real>;
  template <class T>
  using local = typename Block::template local<T>;
  static constexpr int threads = Block::threads;

 public:
  CPPO_HOST_DEVICE block_folds(Block& block, task<Real, Region> const& t, index_t b) noexcept
      : block_(block), task_(t), layout_(t.batch.shape()), b_(b), slots_(t.batch.shape().slots(b)) {}

  /// Computes the folds of a level, which are 1 and more.
  template <int Level>
  CPPO_HOST_DEVICE void run() noexcept {
    if (is_first_level<Level>(task_.region)) put_beyond(-1);
    response_count const n = count_response(block_, task_, b_, slots_);
    tokens_ = n.rejected ? 0 : n.tokens;
    whole_.length = task_.totals != nullptr ? task_.totals[b_].length : tokens_;
    index_t beyond = slots_, before = 0;
    for (index_t base = 0; base < slots_ && tokens_ > 0; base += threads) before += tile<Level>(base, before, beyond);
    if (beyond < slots_) put_beyond(beyond);  // not if an earlier level has left it out: it has no tokens then
    task_.region.template each_value_at<Level>([&](auto const& f) { conclude(f); });
  }

 private:
  /// What a thread holds of its slot of a tile.
  struct held {
    slot what = slot::excluded;
    index_t rank = 0;
    Real terms[Region::folds] = {};
  };

  CPPO_HOST_DEVICE void put_beyond(index_t slot) const noexcept {
    block_.each([&](int th) { if (th == 0) task_.folds.beyond[b_] = slot; });
  }
  CPPO_HOST_DEVICE slot look(index_t i) const noexcept {
    if (i >= slots_) return slot::excluded;
    status why;
    slot const s = inspect_slot(task_, b_, i, why);
    return s == slot::bad && task_.bad_input == on_bad_input::exclude ? slot::excluded : s;
  }
  /// Takes the slots of a tile, before which there are `before` tokens. Returns the number of its tokens. `beyond`
  /// becomes the first slot whose term is off the grid.
  template <int Level>
  CPPO_HOST_DEVICE index_t tile(index_t base, index_t before, index_t& beyond) noexcept {
    local<held> mine{};
    local<index_t> rank{}, wrong{};
    block_.apart([&](int th) {
      mine[th].what = look(base + th);
      rank[th] = mine[th].what != slot::excluded ? 1 : 0;
    });
    index_t const here = block_.exclusive_sum(rank);
    block_.apart([&](int th) {
      mine[th].rank = before + rank[th];
      wrong[th] = slots_;
      if (mine[th].what != slot::excluded && !take<Level>(base + th, mine[th])) wrong[th] = base + th;
    });
    index_t const first = block_.reduce(wrong, [](index_t a, index_t b) { return a < b ? a : b; });
    beyond = first < beyond ? first : beyond;
    task_.region.template each_state_at<Level>([&](auto const& f) { add<Level>(f, mine); });
    return here;
  }
  /// Computes the terms of a token. False if one is off the grid.
  template <int Level>
  CPPO_HOST_DEVICE bool take(index_t i, held& h) const noexcept {
    top_k_row<Real> lists;
    token<V> t = h.what == slot::bad ? bad_token<Real>() : load_token(task_, b_, i, lists);
    position<V> const at((task_.by_column() ? i : task_.tokens_before(b_) + h.rank) + 1);
    t.set_weight(at, whole_, schedule_for(task_.region.weight(), task_.schedule_length(whole_.length))(at));
    t.set_folds(task_.folds.of(layout_, b_), h.rank);
    task_.objective.clamp(t);
    bool inside = true;
    task_.region.template each_state_at<Level>([&](auto const& f) {
      fold_term<std::remove_cvref_t<decltype(f)>, Real> const term(f.of()(static_cast<token<V> const&>(t)).raw());
      inside = inside && term.inside;
      h.terms[f.state] = term.x;
    });
    return inside;
  }
  /// Adds a tile's terms to a state, and writes the values that come of it for each token.
  template <int Level, class Fold>
  CPPO_HOST_DEVICE void add(Fold const& f, local<held>& mine) noexcept {
    local<fold_state> step{};
    block_.apart([&](int th) {
      if (!takes_all<Fold> && mine[th].what != slot::excluded) step[th] = fold_state::of(mine[th].terms[f.state]);
    });
    fold_state const from = task_.folds.known(f.state, b_).before + states_[f.state];
    states_[f.state] = states_[f.state] + block_.exclusive_sum(step);
    task_.region.template each_value_at<Level>([&](auto const& g) {
      using fold = std::remove_cvref_t<decltype(g)>;
      if constexpr (by_token(fold::range) || keeps_terms<fold>) {
        if (g.state != f.state) return;
        block_.apart([&](int th) { write(g, from + step[th], mine[th]); });
      }
    });
  }
  template <class Fold>
  CPPO_HOST_DEVICE void write(Fold const& g, fold_state const& before, held const& h) const noexcept {
    if (h.what == slot::excluded) return;
    Real const term = h.terms[g.state];
    Real& to = task_.folds.at(layout_, g.slot, b_)[h.rank];
    if constexpr (keeps_terms<Fold>) to = term;
    else if constexpr (Fold::range == fold_range::before) to = value_of<Real>(g, before);
    else to = value_of<Real>(g, before + fold_state::of(term));
  }
  /// What only the end of the response tells: see `conclude_fold`.
  template <class Fold>
  CPPO_HOST_DEVICE void conclude(Fold const& f) noexcept {
    fold_columns<Real> const& to = task_.folds;
    Real* const column = to.at(layout_, f.slot, b_);
    fold_totals const known = to.known(f.state, b_);
    if constexpr (is_halving<Fold>) halve(f, column, known.after);
    else if constexpr (Fold::range == fold_range::from) sum_from_the_end(f, column, known.after);
    if constexpr (by_token(Fold::range)) {
      block_.apart([&](int th) { for (int k = th; k < fold_room; k += threads) column[tokens_ + k] = Real(0); });
    }
    fold_state all = states_[f.state];
    if constexpr (takes_all<Fold>) {
      all = selected(Real(0), tokens_);
      if (Fold::range == fold_range::response && to.totals == nullptr) all = select(f, column);
    }
    if constexpr (Fold::range == fold_range::response) {
      Real const x = value_of<Real>(f, to.totals != nullptr ? known.response : all);
      block_.apart([&](int th) { for (int k = th; k < fold_room; k += threads) column[k] = x; });
    }
    if constexpr (!is_halving<Fold>)
      block_.each([&](int th) { if (th == 0) to.state(layout_, f.state, b_) = all; });
  }
  template <class Fold>
  CPPO_HOST_DEVICE fold_state select(Fold const& f, Real const* column) noexcept {
    block_.each([](int) {});  // all have written their terms
    auto const each = [&](int th, auto const& g) { for (index_t k = th; k < tokens_; k += threads) g(column[k]); };
    fold_state const all =
        selected(block_select<typename Fold::statistic, Real>(block_, f.left.parameter, each, f.how()), tokens_);
    block_.each([](int) {});  // and all have read them
    return all;
  }
  /// One thread walks: a halving sum of a token needs that of the next.
  template <class Fold>
  CPPO_HOST_DEVICE void halve(Fold const& f, Real* column, fold_state const& after) noexcept {
    block_.each([](int) {});  // all have written their terms
    index_t const before = task_.tokens_before(b_);
    auto const h = static_cast<index_t>(f.left.parameter);
    if (task_.by_column()) return halve_columns(f, column);
    block_.each([&](int th) {
      halving_walk walk(h, after.sum.low);
      for (index_t k = tokens_; k-- > 0 && th == 0;) {
        double const up = power_of_half_life(static_cast<double>((before + k) % h), f.left.parameter);
        column[k] = static_cast<Real>(walk.take(before + k, static_cast<double>(column[k]), up));
      }
      if (th == 0) task_.folds.state(layout_, f.state, b_).sum = {0, walk.units()};
    });
  }
  /// The same where distances count columns: there are no pieces.
  template <class Fold>
  CPPO_HOST_DEVICE void halve_columns(Fold const& f, Real* column) noexcept {
    block_.each([&](int th) {
      if (th != 0) return;
      halve_over_slots(slots_, tokens_, f.left.parameter, column,
                       [this](index_t i) { return look(i) != slot::excluded; });
      task_.folds.state(layout_, f.state, b_) = {};
    });
  }
  template <class Fold>
  CPPO_HOST_DEVICE void sum_from_the_end(Fold const& f, Real* column, fold_state after) noexcept {
    block_.each([](int) {});  // all have written their terms
    for (index_t base = 0; base < tokens_; base += threads) {
      local<fold_state> step{};
      auto const at = [&](int th) { return tokens_ - 1 - (base + th); };
      block_.apart([&](int th) { if (at(th) >= 0) step[th] = fold_state::of(column[at(th)]); });
      fold_state const total = block_.exclusive_sum(step);
      block_.apart([&](int th) {
        if (at(th) >= 0) column[at(th)] = value_of<Real>(f, after + step[th] + fold_state::of(column[at(th)]));
      });
      after = after + total;
    }
  }

  Block& block_;
  task<Real, Region> const& task_;
  layout const& layout_;
  index_t b_, slots_, tokens_ = 0;
  response_summary whole_;
  fold_state states_[Region::folds];
};

/// What a fold over the whole batch comes to, after a pass, on one block.
template <class Block, class Real, class Fold>
CPPO_HOST_DEVICE fold_state total_of(Block& block, checked_call<Real> const& t, Fold const& f) noexcept {
  layout const& l = t.batch.shape();
  typename Block::template local<fold_state> mine{};
  block.apart([&](int th) {
    for (index_t b = th; b < l.responses(); b += Block::threads) {
      if (!t.folds.leaves_out(b)) mine[th] = mine[th] + t.folds.state(l, f.state, b);
    }
  });
  fold_state const all = block.reduce(mine, plus{});
  if constexpr (takes_all<Fold>) {
    auto const each = [&](int th, auto const& g) {
      for (index_t b = 0; b < l.responses(); ++b) {
        index_t const n = t.folds.leaves_out(b) ? 0 : t.folds.state(l, f.state, b).count;
        for (index_t k = th; k < n; k += Block::threads) g(t.folds.at(l, f.slot, b)[k]);
      }
    };
    return selected(block_select<typename Fold::statistic, Real>(block, f.left.parameter, each, f.how()), all.count);
  } else {
    return all;
  }
}

/// Gives every response what the folds of a level over the whole batch come to, on one block.
template <int Level, class Block, class Real, class Region>
CPPO_HOST_DEVICE void settle_folds(Block& block, task<Real, Region> const& t) noexcept {
  layout const& l = t.batch.shape();
  t.region.template each_value_at<Level>([&](auto const& f) {
    using fold = std::remove_cvref_t<decltype(f)>;
    if constexpr (fold::range == fold_range::batch) {
      fold_state const all = t.folds.totals != nullptr ? fold_state{} : total_of(block, t, f);
      block.each([&](int th) {
        for (index_t b = th; b < l.responses(); b += Block::threads) {
          bool const known = t.folds.totals != nullptr;
          t.folds.set(l, f.slot, b, value_of<Real>(f, known ? t.folds.known(f.state, b).batch : all));
        }
      });
    }
  });
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
