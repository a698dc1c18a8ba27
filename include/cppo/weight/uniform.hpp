/// @file
/// Every position counts the same.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// w_t = 1.
struct uniform_weight_t {
  /// 1.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(position<V>, index_t) const noexcept {
    return V(1);
  }
};
/// w_t = 1.
inline constexpr uniform_weight_t uniform_weight{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
