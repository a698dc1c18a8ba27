/// @file
/// The square root of a quantity, which IEEE rounds correctly: the same bits on every lane.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/arithmetic.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace quantities {

/// The square root of x; 0 where x is below 0.
struct square_root {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x) noexcept {
    using number = typename V::value_type;
    V const positive = max(x, V(0));
    if constexpr (requires { V::ops::sqrt(x.raw()); }) return V::from_raw(V::ops::sqrt(positive.raw()));
    else {
      return detail::map_lanes(positive, [](number y) {
        if constexpr (std::is_same_v<number, float>) return __builtin_sqrtf(y);
        else return __builtin_sqrt(y);
      });
    }
  }
  /// 1 / (2 root); 0 where the root is 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V, V y, V dx) noexcept {
    return select(y > V(0), dx / (y + y), V(0));
  }
};

/// The square root of q; 0 where q is below 0.
template <quantity Q>
constexpr auto sqrt(Q q) noexcept {
  return unary<square_root, Q>{q};
}

}}}  // namespace cppo::quantities

#include <cppo/macros_on.inc>
