/// @file
/// The squared Hellinger distance of the sampled token's two probabilities.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// D_t = (sqrt(pi) - sqrt(mu))^2
struct hellinger_t {
  /// D_t
  template <class V>
  CPPO_HOST_DEVICE constexpr V between(V log_p, V log_q) const noexcept {
    V const apart = exp(log_p * V(0.5)) - exp(log_q * V(0.5));
    return apart * apart;
  }
};
/// The squared Hellinger distance.
inline constexpr hellinger_t hellinger{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
