/// @file
/// The lane type: arithmetic that gives the same bits on one token, on SIMD lanes and on a device.
///
/// A lane holds one number per token. Its operators are the only arithmetic that decides a bit anywhere in the
/// library: every product is rounded before it can meet an addition, `exp` and `log` are the library's own, and no
/// function of the C library is called.
///
/// | valid on `V a, b` | means |
/// |---|---|
/// | `V(x)` | the number x in every lane, converted to the lane's value type; beside a lane write `x` alone |
/// | `a + b`, `a - b`, `a * b`, `a / b`, `-a` | IEEE, each rounded on its own: `a * b + c` has two roundings |
/// | `a < b`, `<=`, `>`, `>=`, `==`, `!=` | a `lane_mask`; false for NaN, `!=` true |
/// | `m & n`, `m \| n`, `!m` | on masks |
/// | `select(m, a, b)`, `only(m, a)` | a where m, else b; a where m, else +0 |
/// | `abs(a)`, `min(a, b)`, `max(a, b)` | min: `a < b ? a : b`, max: `a > b ? a : b` |
/// | `exp(a)`, `log(a)` | in exponential.hpp |
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/config.hpp>
#include <cppo/core/types.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Special values as constants. A device may name these, but may not call the functions of <limits>.
template <class T>
struct special {
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  static constexpr T infinity = std::numeric_limits<T>::infinity();
  static constexpr T largest = std::numeric_limits<T>::max();
  static constexpr T epsilon = std::numeric_limits<T>::epsilon();
};

/// Elementary operations on one register type. Specialised here for float and double; SIMD registers bring their own.
template <class Register> struct register_ops;

template <class T, class Int, class UInt, int MantissaBits>
struct scalar_ops {
  using reg = T;
  using value_type = T;
  using mask_type = bool;
  static constexpr int size = 1;
  static constexpr UInt sign_bit = UInt{1} << (sizeof(T) * 8 - 1);

  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T broadcast(T x) noexcept { return x; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T load(T const* p) noexcept { return *p; }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr void save(T* p, T x) noexcept { *p = x; }
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
  /// The number whose bits are set where they are in both.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T common_bits(T a, T b) noexcept {
    return bits_as<T>(static_cast<UInt>(bits_as<UInt>(a) & bits_as<UInt>(b)));
  }
  /// 2^n, from the sum t of n and a magic number: its low bits are moved into the exponent.
  CPPO_WRAPS CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T to_exponent(T t) noexcept {
    return bits_as<T>(static_cast<UInt>(bits_as<UInt>(t) << MantissaBits));
  }
  /// n where x = 2^n m with 1 <= m < 2, for a normal x above 0.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T exponent(T x) noexcept {
    constexpr Int bias = (Int{1} << (sizeof(T) * 8 - 2 - MantissaBits)) - 1;
    return static_cast<T>(static_cast<Int>(bits_as<UInt>(x) >> MantissaBits) - bias);
  }
  /// m where x = 2^n m with 1 <= m < 2, for a normal x above 0.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr T significand(T x) noexcept {
    constexpr UInt fraction = (UInt{1} << MantissaBits) - 1;
    return bits_as<T>(static_cast<UInt>((bits_as<UInt>(x) & fraction) | bits_as<UInt>(T(1))));
  }
  /// f(x), computed lane by lane.
  template <class F>
  CPPO_HOST_DEVICE static constexpr T map(T x, F const& f) noexcept {
    return f(x);
  }
  /// f(x, y), computed lane by lane.
  template <class F>
  CPPO_HOST_DEVICE static constexpr T map(T x, T y, F const& f) noexcept {
    return f(x, y);
  }
  /// first, first + 1, ... as numbers, one per lane.
  CPPO_HOST_DEVICE static constexpr T iota(index_t first) noexcept { return static_cast<T>(first); }
  /// f(0), f(1), ..., one per lane.
  template <class F>
  CPPO_HOST_DEVICE static constexpr T generate(F const& f) noexcept {
    return f(index_t{0});
  }
};

/// A number from which a lane can be made.
template <class T>
concept plain_number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

template <>
struct register_ops<float> : scalar_ops<float, std::int32_t, std::uint32_t, 23> {};
template <>
struct register_ops<double> : scalar_ops<double, std::int64_t, std::uint64_t, 52> {};

}  // namespace detail

template <class Register>
class lane;

/// One truth value per token.
template <class Register>
class lane_mask {
 public:
  using ops = detail::register_ops<Register>;   ///< elementary operations
  using raw_type = typename ops::mask_type;     ///< what holds the bits

  /// Holds no value yet, so that arrays of masks cost nothing.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr lane_mask() noexcept {
    if (__builtin_is_constant_evaluated()) raw_ = raw_type{};
  }
  /// A mask of the value that the instruction set has for one, `raw_type`.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE explicit constexpr lane_mask(raw_type raw) noexcept : raw_(raw) {}
  /// The mask as the instruction set has it.
  CPPO_HOST_DEVICE constexpr raw_type raw() const noexcept { return raw_; }

  /// True where both are true.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane_mask operator&(lane_mask a, lane_mask b) noexcept {
    return lane_mask(ops::both(a.raw_, b.raw_));
  }
  /// True where at least one is true.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane_mask operator|(lane_mask a, lane_mask b) noexcept {
    return lane_mask(ops::either(a.raw_, b.raw_));
  }
  /// True where the mask is false.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane_mask operator!(lane_mask a) noexcept {
    return lane_mask(ops::negate(a.raw_));
  }
  /// a where m is true, else b; for two plain numbers.
  template <detail::plain_number A, detail::plain_number B>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane<Register> select(lane_mask m, A a, B b) noexcept {
    return select(m, lane<Register>(a), lane<Register>(b));
  }

 private:
  raw_type raw_;
};

/// One number per token. The table at the head of this file says what can be done with it.
template <class Register>
class lane {
 public:
  using ops = detail::register_ops<Register>;      ///< elementary operations
  using value_type = typename ops::value_type;     ///< float or double
  using mask = lane_mask<Register>;                ///< result of a comparison
  using register_type = typename ops::reg;         ///< what holds the bits
  static constexpr int size = ops::size;           ///< tokens per value

  /// Holds no value yet, so that arrays of lanes cost nothing.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr lane() noexcept {
    if (__builtin_is_constant_evaluated()) raw_ = register_type{};
  }
  /// The same number in every lane, as in `t.ratio() < 1.2`. A bool is refused.
  template <detail::plain_number T>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr lane(T x) noexcept : raw_(ops::broadcast(static_cast<value_type>(x))) {}
  /// A lane of the numbers in a register of the instruction set; of a single number, where `size` is 1.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr lane from_raw(register_type raw) noexcept {
    lane r;
    r.raw_ = raw;
    return r;
  }
  /// The register that holds the numbers.
  CPPO_HOST_DEVICE constexpr register_type raw() const noexcept { return raw_; }

  /// IEEE arithmetic, each operation rounded on its own. Comparisons with NaN are false, except `!=`.
  /// @{
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator+(lane a, lane b) noexcept {
    a.raw_ = ops::add(a.raw_, b.raw_);
    return a;
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator-(lane a, lane b) noexcept {
    a.raw_ = ops::sub(a.raw_, b.raw_);
    return a;
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator*(lane a, lane b) noexcept {
    a.raw_ = ops::mul(a.raw_, b.raw_);
    return a;
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator/(lane a, lane b) noexcept {
    a.raw_ = ops::div(a.raw_, b.raw_);
    return a;
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane operator-(lane a) noexcept {
    // equivalent: any negative number has the sign
    a.raw_ = ops::flip_sign(a.raw_, ops::broadcast(value_type(-1)));
    return a;
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator<(lane a, lane b) noexcept {
    return mask(ops::lt(a.raw_, b.raw_));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator<=(lane a, lane b) noexcept {
    return mask(ops::le(a.raw_, b.raw_));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator>(lane a, lane b) noexcept {
    return mask(ops::lt(b.raw_, a.raw_));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator>=(lane a, lane b) noexcept {
    return mask(ops::le(b.raw_, a.raw_));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator==(lane a, lane b) noexcept {
    return mask(ops::eq(a.raw_, b.raw_));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr mask operator!=(lane a, lane b) noexcept {
    return mask(ops::negate(ops::eq(a.raw_, b.raw_)));
  }
  /// @}

  /// a where m is true, else b.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane select(mask m, lane a, lane b) noexcept {
    a.raw_ = ops::select(m.raw(), a.raw_, b.raw_);
    return a;
  }
  /// a where m is true, else +0.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane only(mask m, lane a) noexcept {
    a.raw_ = ops::only(m.raw(), a.raw_);
    return a;
  }
  /// |a|
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane abs(lane a) noexcept {
    a.raw_ = ops::magnitude(a.raw_);
    return a;
  }
  /// a < b ? a : b
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane min(lane a, lane b) noexcept {
    a.raw_ = ops::min(a.raw_, b.raw_);
    return a;
  }
  /// a > b ? a : b
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE friend constexpr lane max(lane a, lane b) noexcept {
    a.raw_ = ops::max(a.raw_, b.raw_);
    return a;
  }

 private:
  register_type raw_;
};

/// One token in float. (`double_lane`: one token in double.)
using float_lane = lane<float>;
using double_lane = lane<double>;  ///< one token in double

namespace detail {

/// x with its sign flipped where the sign bit of `by` is set.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V flip_sign(V x, V by) noexcept {
  return V::from_raw(V::ops::flip_sign(x.raw(), by.raw()));
}

/// a * b, where the product is exact in V's type: whether it is contracted into an addition or not, the bits are the
/// same.
template <class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V exact_product(V a, V b) noexcept {
  return V::from_raw(V::ops::exact_mul(a.raw(), b.raw()));
}

/// f(x) computed on each lane as a scalar, for functions that exist for one token only. The bits do not depend on the
/// number of lanes.
template <class V, class F>
CPPO_HOST_DEVICE constexpr V map_lanes(V x, F const& f) noexcept {
  return V::from_raw(V::ops::map(x.raw(), f));
}
template <class V, class F>
CPPO_HOST_DEVICE constexpr V map_lanes(V x, V y, F const& f) noexcept {
  return V::from_raw(V::ops::map(x.raw(), y.raw(), f));
}

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
