/// @file
/// The search for an order statistic whose values lie on several ranks: a few exchanges of a fixed size, whatever the
/// number of values.
///
/// Values are sorted into bins by their leading bits, of which each round looks at 11 more. What a bin holds is exact
/// and adds up in any order; so the value found is the one that a look at all values finds.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/fold_state.hpp>
#include <cppo/fold/order.hpp>

#include <bit>
#include <cstdint>

namespace cppo { inline namespace CPPO_ABI {

/// The number of bins in a round of a search.
inline constexpr index_t fold_bins = 2048;

/// Some values of an order statistic. A commutative monoid under `+` with identity `{}`.
struct fold_bin {
  fold_state values;     ///< what they come to
  index_t of_least = 0;  ///< how many of them are as small as the smallest

  /// Both bins' values together.
  friend constexpr fold_bin operator+(fold_bin const& a, fold_bin const& b) noexcept {
    index_t const from_a = a.values.least <= b.values.least ? a.of_least : 0;
    index_t const from_b = b.values.least <= a.values.least ? b.of_least : 0;
    return {a.values + b.values, from_a + from_b};
  }
  /// True if both are the same.
  friend constexpr bool operator==(fold_bin const& a, fold_bin const& b) noexcept {
    return a.values == b.values && a.of_least == b.of_least;
  }
};

namespace detail {

/// The bits of a number as an integer that rises with it; +0 and -0 have the same.
/// @{
constexpr std::uint32_t rising_bits(float x) noexcept {
  auto const u = std::bit_cast<std::uint32_t>(x + 0.0F);
  return u >> 31 != 0 ? ~u : u | 0x80000000U;
}
constexpr std::uint64_t rising_bits(double x) noexcept {
  auto const u = std::bit_cast<std::uint64_t>(x + 0.0);
  return u >> 63 != 0 ? ~u : u | 0x8000000000000000U;
}
/// @}

inline constexpr int bits_a_round = 11;
/// The rounds that a search takes: 3 in float, 6 in double.
template <class Real>
inline constexpr int search_rounds = (static_cast<int>(sizeof(Real)) * 8 + bits_a_round - 1) / bits_a_round;

/// The search for order statistic Kind among values of type Real.
template <class Kind, class Real>
class bin_search {
 public:
  constexpr explicit bin_search(double parameter, Kind kind = {}) noexcept : parameter_(parameter), kind_(kind) {}

  /// Sorts a value into the bins of the next round, if it is still looked for.
  constexpr void sort_in(Real x, fold_bin* bins) const noexcept {
    if (x == static_cast<Real>(quantities::left_out) || ended_) return;
    std::uint64_t const rising = rising_bits(x);
    if (round_ > 0 && rising >> seen() != found_bits_) return;
    fold_bin& bin = bins[(rising >> (seen() - width())) & ((std::uint64_t{1} << width()) - 1)];
    bin = bin + fold_bin{fold_state::of(x), 1};
  }
  /// Takes the bins of the next round, with the values of all ranks. As v rises, v is admitted first and not then: the
  /// last bin whose smallest value is admitted holds the one looked for.
  constexpr void take(fold_bin const* bins) noexcept {
    if (ended_) return;
    if (round_ == 0) count(bins);
    fold_bin const* last = nullptr;
    index_t below = below_;
    exact_sum sum = sum_;
    for (index_t k = 0; k < fold_bins; ++k) {
      fold_bin const& b = bins[k];
      if (b.values.count == 0) continue;
      if (!kind_.admits(b.values.least, standing_of(b, below, sum), parameter_)) break;
      last = &b;
      below_ = below, sum_ = sum;
      below += b.values.count;
      sum = sum + b.values.sum;
    }
    ended_ = last == nullptr;  // none is admitted
    if (ended_) return;
    found_ = static_cast<Real>(last->values.least);
    found_bits_ = found_bits_ << width() | static_cast<std::uint64_t>(last - bins);
    ++round_;
  }
  /// What has been found, after all rounds, as the state of the fold.
  constexpr fold_state found() const noexcept {
    if (all_ == 0) return {};
    auto const value = static_cast<double>(round_ > 0 ? found_ : none_admitted(least_, kind_));
    return {{}, all_, value, value};
  }

 private:
  static constexpr int bits = static_cast<int>(sizeof(Real)) * 8;
  /// The lower bits that no round before has looked at, and how many of them the next one does.
  /// @{
  constexpr int seen() const noexcept { return bits - bits_a_round * round_; }
  constexpr int width() const noexcept { return seen() < bits_a_round ? seen() : bits_a_round; }
  /// @}

  constexpr void count(fold_bin const* bins) noexcept {
    fold_state all;
    for (index_t k = 0; k < fold_bins; ++k) all = all + bins[k].values;
    all_ = all.count;
    ended_ = all_ == 0;
    least_ = static_cast<Real>(all.least);
  }
  constexpr standing standing_of(fold_bin const& b, index_t below, exact_sum sum) const noexcept {
    exact_sum const equal = fold_state::of(static_cast<Real>(b.values.least)).repeated(b.of_least).sum;
    return {.below = below, .upto = below + b.of_least, .sum = sum + equal, .all = all_};
  }

  double parameter_;
  [[no_unique_address]] Kind kind_;
  int round_ = 0;
  bool ended_ = false;
  index_t all_ = 0, below_ = 0;
  exact_sum sum_;
  Real found_ = 0, least_ = 0;
  std::uint64_t found_bits_ = 0;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
