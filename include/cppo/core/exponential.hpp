/// @file
/// e^x and log x on lanes. They are the library's own, so that they have the same bits wherever IEEE arithmetic has.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// e^x as (1 + e) * s with s a power of two: x = n log 2 + r, e = e^r - 1.
template <class V>
struct exp_parts {
  V e;       ///< (e^x - s) / s, relative accuracy kept near 0
  V s;       ///< 2^n
  V tail;    ///< e - r = e^r - 1 - r, without cancellation
  /// e^x: s is a power of two, so the product is exact.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V value() const noexcept { return exact_product(V(1) + e, s); }
  /// 1 - e^x without cancellation for x <= 0: s * e is exact.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V complement() const noexcept {
    return (V(1) - s) - exact_product(s, e);
  }
};

/// Least argument of `exp_core`: below it e^x is taken as e^floor.
template <class T>
inline constexpr T exp_floor = std::is_same_v<T, float> ? T(-86.5) : T(-700);

/// e^x for exp_floor <= x <= 88.37 (beyond it 2^n is infinite): a polynomial of degree 7 in Estrin's scheme, 1 ulp.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr exp_parts<V> exp_core_of_floats(V x) noexcept {
  V const magic(12583039.0F);  // 1.5 * 2^23 + 127
  V const t = x * V(1.44269504F) + magic;
  V const s = V::from_raw(V::ops::to_exponent(t.raw()));
  V const n = t - magic;
  V r = x - exact_product(n, V(0x1.62e4p-1F));
  r = r - exact_product(n, V(0x1.7f7ep-20F));
  V const r2 = r * r;
  V const lo = V(0x1.555554p-3F) * r + V(0.5F);
  V const top = V(0x1.9e7c8ep-13F) * r + V(0x1.6d3a66p-10F);
  V const hi = top * r2 + (V(0x1.1112d4p-7F) * r + V(0x1.5554f8p-5F));
  V const tail = r2 * (hi * r2 + lo);
  return {tail + r, s, tail};
}
/// e^x for exp_floor <= x <= 700: a polynomial of degree 13 in Horner's scheme.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr exp_parts<V> exp_core_of_doubles(V x) noexcept {
  V const magic(6755399441056767.0);  // 1.5 * 2^52 + 1023
  V const t = x * V(1.4426950408889634) + magic;
  V const s = V::from_raw(V::ops::to_exponent(t.raw()));
  V const n = t - magic;
  V r = x - exact_product(n, V(0x1.62e42fefap-1));
  r = r - n * V(0x1.cf79abc9e3b3ap-40);
  V q(1.0 / 6227020800.0);  // 1 / 13!
  q = q * r + V(1.0 / 479001600.0);
  q = q * r + V(1.0 / 39916800.0);
  q = q * r + V(1.0 / 3628800.0);
  q = q * r + V(1.0 / 362880.0);
  q = q * r + V(1.0 / 40320.0);
  q = q * r + V(1.0 / 5040.0);
  q = q * r + V(1.0 / 720.0);
  q = q * r + V(1.0 / 120.0);
  q = q * r + V(1.0 / 24.0);
  q = q * r + V(1.0 / 6.0);
  q = q * r + V(0.5);
  V const tail = (r * r) * q;
  return {tail + r, s, tail};
}
/// e^x by the type of V's elements.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr exp_parts<V> exp_core(V x) noexcept {
  if constexpr (std::is_same_v<typename V::value_type, float>) return exp_core_of_floats(x);
  else return exp_core_of_doubles(x);
}

/// log x in double. x = 2^k m with m in [sqrt(1/2), sqrt 2), and log m by the series of 2 artanh((m - 1) / (m + 1)).
CPPO_HOST_DEVICE constexpr double log(double x) noexcept {
  constexpr std::uint64_t infinity = 0x7ff0000000000000ULL;
  std::uint64_t u = bits_as<std::uint64_t>(x);
  if ((u & ~(std::uint64_t{1} << 63)) == 0) return bits_as<double>(infinity | (std::uint64_t{1} << 63));
  // equivalent: the payload of a NaN means nothing
  if ((u >> 63) != 0 || u > infinity) return bits_as<double>(std::uint64_t{0x7ff8000000000000ULL});
  if (u == infinity) return x;
  int k = -1023;
  if (u < 0x0010000000000000ULL) {  // subnormal
    u = bits_as<std::uint64_t>(x * 0x1p54);
    k -= 54;
  }
  k += static_cast<int>(u >> 52);
  u = (u & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
  double m = bits_as<double>(u);
  if (m >= 1.4142135623730951) {
    m *= 0.5;
    ++k;
  }
  double const f = m - 1.0;
  double const z = f / (2.0 + f);
  double const z2 = rounded_product(z, z);
  double q = 2.0 / 23.0;  // equivalent: moves log x by 1e-18 of itself
  for (int odd = 21; odd >= 3; odd -= 2) q = rounded_product(q, z2) + 2.0 / odd;
  double const series = f - rounded_product(z, f - rounded_product(q, z2));
  return k == 0 ? series : rounded_product(k, 0x1.62e42fefap-1) + (rounded_product(k, 0x1.cf79abc9e3b3ap-40) + series);
}

/// e^x in double for any x <= 0; 0 below -700.
CPPO_HOST_DEVICE constexpr double exp_nonpositive(double x) noexcept {
  return x < -700.0 ? 0.0 : exp_core(lane<double>(x)).value().raw();
}

/// log(1 - e^x) for x <= 0 without cancellation: -inf at 0, about -e^x far below.
CPPO_HOST_DEVICE constexpr double log1mexp(double x) noexcept {
  if (x < -700.0) return 0.0;
  double const tail = exp_core(lane<double>(x)).value().raw();
  if (x < -40.0) return -tail;
  if (x < -0.6931471805599453) {  // log1p(-tail): first order correction of log(1 - tail)
    double const u = 1.0 - tail;
    return log(u) - ((u - 1.0) + tail) / u;
  }
  return log(exp_core(lane<double>(x)).complement().raw());
}

}  // namespace detail

/// e^a for every a: NaN stays NaN, +0 below -86.5 (float) or -700 (double), +inf on overflow. Error in float: 1 ulp, 2
/// ulp above 88; in double: 1.5 ulp, 2.5 ulp above 700.
template <class R>
CPPO_HOST_DEVICE constexpr lane<R> exp(lane<R> a) noexcept {
  using V = lane<R>;
  using T = typename V::value_type;
  constexpr T low = detail::exp_floor<T>;
  constexpr T high = std::is_same_v<T, float> ? T(88.0) : T(700);
  auto const parts = detail::exp_core(min(max(a, V(low)), V(high)));
  V const y = parts.value();
  V total = select(a < V(low), V(0), y);
  auto const far = a > V(high);
  if (V::ops::any(far.raw())) [[unlikely]] {
    total =
        select(far, detail::exact_product(detail::exp_core(min(max(a - V(high), V(0)), V(high))).value(), y), total);
  }
  return select(a == a, total, a);
}

/// log a: -inf at 0, NaN below 0. Computed in double and rounded once, one lane at a time.
template <class R>
CPPO_HOST_DEVICE constexpr lane<R> log(lane<R> a) noexcept {
  using T = typename lane<R>::value_type;
  return detail::map_lanes(a, [](T x) { return static_cast<T>(detail::log(static_cast<double>(x))); });
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
