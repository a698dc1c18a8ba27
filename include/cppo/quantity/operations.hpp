/// @file
/// What arithmetic on quantities does to numbers: `value` of the operands' values, and `slope` from their values, the
/// result and their slopes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exponential.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace quantities {

/// x + y.
struct plus {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x, V y) noexcept { return x + y; }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V, V, V dx, V dy) noexcept { return dx + dy; }
};
/// x - y.
struct minus {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x, V y) noexcept { return x - y; }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V, V, V dx, V dy) noexcept { return dx - dy; }
};
/// x y.
struct times {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x, V y) noexcept { return x * y; }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V x, V y, V dx, V dy) noexcept {
    return dx * y + x * dy;
  }
};
/// x / y.
struct divide {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x, V y) noexcept { return x / y; }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V x, V y, V dx, V dy) noexcept {
    return (dx - x / y * dy) / y;
  }
};
/// The smaller: x < y ? x : y.
struct smaller {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x, V y) noexcept { return min(x, y); }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V x, V y, V dx, V dy) noexcept {
    return select(x < y, dx, dy);
  }
};
/// The larger: x > y ? x : y.
struct larger {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x, V y) noexcept { return max(x, y); }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V x, V y, V dx, V dy) noexcept {
    return select(x > y, dx, dy);
  }
};
/// e^x: +0 below -86.5 (float) or -700 (double), +inf on overflow.
struct exponential {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x) noexcept { return exp(x); }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V, V y, V dx) noexcept { return y * dx; }
};
/// log x.
struct logarithm {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x) noexcept { return log(x); }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V x, V, V dx) noexcept { return dx / x; }
};
/// |x|. The slope at 0 is 0.
struct magnitude {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x) noexcept { return abs(x); }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V x, V, V dx) noexcept {
    return select(x == V(0), V(0), detail::flip_sign(dx, x));
  }
};

}}}  // namespace cppo::quantities

#include <cppo/macros_on.inc>
