/// @file
/// Order statistics of any number of values on a block of threads, found bit by bit.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/counts.hpp>
#include <cppo/execution/block/statistics.hpp>
#include <cppo/fold/order.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The order statistic `Kind` of values that are not left out. `Each`: `each(th, f)` calls f(x) for those of thread th.
template <class Kind, class Block, class Real, class Each>
class block_order {
  using order = sortable<Real>;
  using key = typename order::key;
  /// What is seen of the values in one look.
  struct seen {
    standing s;
    key least = static_cast<key>(~key{0}), most = 0;  // the smallest value, and the largest at most v

    CPPO_HOST_DEVICE void take(Real x, key at) noexcept {
      if (x == static_cast<Real>(quantities::left_out)) return;
      ++s.all;
      key const k = order::of(x);
      least = k < least ? k : least;
      s.below += k < at ? 1 : 0;
      if (k > at) return;
      ++s.upto;
      s.sum = s.sum + to_grid(x);
      most = k > most ? k : most;
    }
    CPPO_HOST_DEVICE friend seen operator+(seen const& a, seen const& b) noexcept {
      return {{a.s.below + b.s.below, a.s.upto + b.s.upto, a.s.sum + b.s.sum, a.s.all + b.s.all},
              a.least < b.least ? a.least : b.least,
              a.most > b.most ? a.most : b.most};
    }
  };

 public:
  CPPO_HOST_DEVICE block_order(Block& block, double parameter, Each const& each, Kind kind) noexcept
      : block_(block), each_(each), parameter_(parameter), kind_(kind) {}

  /// Finds it; 0 of no value. All threads get it.
  CPPO_HOST_DEVICE Real select() const noexcept {
    key low = order::of(Real(-divergence_limit)), high = order::of(Real(divergence_limit));
    while (low < high) {  // the largest key that is admitted
      key const middle = low + (high - low) / 2 + (high - low) % 2;
      if (admits(middle, look(middle).s)) low = middle;
      else high = static_cast<key>(middle - 1);
    }
    seen const last = look(low);
    if (last.s.all <= 0) return Real(0);
    return last.s.upto > 0 && admits(low, last.s) ? order::value(last.most)
                                                  : none_admitted(order::value(last.least), kind_);
  }

 private:
  /// A number below all values is admitted.
  CPPO_HOST_DEVICE bool admits(key at, standing const& s) const noexcept {
    return s.upto == 0 || kind_.admits(static_cast<double>(order::value(at)), s, parameter_);
  }
  CPPO_HOST_DEVICE seen look(key at) const noexcept {
    typename Block::template local<seen> mine{};
    block_.apart([&](int th) { each_(th, [&](Real x) { mine[th].take(x, at); }); });
    return block_.reduce(mine, plus{});
  }

  Block& block_;
  Each const& each_;
  double parameter_;
  Kind kind_;
};
template <class Kind, class Real, class Block, class Each>
CPPO_HOST_DEVICE Real block_select(Block& block, double parameter, Each const& each, Kind kind = {}) noexcept {
  return block_order<Kind, Block, Real, Each>(block, parameter, each, kind).select();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
