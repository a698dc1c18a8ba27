/// @file
/// No divergence: for rules on the importance ratio alone.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// D = 0 at every token.
struct no_divergence_t {
  /// The largest D there is.
  constexpr double largest() const noexcept { return 0.0; }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE constexpr V between(V, V) const noexcept {
    return V(0);
  }
};
/// D = 0 at every token.
inline constexpr no_divergence_t no_divergence{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
