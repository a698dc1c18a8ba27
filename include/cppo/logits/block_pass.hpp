/// @file
/// One pass over a row of logits by a block of threads, with the bits of row_pass.hpp.
///
/// What a stretch is summed under depends on the largest logits of the stretches before it, and where it raises the
/// maximum, on the next that does. The block finds the largest of each stretch of a tile first, then sums all stretches
/// side by side, each under its own maximum, and adds their sums in the order in which one thread would.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/block_tile.hpp>
#include <cppo/logits/largest.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Memory that the threads of a pass share.
template <int Threads>
struct row_tile {
  alignas(16) float logits[std::size_t{tile_logits}];
  float rest[std::size_t{tile_stretches + 1}][std::size_t{stretch_lanes}];  ///< of each stretch; the last: of one held
  float moment[std::size_t{tile_stretches + 1}][std::size_t{stretch_lanes}];
  float best[std::size_t{Threads}];             ///< of each thread
  float largest[std::size_t{tile_stretches}];  ///< of each stretch
  row_totals totals;
};

/// The sums of one lane over a row.
struct lane_total {
  double rest = 0.0, moment = 0.0;
};

/// One pass over a row, on `Block`.
template <class Block, moment_is Moment>
class block_pass {
  static constexpr int all_lanes = tile_stretches * stretch_lanes, lanes = all_lanes / Block::threads,
                       threads_per_stretch = stretch_lanes / lanes, held_slot = tile_stretches;
  static_assert(lanes * Block::threads == all_lanes && lane_sums<float>::width % lanes == 0,
                "32 to 512 threads, a power of two");

 public:
  using storage = row_tile<Block::threads>;

  CPPO_HOST_DEVICE block_pass(Block& block, storage& shared, logit_rows const& rows, index_t row) noexcept
      : block_(block), shared_(shared), rows_(rows), row_(row), per_logit_(per_logit(rows.temperature())) {}

  /// The sums of the row, as `row_pass::run` finds them, for every thread. The `most` largest logits go to the room
  /// that is lent, which one thread writes.
  CPPO_HOST_DEVICE logit_sums run(float* logits, index_t* ids, index_t most) noexcept {
    block_.each([&](int th) {
      if (th == 0) (void)largest_list(logits, ids, most);
    });
    for (index_t first = 0; first < rows_.vocabulary(); first += tile_logits) {
      copy(first, tile_logits);
      if (most > 0) offer(largest_list::kept(logits, ids, most), first);
      find_largest();
      sum();
      add();
      advance(first);
    }
    return finish();
  }

 private:
  /// Copies up to n logits to the tile.
  CPPO_HOST_DEVICE void copy(index_t first, int n) noexcept {
    if (n > rows_.vocabulary() - first) n = static_cast<int>(rows_.vocabulary() - first);
    stretches_ = (n + stretch - 1) / stretch;
    tile_copy<Block> const copied(rows_, row_, first, n, shared_.logits);
    block_.each([&](int th) { copied.run(th); });
  }
  CPPO_HOST_DEVICE tile_lanes<lanes> of_thread(int th) const noexcept { return {shared_.logits, th * lanes}; }

  CPPO_HOST_DEVICE void find_largest() noexcept {
    block_.each([&](int th) {
      auto const mine = of_thread(th);
      if (mine.stretch() < stretches_) shared_.best[th] = mine.largest();
    });
    block_.each([&](int th) {
      if (th >= tile_stretches) return;
      float y = -special<float>::infinity;
      for (int k = 0; k < threads_per_stretch && th < stretches_; ++k) {
        float const x = shared_.best[th * threads_per_stretch + k];
        y = x > y ? x : y;
      }
      shared_.largest[th] = y;
    });
    raises_ = false;
    CPPO_UNROLL_ON_DEVICE
    for (float const x : shared_.largest) raises_ = raises_ || x > maximum_;
  }
  /// Calls raised(s, from) for each stretch that raises the maximum from `from`, and added(s, maximum) for the others.
  template <class Raised, class Added>
  CPPO_HOST_DEVICE void each_stretch(Raised const& raised, Added const& added) const noexcept {
    float maximum = maximum_;
    for (int s = 0; s < stretches_; ++s) {
      if (shared_.largest[s] > maximum) raised(s, maximum), maximum = shared_.largest[s];
      else added(s, maximum);
    }
  }
  /// The scale under which stretch k is summed; of one before this tile, that of the first which raises the maximum.
  CPPO_HOST_DEVICE term_scale scale_of(int k) const noexcept {
    float under = maximum_;
    bool waits = k < 0;
    if (raises_) {
      each_stretch(
          [&](int s, float) {
            if (s == k || waits) under = shared_.largest[s];
            waits = s == k;
          },
          [&](int s, float maximum) {
            if (s == k) under = maximum;
          });
    }
    return {under > -special<float>::infinity ? under : 0.0F, per_logit_};
  }
  /// Sums each stretch of the tile, and the one that is held if it is time.
  CPPO_HOST_DEVICE void sum() noexcept {
    bool const with_held = held_ >= 0 && raises_;
    block_.each([&](int th) {
      auto const mine = of_thread(th);
      if (mine.stretch() < stretches_) sum_of(mine, scale_of(mine.stretch()));
      for (int k = th; with_held && k < stretch_lanes; k += Block::threads) sum_held(k, scale_of(-1));
    });
  }
  CPPO_HOST_DEVICE void sum_of(tile_lanes<lanes> const& mine, term_scale const& scale) noexcept {
    float* const rest = &shared_.rest[mine.stretch()][mine.in_stretch()];
    float* const moment = &shared_.moment[mine.stretch()][mine.in_stretch()];
    sum_lanes<Moment, lanes>([&](int i, float_lane(&x)[std::size_t{lanes}]) { mine.read(i, x); }, scale, rest, moment);
  }
  /// Sums lane k of the stretch that is held, which is read again.
  CPPO_HOST_DEVICE void sum_held(int k, term_scale const& scale) noexcept {
    index_t const first = rows_.first_id() + held_ + first_of_lane(k);
    auto const read = [&](int i, float_lane(&x)[1]) {
      index_t const id = first + index_t{i} * lane_sums<float>::width;
      x[0] = float_lane(rows_.holds(id) ? rows_(row_, id) : -special<float>::infinity);
    };
    sum_lanes<Moment, 1>(read, scale, &shared_.rest[held_slot][k], &shared_.moment[held_slot][k]);
  }
  /// Adds the sums of the tile to those of the row, in order. A thread has a lane.
  CPPO_HOST_DEVICE void add() noexcept {
    block_.apart([&](int th) {
      if (th >= lane_sums<float>::width) return;
      lane_total& t = totals_[th];
      int held = held_ >= 0 ? held_slot : -1;
      each_stretch(
          [&](int s, float from) {
            if (from > -special<float>::infinity)
              lower_scale(from, shared_.largest[s], rows_.temperature()).apply(t.rest, t.moment);
            if (held >= 0) add_stretch(t, held, th);
            held = s;
          },
          [&](int s, float) { add_stretch(t, s, th); });
    });
  }
  CPPO_HOST_DEVICE void add_stretch(lane_total& t, int s, int lane) const noexcept {
    for (int k = lane; k < stretch_lanes; k += lane_sums<float>::width) {
      t.rest += static_cast<double>(shared_.rest[s][k]);
      if constexpr (Moment == moment_is::summed) t.moment += static_cast<double>(shared_.moment[s][k]);
    }
  }
  /// Goes past the tile that begins at `first`.
  CPPO_HOST_DEVICE void advance(index_t first) noexcept {
    if (!raises_) return;
    float maximum = maximum_;
    each_stretch(
        [&](int s, float) {
          held_ = first + index_t{s} * stretch;
          maximum = shared_.largest[s];
        },
        [](int, float) {});
    maximum_ = maximum;
  }

  /// Adds the stretch that is held, without its maximum, whose term is 1.
  CPPO_HOST_DEVICE logit_sums finish() noexcept {
    logit_sums s{maximum_, -1, 0.0, 0.0};
    bool const whole = held_ >= 0 && maximum_ != special<float>::infinity;
    if (whole) s.at = take_out_maximum();
    totals([&](int th) {
      if (whole) add_stretch(totals_[th], 0, th);
    });
    s.rest = shared_.totals.rest.total();
    if (whole && Moment == moment_is::summed) {
      s.moment = moment_of(shared_.totals.moment.total(), s.rest, rows_.temperature(), per_logit_);
    }
    if (s.rest != s.rest) s.at = -1;
    return s;
  }
  /// Sums the stretch that is held without the first logit that is the maximum, whose id is returned.
  CPPO_HOST_DEVICE index_t take_out_maximum() noexcept {
    copy(held_, stretch);
    typename Block::template local<int> first{};
    block_.apart([&](int th) {
      first[th] = stretch;
      for (int k = th; k < stretch && first[th] == stretch; k += Block::threads) {
        if (shared_.logits[place_in_tile(k)] == maximum_) first[th] = k;
      }
    });
    int const at = block_.reduce(first, [](int a, int b) { return a < b ? a : b; });
    block_.each([&](int th) {
      if (th == 0) shared_.logits[place_in_tile(at)] = -special<float>::infinity;
    });
    block_.each([&](int th) {
      auto const mine = of_thread(th);
      if (mine.stretch() == 0) sum_of(mine, {maximum_, per_logit_});
    });
    return held_ + at;
  }
  /// Puts the sums of all lanes where every thread sees them, after f(th) for each.
  template <class F>
  CPPO_HOST_DEVICE void totals(F const& f) noexcept {
    block_.each([&](int th) {
      if (th >= lane_sums<float>::width) return;
      f(th);
      shared_.totals.rest.lanes[th] = totals_[th].rest;
      shared_.totals.moment.lanes[th] = totals_[th].moment;
      shared_.totals.rest.partial[th] = shared_.totals.moment.partial[th] = 0.0F;
    });
  }

  /// Offers the logits of the tile to the list, the largest first; of equals, the one with the lower id.
  CPPO_HOST_DEVICE void offer(largest_list list, index_t first) noexcept {
    typename Block::template local<std::uint64_t> best{};
    float bound = list.bound();
    block_.apart([&](int th) { best[th] = next_of(th, bound, ~std::uint64_t{0}); });
    for (;;) {
      std::uint64_t const key =
          block_.reduce(best, [](std::uint64_t a, std::uint64_t b) { return a > b ? a : b; });
      int const k = static_cast<int>(~static_cast<std::uint32_t>(key));
      if (key == 0 || !(shared_.logits[place_in_tile(k)] > bound)) return;
      block_.each([&](int th) {
        if (th == 0) list.take(shared_.logits[place_in_tile(k)], first + k);
        if (best[th] == key) best[th] = next_of(th, bound, key);
      });
      bound = list.bound();
    }
  }
  /// The key of the first logit of a thread, in that order, which is above the bound and comes after `last`; or 0.
  CPPO_HOST_DEVICE std::uint64_t next_of(int th, float bound, std::uint64_t last) const noexcept {
    auto const mine = of_thread(th);
    std::uint64_t best = 0;
    for (int i = 0; i < lane_logits && mine.stretch() < stretches_; ++i) {
      float_lane x[std::size_t{lanes}];
      mine.read(i, x);
      for (int u = 0; u < lanes; ++u) {
        std::uint64_t const key = key_of(x[u].raw(), mine.index(i) + u);
        if (x[u].raw() > bound && key < last && key > best) best = key;
      }
    }
    return best;
  }
  /// Above that of a smaller logit; of equals, above that of the later one.
  static CPPO_HOST_DEVICE std::uint64_t key_of(float x, int k) noexcept {
    auto const bits = bits_as<std::uint32_t>(x + 0.0F);
    std::uint32_t const order = (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
    return std::uint64_t{order} << 32 | ~static_cast<std::uint32_t>(k);
  }

  Block& block_;
  storage& shared_;
  logit_rows const& rows_;
  index_t row_;
  float per_logit_;
  float maximum_ = -special<float>::infinity;
  index_t held_ = -1;   // the first logit of the stretch that has the maximum
  int stretches_ = 0;     // of the tile
  bool raises_ = false;  // true if one of them raises the maximum
  typename Block::template local<lane_total> totals_{};
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
