/// @file
/// Fractions of 64-bit integers, which say when they no longer fit. With them an identity holds exactly or does not.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <compare>

namespace cppo { inline namespace CPPO_ABI { namespace theory {

/// n/d in lowest terms, d > 0. Every operation is exact, or its result is not `valid()`. Like NaN, such a result stays,
/// and compares unequal to and unordered with everything. A division by 0 is not valid either.
class rational {
 public:
  constexpr rational() noexcept = default;
  /// A whole number. The conversion is implicit, as for any number type.
  constexpr rational(index_t whole) noexcept : rational(whole, 1) {}
  /// A whole number, for Eigen, which writes 0 and 1 as int.
  constexpr rational(int whole) noexcept : rational(static_cast<index_t>(whole), 1) {}
  /// n/d, reduced.
  constexpr rational(index_t n, index_t d) noexcept : rational(reduced(n, d)) {}

  /// Numerator, with the sign.
  constexpr index_t numerator() const noexcept { return n_; }
  /// Denominator, positive; 0 if the number is not valid.
  constexpr index_t denominator() const noexcept { return d_; }
  /// True if all numbers fitted on the way to this one.
  constexpr bool valid() const noexcept { return d_ != 0; }
  /// The nearest double, within three units in the last place; NaN if not valid.
  explicit constexpr operator double() const noexcept { return static_cast<double>(n_) / static_cast<double>(d_); }

  /// The exact result, or one that is not valid.
  /// @{
  friend constexpr rational operator+(rational a, rational b) noexcept {
    return reduced(wide{a.n_} * b.d_ + wide{b.n_} * a.d_, wide{a.d_} * b.d_);
  }
  friend constexpr rational operator-(rational a, rational b) noexcept { return a + -b; }
  friend constexpr rational operator*(rational a, rational b) noexcept {
    return reduced(wide{a.n_} * b.n_, wide{a.d_} * b.d_);
  }
  friend constexpr rational operator/(rational a, rational b) noexcept {
    return b.valid() ? reduced(wide{a.n_} * b.d_, wide{a.d_} * b.n_) : b;
  }
  friend constexpr rational operator-(rational a) noexcept {
    a.n_ = -a.n_;
    return a;
  }
  friend constexpr rational abs(rational a) noexcept { return a.n_ < 0 ? -a : a; }
  constexpr rational& operator+=(rational b) noexcept { return *this = *this + b; }
  constexpr rational& operator-=(rational b) noexcept { return *this = *this - b; }
  constexpr rational& operator*=(rational b) noexcept { return *this = *this * b; }
  constexpr rational& operator/=(rational b) noexcept { return *this = *this / b; }
  /// @}

  /// True if both are valid and the same number.
  friend constexpr bool operator==(rational a, rational b) noexcept {
    return a.valid() && b.valid() && a.n_ == b.n_ && a.d_ == b.d_;
  }
  /// Orders by value.
  friend constexpr std::partial_ordering operator<=>(rational a, rational b) noexcept {
    if (!a.valid() || !b.valid()) return std::partial_ordering::unordered;
    return wide{a.n_} * b.d_ <=> wide{b.n_} * a.d_;
  }

 private:
  __extension__ typedef __int128 wide;
  static constexpr index_t largest = 0x7fffffffffffffff;

  /// Numerators and denominators lie in [-(2^63 - 1), 2^63 - 1], so 128 bits hold products of two of them, and the sum
  /// of two products.
  static constexpr rational reduced(wide n, wide d) noexcept {
    rational r;
    r.d_ = 0;
    if (d == 0) return r;
    wide a = n < 0 ? -n : n, b = d < 0 ? -d : d;
    while (b != 0) {
      wide const rest = fits(a) && fits(b) ? wide{static_cast<index_t>(a) % static_cast<index_t>(b)} : a % b;
      a = b;
      b = rest;
    }
    n /= d < 0 ? -a : a;
    d /= d < 0 ? -a : a;
    if (!fits(n < 0 ? -n : n) || !fits(d)) return r;
    r.n_ = static_cast<index_t>(n);
    r.d_ = static_cast<index_t>(d);
    return r;
  }
  static constexpr bool fits(wide magnitude) noexcept { return magnitude <= wide{largest}; }

  index_t n_ = 0;
  index_t d_ = 1;
};

}}}  // namespace cppo::theory

#include <cppo/macros_on.inc>
