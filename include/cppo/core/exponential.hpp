/// @file
/// e^x and log x on lanes. They are the library's own, so that they have the same bits wherever IEEE arithmetic has.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// f(x...) of lanes of doubles, rounded once to V. f takes lanes of any number of doubles.
/// @{
template <class V, class F>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V in_double(F const& f, V x) noexcept {
  using T = typename V::value_type;
  if constexpr (requires { V::ops::in_double(f, x.raw()); }) return V::from_raw(V::ops::in_double(f, x.raw()));
  else return map_lanes(x, [&f](T a) { return static_cast<T>(f(double_lane(a)).raw()); });
}
template <class V, class F>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V in_double(F const& f, V x, V y) noexcept {
  using T = typename V::value_type;
  if constexpr (requires { V::ops::in_double(f, x.raw(), y.raw()); }) {
    return V::from_raw(V::ops::in_double(f, x.raw(), y.raw()));
  } else {
    return map_lanes(x, y, [&f](T a, T b) { return static_cast<T>(f(double_lane(a), double_lane(b)).raw()); });
  }
}
/// @}

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
/// An argument below it for which `exp_core` gives s = +0: e^x is 0.
template <class T>
inline constexpr T exp_zero = std::is_same_v<T, float> ? T(-88) : T(-709);

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
/// x = n log 2 + r, and s = 2^n; for doubles.
template <class V>
struct reduced_argument {
  V r, s;
};
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr reduced_argument<V> reduced_doubles(V x) noexcept {
  V const magic(6755399441056767.0);  // 1.5 * 2^52 + 1023
  V const t = x * V(1.4426950408889634) + magic;
  V const s = V::from_raw(V::ops::to_exponent(t.raw()));
  V const n = t - magic;
  V r = x - exact_product(n, V(0x1.62e42fefap-1));
  r = r - n * V(0x1.cf79abc9e3b3ap-40);
  return {r, s};
}
/// e^x for exp_floor <= x <= 700: a polynomial of degree 13 in Horner's scheme.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr exp_parts<V> exp_core_of_doubles(V x) noexcept {
  auto const [r, s] = reduced_doubles(x);
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

/// e^x in double where the result is rounded to float: degree 9, relative error of all parts below 1.3e-10.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr exp_parts<V> short_exp_core_of_doubles(V x) noexcept {
  auto const [r, s] = reduced_doubles(x);
  V const r2 = r * r, r4 = r2 * r2;
  V const low = (r2 * (r * V(1.0 / 120) + V(1.0 / 24))) + (r * V(1.0 / 6) + V(0.5));
  V const high = r2 * (r * V(1.0 / 362880) + V(1.0 / 40320)) + (r * V(1.0 / 5040) + V(1.0 / 720));
  V const tail = r2 * (r4 * high + low);
  return {tail + r, s, tail};
}
/// e^x on lanes that may be wider than Real, to which the result is rounded.
template <class Real, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr exp_parts<V> exp_core_for(V x) noexcept {
  if constexpr (sizeof(Real) < sizeof(typename V::value_type)) return short_exp_core_of_doubles(x);
  else return exp_core(x);
}

/// f - log(1 + f) without cancellation, for lanes of doubles with sqrt(1/2) <= 1 + f <= sqrt 2: by the series of 2
/// artanh(f / (2 + f)). Relative error below 1e-11 if Real is float.
template <class Real, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V log1p_deficit(V f) noexcept {
  V const z = f / (V(2) + f);
  V const z2 = z * z;
  if constexpr (std::is_same_v<Real, float>) {
    V const z4 = z2 * z2;
    V const q = z4 * (z4 * (z2 * V(2.0 / 13) + V(2.0 / 11)) + (z2 * V(2.0 / 9) + V(2.0 / 7))) +
                (z2 * V(2.0 / 5) + V(2.0 / 3));
    return z * (f - q * z2);
  }
  V q(2.0 / 23.0);  // equivalent: moves log x by 1e-18 of itself
  q = q * z2 + V(2.0 / 21.0);
  q = q * z2 + V(2.0 / 19.0);
  q = q * z2 + V(2.0 / 17.0);
  q = q * z2 + V(2.0 / 15.0);
  q = q * z2 + V(2.0 / 13.0);
  q = q * z2 + V(2.0 / 11.0);
  q = q * z2 + V(2.0 / 9.0);
  q = q * z2 + V(2.0 / 7.0);
  q = q * z2 + V(2.0 / 5.0);
  q = q * z2 + V(2.0 / 3.0);
  return z * (f - q * z2);
}

/// x > 0 as 2^k m with m in [sqrt(1/2), sqrt 2), for lanes of normal doubles.
template <class V>
struct log_parts {
  V k, m;
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr log_parts(V x) noexcept
      : k(V::from_raw(V::ops::exponent(x.raw()))), m(V::from_raw(V::ops::significand(x.raw()))) {
    auto const above = m >= V(1.4142135623730951);
    m = select(above, exact_product(m, V(0.5)), m);
    k = select(above, k + V(1), k);
  }
  /// k log 2 + log_m
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V value(V log_m) const noexcept {
    return k * V(0x1.62e42fefap-1) + (k * V(0x1.cf79abc9e3b3ap-40) + log_m);
  }
};

/// log x for lanes of doubles: -inf at 0, NaN below 0.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V log_of_doubles(V x) noexcept {
  constexpr double infinity = special<double>::infinity;
  auto const subnormal = x < V(0x1p-1022);
  log_parts<V> parts(select(subnormal, exact_product(x, V(0x1p54)), x));
  parts.k = parts.k - only(subnormal, V(54));
  V const f = parts.m - V(1);
  V const y = select(x == V(infinity), x, parts.value(f - log1p_deficit<double>(f)));
  return select(x == V(0), V(-infinity), select(x > V(0), y, V(special<double>::nan)));
}
/// log x in double.
CPPO_HOST_DEVICE constexpr double log(double x) noexcept { return log_of_doubles(lane<double>(x)).raw(); }

/// log(1 + w) and w - log(1 + w), without cancellation, for lanes of doubles w >= 0; to be rounded to Real.
template <class Real, class V>
struct log1p_parts {
  V value, deficit;
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr log1p_parts(V w) noexcept {
    V const x = V(1) + w;
    log_parts<V> const parts(x);
    auto const near = x < V(1.4142135623730951);
    V const f = select(near, w, parts.m - V(1));
    V const rest = log1p_deficit<Real>(f);
    V const far = parts.value(f - rest);
    value = select(near, f - rest, far);
    deficit = select(near, rest, w - far);
  }
};

/// e^x in double for any x <= 0; 0 below -700.
CPPO_HOST_DEVICE constexpr double exp_nonpositive(double x) noexcept {
  return x < -700.0 ? 0.0 : exp_core(lane<double>(x)).value().raw();
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

/// log a: -inf at 0, NaN below 0. Computed in double and rounded once.
template <class R>
CPPO_HOST_DEVICE constexpr lane<R> log(lane<R> a) noexcept {
  return detail::in_double([](auto x) CPPO_INLINE_LAMBDA { return detail::log_of_doubles(x); }, a);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
