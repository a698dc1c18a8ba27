/// @file
/// Numbers, masks and losses that are known already, in the place of operands: what the library's own structs make of
/// them is what a node of a program computes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/surrogate/surrogate.hpp>

#include <type_traits>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A quantity whose value and slope are known.
template <class V>
struct known_number {
  static constexpr bool made_of_quantities = true;
  V x, dx;
  template <class W>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr W operator()(token<W> const&) const noexcept {
    if constexpr (std::is_same_v<V, W>) return x;
    else return W(0);
  }
  template <class W>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr W slope(token<W> const&) const noexcept {
    if constexpr (std::is_same_v<V, W>) return dx;
    else return W(0);
  }
};
/// A quantity that has no slope.
struct without_slope {
  static constexpr bool made_of_quantities = true;
  template <class W>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr W operator()(token<W> const&) const noexcept {
    return W(0);
  }
};
/// A mask that is known.
template <class V>
struct known_mask {
  static constexpr bool made_of_masks = true;
  typename V::mask kept;
  template <class W>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename W::mask operator()(token<W> const&) const noexcept {
    if constexpr (std::is_same_v<V, W>) return kept;
    else return W(0) <= W(0);
  }
};
/// A surrogate whose loss and slope are known.
template <class V>
struct known_loss {
  static constexpr bool made_of_surrogates = true;
  surrogate_value<V> value;
  template <class W>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<W> operator()(token<W> const&) const noexcept {
    if constexpr (std::is_same_v<V, W>) return value;
    else return {W(0), W(0)};
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
