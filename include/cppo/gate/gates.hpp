/// @file
/// What share of an update survives beyond the boundary. [App. C]
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The gate of the hard mask: nothing survives beyond the boundary. [Eq. 10]
struct hard_gate_t {
  /// 1 for x <= 1, else 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(V x) const noexcept {
    return select(x <= V(1), V(1), V(0));
  }
};
/// The gate of the hard mask.
inline constexpr hard_gate_t hard_gate{};

/// g(x) = min(1, 1/x): the largest gate with x g(x) <= 1. [Eq. 20]
struct reciprocal_gate_t {
  /// g(x).
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(V x) const noexcept {
    return select(x > V(1), V(1) / x, V(1));
  }
};
/// g(x) = min(1, 1/x).
inline constexpr reciprocal_gate_t reciprocal_gate{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
