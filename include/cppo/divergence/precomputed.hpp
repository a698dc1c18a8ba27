/// @file
/// D_t computed elsewhere and lent with the batch.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// D_t as lent by `divergence_values(...)`. Must be finite and not negative at active tokens.
struct precomputed_t {
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE constexpr argument reads() const noexcept { return argument::divergence; }
  /// D_t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(token<V> const& t) const noexcept {
    return t.lent_divergence();
  }
};
/// D_t as lent by `divergence_values(...)`.
inline constexpr precomputed_t precomputed{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
