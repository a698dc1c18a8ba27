/// @file
/// The lane type: arithmetic that gives the same bits on one token, on SIMD lanes and on a device.
///
/// A lane holds one number per token. Its operators are the only arithmetic that decides a bit anywhere in the
/// library: every product is rounded before it can meet an addition, `exp` and `log` are the library's own, and no
/// function of the C library is called.
///
/// | valid on `V a, b` | means |
/// |---|---|
/// | `V(x)` | the number x in every lane, converted to the lane's value type |
/// | `a + b`, `a - b`, `a * b`, `a / b`, `-a` | IEEE, each rounded on its own: `a * b + c` has two roundings |
/// | `a < b`, `<=`, `>`, `>=`, `==`, `!=` | a `lane_mask`; false for NaN, `!=` true |
/// | `m & n`, `m \| n`, `!m` | on masks |
/// | `select(m, a, b)`, `only(m, a)` | a where m, else b; a where m, else +0 |
/// | `abs(a)`, `min(a, b)`, `max(a, b)` | min: `a < b ? a : b`, max: `a > b ? a : b` |
/// | `exp(a)`, `log(a)` | see below |
#pragma once

#include <cppo/config.hpp>
#include <cppo/core/types.hpp>
#include <cppo/fwd.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace cppo::inline CPPO_ABI {

namespace detail {

/// Special values as constants: a device may name them, and not call the functions of <limits>.
template <class T>
struct special {
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  static constexpr T infinity = std::numeric_limits<T>::infinity();
  static constexpr T largest = std::numeric_limits<T>::max();
  static constexpr T epsilon = std::numeric_limits<T>::epsilon();
};

/// Elementary operations on one register type. Specialised for float and double here; a SIMD register brings its own.
template <class Register>
struct register_ops;

template <class T, class Int, class UInt, int MantissaBits>
struct scalar_ops {
  using value_type = T;
  using mask_type = bool;
  static constexpr int size = 1;
  static constexpr UInt sign_bit = UInt{1} << (sizeof(T) * 8 - 1);

  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T broadcast(T x) noexcept { return x; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T add(T a, T b) noexcept { return a + b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T sub(T a, T b) noexcept { return a - b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T mul(T a, T b) noexcept { return rounded_product(a, b); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T exact_mul(T a, T b) noexcept { return a * b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T div(T a, T b) noexcept { return a / b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T min(T a, T b) noexcept { return a < b ? a : b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T max(T a, T b) noexcept { return a > b ? a : b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr bool lt(T a, T b) noexcept { return a < b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr bool le(T a, T b) noexcept { return a <= b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr bool eq(T a, T b) noexcept { return a == b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T select(bool m, T a, T b) noexcept { return m ? a : b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T only(bool m, T a) noexcept { return m ? a : T(0); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr bool both(bool a, bool b) noexcept { return a && b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr bool either(bool a, bool b) noexcept { return a || b; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr bool negate(bool a) noexcept { return !a; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr bool any(bool a) noexcept { return a; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T flip_sign(T x, T by) noexcept {
    return bits_as<T>(static_cast<UInt>(bits_as<UInt>(x) ^ (bits_as<UInt>(by) & sign_bit)));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T magnitude(T x) noexcept {
    return bits_as<T>(static_cast<UInt>(bits_as<UInt>(x) & ~sign_bit));
  }
  /// The low bits of a magic-number sum moved into the exponent: 2^n.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T to_exponent(T t) noexcept {
    return bits_as<T>(static_cast<UInt>(bits_as<UInt>(t) << MantissaBits));
  }
  /// f(x), lane by lane.
  template <class F>
  CPPO_HOST_DEVICE static constexpr T map(T x, F const& f) noexcept {
    return f(x);
  }
  /// f(x, y), lane by lane.
  template <class F>
  CPPO_HOST_DEVICE static constexpr T map(T x, T y, F const& f) noexcept {
    return f(x, y);
  }
  /// first, first + 1, ... as numbers.
  CPPO_HOST_DEVICE static constexpr T iota(index_t first) noexcept { return static_cast<T>(first); }
  /// f(0), f(1), ... lane by lane.
  template <class F>
  CPPO_HOST_DEVICE static constexpr T generate(F const& f) noexcept {
    return f(index_t{0});
  }
};

template <>
struct register_ops<float> : scalar_ops<float, std::int32_t, std::uint32_t, 23> {};
template <>
struct register_ops<double> : scalar_ops<double, std::int64_t, std::uint64_t, 52> {};

}  // namespace detail

/// One truth value per token.
template <class Register>
class lane_mask {
 public:
  using ops = detail::register_ops<Register>;   ///< elementary operations
  using raw_type = typename ops::mask_type;     ///< what holds the bits

  /// No value yet: arrays of masks cost nothing.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr lane_mask() noexcept {
    if (__builtin_is_constant_evaluated()) raw_ = raw_type{};
  }
  /// Wraps the backend's own mask.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr lane_mask(raw_type raw) noexcept : raw_(raw) {}
  /// The backend's own mask.
  CPPO_HOST_DEVICE constexpr raw_type raw() const noexcept { return raw_; }

  /// Both, lane by lane.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane_mask operator&(lane_mask a, lane_mask b) noexcept {
    return lane_mask(ops::both(a.raw_, b.raw_));
  }
  /// Either, lane by lane.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane_mask operator|(lane_mask a, lane_mask b) noexcept {
    return lane_mask(ops::either(a.raw_, b.raw_));
  }
  /// Not, lane by lane.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane_mask operator!(lane_mask a) noexcept {
    return lane_mask(ops::negate(a.raw_));
  }

 private:
  raw_type raw_;
};

/// One number per token. See the table at the head of this file.
template <class Register>
class lane {
 public:
  using ops = detail::register_ops<Register>;      ///< elementary operations
  using value_type = typename ops::value_type;     ///< float or double
  using mask = lane_mask<Register>;                ///< result of a comparison
  using register_type = Register;                  ///< what holds the bits
  static constexpr int size = ops::size;           ///< tokens per value

  /// No value yet: arrays of lanes cost nothing.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr lane() noexcept {
    if (__builtin_is_constant_evaluated()) raw_ = Register{};
  }
  /// The same number in every lane.
  template <class T>
    requires std::is_arithmetic_v<T>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr lane(T x) noexcept : raw_(ops::broadcast(static_cast<value_type>(x))) {}
  /// Wraps the backend's own register.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr lane from_raw(Register raw) noexcept {
    lane r;
    r.raw_ = raw;
    return r;
  }
  /// The backend's own register.
  CPPO_HOST_DEVICE constexpr Register raw() const noexcept { return raw_; }

  /// IEEE arithmetic, each operation rounded on its own; comparisons false for NaN, but for `!=`.
  /// @{
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator+(lane a, lane b) noexcept { return from_raw(ops::add(a.raw_, b.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator-(lane a, lane b) noexcept { return from_raw(ops::sub(a.raw_, b.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator*(lane a, lane b) noexcept { return from_raw(ops::mul(a.raw_, b.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator/(lane a, lane b) noexcept { return from_raw(ops::div(a.raw_, b.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator-(lane a) noexcept {
    return from_raw(ops::flip_sign(a.raw_, ops::broadcast(value_type(-1))));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator<(lane a, lane b) noexcept { return mask(ops::lt(a.raw_, b.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator<=(lane a, lane b) noexcept { return mask(ops::le(a.raw_, b.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator>(lane a, lane b) noexcept { return mask(ops::lt(b.raw_, a.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator>=(lane a, lane b) noexcept { return mask(ops::le(b.raw_, a.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator==(lane a, lane b) noexcept { return mask(ops::eq(a.raw_, b.raw_)); }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator!=(lane a, lane b) noexcept {
    return mask(ops::negate(ops::eq(a.raw_, b.raw_)));
  }
  /// @}

  /// a where m, else b.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane select(mask m, lane a, lane b) noexcept {
    return from_raw(ops::select(m.raw(), a.raw_, b.raw_));
  }
  /// a where m, else +0.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane only(mask m, lane a) noexcept { return from_raw(ops::only(m.raw(), a.raw_)); }
  /// |a|
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane abs(lane a) noexcept { return from_raw(ops::magnitude(a.raw_)); }
  /// a < b ? a : b
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane min(lane a, lane b) noexcept { return from_raw(ops::min(a.raw_, b.raw_)); }
  /// a > b ? a : b
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane max(lane a, lane b) noexcept { return from_raw(ops::max(a.raw_, b.raw_)); }

 private:
  Register raw_;
};

/// One token in float, one token in double.
using float_lane = lane<float>;
using double_lane = lane<double>;  ///< one token in double

namespace detail {

/// x with its sign flipped where `by` is negative (its sign bit is set).
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V flip_sign(V x, V by) noexcept {
  return V::from_raw(V::ops::flip_sign(x.raw(), by.raw()));
}

/// A product that is exact in V's type: contracted into an addition or not, the bits are the same.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V exact_product(V a, V b) noexcept {
  return V::from_raw(V::ops::exact_mul(a.raw(), b.raw()));
}

/// f applied to each lane as a scalar: for functions that exist for one token only. Same bits on every width.
template <class V, class F>
CPPO_HOST_DEVICE constexpr V map_lanes(V x, F const& f) noexcept {
  return V::from_raw(V::ops::map(x.raw(), f));
}
template <class V, class F>
CPPO_HOST_DEVICE constexpr V map_lanes(V x, V y, F const& f) noexcept {
  return V::from_raw(V::ops::map(x.raw(), y.raw(), f));
}

/// e^x as (1 + e) * s with s a power of two: x = n log 2 + r, e = e^r - 1.
template <class V>
struct exp_parts {
  V e;       ///< (e^x - s) / s, relative accuracy kept near 0
  V s;       ///< 2^n
  V tail;    ///< e - r = e^r - 1 - r, without cancellation
  /// e^x: s is a power of two, so the product is exact.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V value() const noexcept { return exact_product(V(1) + e, s); }
  /// 1 - e^x without cancellation for x <= 0: s * e is exact.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V complement() const noexcept { return (V(1) - s) - exact_product(s, e); }
};

/// Least argument of `exp_core`: below it e^x is taken as e^floor.
template <class T>
inline constexpr T exp_floor = std::is_same_v<T, float> ? T(-86.5) : T(-700);

/// e^x for exp_floor <= x <= 88.37 (float; past it 2^n is infinite) or 700 (double). Float: degree 7, Estrin, 1 ulp.
/// Double: degree 13, Horner.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr exp_parts<V> exp_core(V x) noexcept {
  if constexpr (std::is_same_v<typename V::value_type, float>) {
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
  } else {
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
}

/// log x in double; x = 2^k m, m in [sqrt(1/2), sqrt 2), log m by the series of 2 artanh((m - 1) / (m + 1)).
CPPO_HOST_DEVICE constexpr double log(double x) noexcept {
  constexpr std::uint64_t infinity = 0x7ff0000000000000ULL;
  std::uint64_t u = bits_as<std::uint64_t>(x);
  if ((u & ~(std::uint64_t{1} << 63)) == 0) return bits_as<double>(infinity | (std::uint64_t{1} << 63));
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
  double q = 2.0 / 23.0;
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

/// e^a, total: NaN stays NaN, +0 below -86.5 (float) or -700 (double), +inf by overflow. Float: 1 ulp, past 88 2 ulp;
/// double: 1.5 ulp.
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
    total = select(far, detail::exact_product(detail::exp_core(min(max(a - V(high), V(0)), V(high))).value(), y), total);
  }
  return select(a == a, total, a);
}

/// log a: -inf at 0, NaN below 0. Computed in double, rounded once: not vectorised.
template <class R>
CPPO_HOST_DEVICE constexpr lane<R> log(lane<R> a) noexcept {
  using T = typename lane<R>::value_type;
  return detail::map_lanes(a, [](T x) { return static_cast<T>(detail::log(static_cast<double>(x))); });
}

}  // namespace cppo::inline CPPO_ABI
