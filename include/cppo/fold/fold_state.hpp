/// @file
/// What is known of the items of a fold: integers and comparisons, so that any order and any cut gives the same bits.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exact_sum.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// A power of two above x and at most 2x, for a normal x above 0; 1 for 0.
CPPO_HOST_DEVICE constexpr double power_of_two_above(double x) noexcept {
  return x > 0.0 ? x / register_ops<double>::significand(x) * 2.0 : 1.0;
}
}  // namespace detail

/// The state of a fold: what every statistic of it is read from. A commutative monoid under `+` with identity `{}`.
struct fold_state {
  exact_sum sum;                                ///< exact, on the grid 2^-40
  index_t count = 0;                            ///< items
  double least = detail::special<double>::infinity;  ///< the smallest value; +inf of no item
  double most = -detail::special<double>::infinity;  ///< the largest value; -inf of no item

  /// The state of one item. Pre: |x| <= 1000.
  template <class Real>
  CPPO_HOST_DEVICE static constexpr fold_state of(Real x) noexcept {
    // -0 becomes +0, so that which of the two comes first does not show.
    double const value = static_cast<double>(x) + 0.0;
    return {detail::to_grid(x), 1, value, value};
  }
  /// The state of so many items that are all like the one. Pre: it holds one.
  CPPO_HOST_DEVICE constexpr fold_state repeated(index_t times) const noexcept {
    return {{sum.high * times, sum.low * times}, times, least, most};
  }
  /// The mean, 0 of no item. It is never outside [least, most], so that the mean of equal values is that value.
  CPPO_HOST_DEVICE constexpr double mean() const noexcept {
    if (count <= 0) return 0.0;
    double const quotient = detail::mean_of(sum, count);
    return quotient < least ? least : quotient > most ? most : quotient;
  }
  /// A power of two above every value's distance from the mean.
  CPPO_HOST_DEVICE constexpr double unit_of_distance() const noexcept {
    double const centre = mean(), up = most - centre, down = centre - least;
    return detail::power_of_two_above(up > down ? up : down);
  }
  /// A power of two above every value's size.
  CPPO_HOST_DEVICE constexpr double unit_of_size() const noexcept {
    return detail::power_of_two_above(most > -least ? most : -least);
  }
  /// Both states' items together.
  CPPO_HOST_DEVICE friend constexpr fold_state operator+(fold_state const& a, fold_state const& b) noexcept {
    return {a.sum + b.sum, a.count + b.count, b.least < a.least ? b.least : a.least, b.most > a.most ? b.most : a.most};
  }
  /// True if both are the same.
  CPPO_HOST_DEVICE friend constexpr bool operator==(fold_state const& a, fold_state const& b) noexcept {
    return a.sum == b.sum && a.count == b.count && a.least == b.least && a.most == b.most;
  }
};

/// What a piece of a response must know of a fold beyond itself.
struct fold_totals {
  fold_state before;    ///< of the earlier pieces of its response
  fold_state after;     ///< of the later ones
  fold_state response;  ///< of its whole response
  fold_state batch;     ///< of the whole batch
  bool off_grid = false;  ///< a term of its response is NaN or beyond +-1000: all its pieces are left out
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
