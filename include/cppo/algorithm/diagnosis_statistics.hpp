/// @file
/// The statistical tests of a diagnosis. On good data a test fires with a probability of 1e-9 = e^-20.7, that of six
/// standard errors of a normal law on one side. No test assumes that a variance is finite.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exponential.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// -log of the probability at which a test fires.
inline constexpr double sure = 20.7;

/// Square root, accurate to a few units in the last place. For numbers that are shown, not decided by.
constexpr double root(double x) noexcept {
  if (!(x > 0.0)) return 0.0;
  double y = x > 1.0 ? x : 1.0;
  for (double next = 0.5 * (y + x / y); next < y; next = 0.5 * (y + x / y)) y = next;
  return y;
}

/// How many standard errors the mean of numbers is away from 1: the sum of their deviations over the root of the sum of
/// their squares. It is at most the root of how many there are, and one huge number brings it to 1 at most. So where
/// large numbers have a heavy tail, six standard errors above 1 are rarer than under a normal law.
struct deviation_from_one {
  index_t n = 0;
  double sum = 0.0;
  double square = 0.0;

  constexpr void add(double x) noexcept {
    double const d = x - 1.0;
    ++n;
    sum += d;
    square += rounded_product(d, d);
  }
  constexpr deviation_from_one operator+(deviation_from_one const& o) const noexcept {
    return {n + o.n, sum + o.sum, square + o.square};
  }
  /// True if the mean is above 1 by more than so many standard errors, and by more than rounding can cause.
  constexpr bool above(double errors) const noexcept { return sum > 1e-4 * static_cast<double>(n) && !within(errors); }
  /// True if the mean is within so many standard errors of 1, on either side.
  constexpr bool within(double errors) const noexcept { return sum * sum <= errors * errors * square; }
  constexpr double errors() const noexcept { return square > 0.0 ? sum / root(square) : 0.0; }
};

/// Evidence that numbers >= 0 have a mean above 1. It is the capital of a player who stakes a fixed share of it on each
/// number and is paid the number for a stake of 1. If the mean is at most 1, whatever came before, such capital ever
/// reaches e^s with probability e^-s at most (Ville 1939). So numbers that are nearly all a little above 1 prove
/// nothing as long as a few far below may come: a law that grows sharper raises likely tokens a little and lowers rare
/// ones much.
class bets {
 public:
  constexpr void add(double x) noexcept {
    for (int k = 0; k < games; ++k) win(k, 1.0 + rounded_product(share(k), x - 1.0));
  }
  constexpr void take(bets const& o) noexcept {
    for (int k = 0; k < games; ++k) {
      win(k, o.won_[k]);
      scale_[k] += o.scale_[k];
    }
  }
  /// True if one of the games has won so much that chance is excluded.
  constexpr bool sure_of_it() const noexcept {
    for (int k = 0; k < games; ++k) {
      double const gain = log(won_[k]) + static_cast<double>(scale_[k]) * 0.6931471805599453;
      if (gain > sure + log(static_cast<double>(games))) return true;
    }
    return false;
  }

 private:
  static constexpr int games = 12;
  static constexpr double share(int k) noexcept { return 1.0 / static_cast<double>(1 << k); }
  constexpr void win(int k, double factor) noexcept {
    won_[k] *= factor;
    if (won_[k] > 0x1p200) won_[k] *= 0x1p-200, scale_[k] += 200;
    if (won_[k] < 0x1p-200) won_[k] *= 0x1p200, scale_[k] -= 200;
  }

  double won_[games] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  index_t scale_[games] = {};  // powers of 2 beside it
};

/// log n! by Stirling's series, accurate to 1e-3.
constexpr double log_factorial(double n) noexcept {
  if (n < 2.0) return 0.0;
  return (n + 0.5) * log(n) - n + 0.9189385332046727 + 1.0 / (12.0 * n);
}
/// log (n choose k).
constexpr double log_choose(double n, double k) noexcept {
  return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

/// True if `marked` of `all` things in a row stand in too few runs for chance: in at most `marked - neighbours`. If any
/// order were as likely, the number of runs would be hypergeometric (Wald and Wolfowitz 1940).
constexpr bool stands_in_runs(index_t all, index_t marked, index_t neighbours) noexcept {
  auto const z = static_cast<double>(marked), others = static_cast<double>(all - marked);
  auto const runs = static_cast<double>(marked - neighbours);
  if (neighbours < 1 || runs > others + 1.0) return false;
  double const fewer = runs * (runs - 1.0) / ((others + 2.0 - runs) * (z - runs + 1.0));  // P(runs - 1) / P(runs)
  if (!(fewer < 0.99)) return false;
  double const p = log_choose(others + 1.0, runs) + log_choose(z - 1.0, runs - 1.0) - log_choose(z + others, z);
  return p - log(1.0 - fewer) < -sure;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
