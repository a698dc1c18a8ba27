/// @file
/// The divergences of one response on a block of threads: order statistics by counting, and exact ones digit by digit.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/block.hpp>
#include <cppo/execution/call/inspection.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Maps x to an unsigned integer of the same order. x is not NaN; -0 counts as +0.
template <class Real>
struct sortable {
  using key = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;
  static constexpr int bits = 8 * sizeof(Real);
  static constexpr key sign = key{1} << (bits - 1);
  CPPO_HOST_DEVICE static constexpr key of(Real x) noexcept {
    auto const u = bits_as<key>(x + Real(0));
    return (u & sign) != 0 ? static_cast<key>(~u) : static_cast<key>(u | sign);
  }
  CPPO_HOST_DEVICE static constexpr Real value(key k) noexcept {
    return bits_as<Real>((k & sign) != 0 ? static_cast<key>(k & ~sign) : static_cast<key>(~k));
  }
};

/// The statistics that a budget may ask for, from one divergence for each slot, NaN where there is no token.
template <class Block, class Real>
class block_statistics : public known_totals {
  using order = sortable<Real>;
  using key = typename order::key;
  static constexpr int bins = 1 << Block::digit_bits;

 public:
  /// Memory that the block shares.
  struct storage {
    std::uint32_t counts[std::size_t{bins}];
    std::uint32_t digit, before;
  };

  CPPO_HOST_DEVICE block_statistics(response_summary const& whole, Block& block, storage& shared,
                                    Real const* divergences,
                                    index_t slots) noexcept
      : known_totals(whole), block_(&block), shared_(&shared), divergences_(divergences), slots_(slots) {}

  /// The interpolated q-quantile.
  CPPO_HOST_DEVICE double quantile(double q) const noexcept {
    if (length() <= 0) return 0.0;
    quantile_place const place(q, length());
    key const a = select(place.rank);
    double const low = static_cast<double>(order::value(a));
    if (place.next == place.rank) return low;
    return place.between(low, static_cast<double>(order::value(successor(a, place.next))));
  }
  /// clamp(scale * q-quantile, low, high) with 0 <= low. Counting decides if the quantile lies outside the bounds.
  CPPO_HOST_DEVICE double clamped_quantile(double q, double scale, double low, double high) const noexcept {
    if (length() > 0) {
      quantile_place const place(q, length());
      struct sides { index_t at_low, below_high; };
      sides const n = over_divergences(sides{}, [=](sides& s, Real x) {
        double const wanted = scale * static_cast<double>(x);
        s.at_low += wanted <= low ? 1 : 0;
        // equivalent: the answer is selected then where counting would have given it: the same number, later
        s.below_high += wanted < high ? 1 : 0;
      }, [](sides a, sides b) { return sides{a.at_low + b.at_low, a.below_high + b.below_high}; });
      if (place.next < n.at_low) return low;
      if (place.rank >= n.below_high) return high;
    }
    double const wanted = scale * quantile(q);
    return wanted < low ? low : wanted > high ? high : wanted;
  }

 private:
  /// Calls f(mine, x) for every divergence, where `mine` begins as `start`; then reduces the threads' values by `op`.
  template <class T, class F, class Op>
  CPPO_HOST_DEVICE T over_divergences(T start, F const& f, Op const& op) const noexcept {
    typename Block::template local<T> mine;
    block_->apart([&](int th) {
      T sum = start;
      for (index_t i = th; i < slots_; i += Block::threads) {
        Real const x = divergences_[i];
        if (x == x) f(sum, x);
      }
      mine[th] = sum;
    });
    return block_->reduce(mine, op);
  }

  /// The key of order statistic `rank`, found from the highest digit down.
  CPPO_HOST_DEVICE key select(index_t rank) const noexcept {
    key found = 0, decided = 0;
    auto left = static_cast<std::uint32_t>(rank);
    for (int shift = order::bits; shift > 0;) {
      int const width = shift < Block::digit_bits ? shift : Block::digit_bits;
      shift -= width;
      key const digits = (key{1} << width) - 1;
      count_digits(found, decided, shift, digits);
      find_digit(left);
      found |= static_cast<key>(shared_->digit) << shift;
      decided |= digits << shift;
      left -= shared_->before;  // written again after the next barriers
    }
    return found;
  }
  CPPO_HOST_DEVICE void count_digits(key found, key decided, int shift, key digits) const noexcept {
    block_->each([&](int th) {
      for (int d = th; d < bins; d += Block::threads) shared_->counts[d] = 0;
    });
    block_->each([&](int th) {
      for (index_t i = th; i < slots_; i += Block::threads) {
        Real const x = divergences_[i];
        key const k = order::of(x);
        if (x == x && (k & decided) == found) block_->add(shared_->counts[(k >> shift) & digits], 1);
      }
    });
  }
  /// Finds the digit of the value of rank `left`, and how many values have a lower digit.
  CPPO_HOST_DEVICE void find_digit(std::uint32_t left) const noexcept {
    constexpr int each = (bins + Block::threads - 1) / Block::threads;
    typename Block::template local<std::uint32_t> before;
    block_->apart([&](int th) {
      for (int d = th * each; d < (th + 1) * each && d < bins; ++d) before[th] += shared_->counts[d];
    });
    (void)block_->exclusive_sum(before);
    block_->each([&](int th) {
      std::uint32_t sum = before[th];
      for (int d = th * each; d < (th + 1) * each && d < bins; ++d) {
        std::uint32_t const here = shared_->counts[d];
        if (left >= sum && left - sum < here) shared_->digit = static_cast<std::uint32_t>(d), shared_->before = sum;
        sum += here;
      }
    });
  }
  /// The key of order statistic `rank`, given the key of the one before it.
  CPPO_HOST_DEVICE key successor(key one, index_t rank) const noexcept {
    struct neighbours { index_t up_to; key above; };
    neighbours const n = over_divergences(neighbours{0, static_cast<key>(~key{0})}, [one](neighbours& s, Real x) {
      key const k = order::of(x);
      if (k <= one) ++s.up_to;
      else if (k < s.above) s.above = k;
    }, [](neighbours a, neighbours b) { return neighbours{a.up_to + b.up_to, a.above < b.above ? a.above : b.above}; });
    return rank < n.up_to ? one : n.above;
  }

  Block* block_;
  storage* shared_;
  Real const* divergences_;
  index_t slots_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
