// What the functions that exhaustive_floats walks through should give: from bits as integers, or from the C library in
// double. Includes nothing of the library.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace exhaustive {

__extension__ using wide_int = __int128;

// A finite float as magnitude * 2^exponent, magnitude below 2^24.
struct parts {
  bool negative;
  std::uint32_t magnitude;
  int exponent;
};
inline parts parts_of(float x) {
  auto const u = std::bit_cast<std::uint32_t>(x);
  std::uint32_t const field = u >> 23 & 0xffU, fraction = u & 0x7fffffU;
  if (field == 0) return {u >> 31 != 0, fraction, -149};
  return {u >> 31 != 0, fraction | 0x800000U, static_cast<int>(field) - 150};
}

// m * 2^exponent to the nearest integer, ties to even. Pre: the result fits.
inline wide_int nearest_integer(std::uint32_t m, int exponent) {
  if (exponent >= 0) return static_cast<wide_int>(m) << exponent;
  if (exponent < -25) return 0;  // below one half
  std::uint32_t const unit = 1U << -exponent, whole = m >> -exponent, rest = m & (unit - 1U);
  bool const up = rest > unit / 2 || (rest == unit / 2 && whole % 2 == 1);
  return whole + (up ? 1U : 0U);
}
// x * 2^shift to the nearest integer, ties to even.
inline wide_int nearest_scaled(float x, int shift) {
  parts const p = parts_of(x);
  wide_int const n = nearest_integer(p.magnitude, p.exponent + shift);
  return p.negative ? -n : n;
}

// x in a 16-bit format of the given fields, nearest, ties to even, past the largest infinity, NaN as `nan_bits` of it.
template <int ExponentBits, int FractionBits>
std::uint16_t nearest_in_format(float x) {
  constexpr int bias = (1 << (ExponentBits - 1)) - 1, least = 1 - bias - FractionBits;
  constexpr std::uint32_t infinity = ((1U << ExponentBits) - 1U) << FractionBits;
  std::uint32_t const sign = std::bit_cast<std::uint32_t>(x) >> 31 << 15;
  if (std::isinf(x)) return static_cast<std::uint16_t>(sign | infinity);
  parts const p = parts_of(x);
  if (p.magnitude == 0) return static_cast<std::uint16_t>(sign);
  int const top = static_cast<int>(std::bit_width(p.magnitude)) - 1 + p.exponent;  // 2^top <= |x| < 2^(top + 1)
  int const unit = top - FractionBits > least ? top - FractionBits : least;      // spacing of the format there
  auto const n = static_cast<std::uint32_t>(nearest_integer(p.magnitude, p.exponent - unit));
  // n units; a carry into the next power of two adds one to the exponent field, as it should.
  std::uint32_t const bits = unit == least ? n : (static_cast<std::uint32_t>(unit - least) << FractionBits) + n;
  return static_cast<std::uint16_t>(sign | (bits < infinity ? bits : infinity));
}
// What a pattern of such a format means.
template <int ExponentBits, int FractionBits>
double meaning(std::uint16_t bits) {
  int const field = bits >> FractionBits & ((1 << ExponentBits) - 1), fraction = bits & ((1 << FractionBits) - 1);
  int const bias = (1 << (ExponentBits - 1)) - 1;
  double const sign = bits >> 15 != 0 ? -1.0 : 1.0;
  if (field == (1 << ExponentBits) - 1) {
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  }
  int const hidden = field == 0 ? 0 : 1 << FractionBits;
  return sign * std::ldexp(hidden + fraction, (field == 0 ? 1 : field) - bias - FractionBits);
}

// |got - want| in units of the last place of `want` as a float; infinity stands for 2^128.
inline double ulps(float got, double want) {
  double const y = std::isinf(got) ? std::copysign(0x1p128, static_cast<double>(got)) : static_cast<double>(got);
  int const exponent = want == 0.0 ? -149 : std::ilogb(want) - 23;
  return std::fabs(y - want) * std::ldexp(1.0, -(exponent < -149 ? -149 : exponent > 104 ? 104 : exponent));
}

// The same in units of the last place of a double; infinity stands for 2^1024, NaN is right only where it is wanted.
inline double wide_ulps(double got, long double want) {
  if (want != want || got != got) return want != want && got != got ? 0.0 : HUGE_VAL;
  if (std::isinf(want)) return static_cast<long double>(got) == want ? 0.0 : HUGE_VAL;
  auto const wide = static_cast<long double>(got);
  long double const y = std::isinf(got) ? std::copysign(0x1p1024L, wide) : wide;
  int const exponent = want == 0.0L ? -1074 : std::ilogb(want) - 52;
  int const unit = exponent < -1074 ? -1074 : exponent > 971 ? 971 : exponent;
  return static_cast<double>(std::fabs(y - (want > 0x1p1024L ? 0x1p1024L : want)) * std::ldexp(1.0L, -unit));
}

// e^x - 1 - x and x - log(1 + x), by their series where they would cancel.
inline double exp_rest(double x) {
  if (std::fabs(x) > 0.3) return std::expm1(x) - x;
  double sum = 0.0;
  for (int n = 16; n >= 2; --n) sum = (sum + 1.0) * x / n;
  return sum * x;
}
inline double log_rest(double x) {
  if (std::fabs(x) > 0.2) return x - std::log1p(x);
  double sum = 0.0;
  for (int n = 24; n >= 2; --n) sum = 1.0 / n - x * sum;
  return sum * x * x;
}
// KL of two Bernoulli laws of success log-probabilities a and b, as two terms that are not negative.
inline double bernoulli_kl(double a, double b) {
  double const rest = -std::expm1(a), other = -std::expm1(b), p = std::exp(a);
  if (a == b || rest == 0.0) return a == b ? 0.0 : a - b;
  bool const far = b - a > 700.0;  // e^(b - a) is infinite, and p is nothing beside e^b
  double const x = -(far ? std::exp(b) : p * std::expm1(b - a)) / rest;
  double const hit = far ? std::exp(b) : p > 0.0 ? p * exp_rest(b - a) : 0.0;
  return hit + rest * (std::fabs(x) > 0.2 ? x - std::log(other / rest) : log_rest(x));
}

}  // namespace exhaustive
