/// @file
/// A weight that falls with the position alone.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// w_t = 1/t
struct hyperbolic_weight_t {
  /// w_t
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(position<V> t, index_t) const noexcept {
    return V(1) / (t.before() + V(1));
  }
};
/// The weight 1/t.
inline constexpr hyperbolic_weight_t hyperbolic_weight{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
