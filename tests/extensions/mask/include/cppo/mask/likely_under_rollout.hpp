/// @file
/// A mask that keeps what the rollout policy found likely.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>
#include <cppo/core/refusals.hpp>
#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps tokens with mu >= `least`.
struct likely_under_rollout {
  double least;  ///< in probability
  /// True if the token is kept.
  template <class V>
  CPPO_HOST_DEVICE constexpr auto operator()(token<V> const& t) const noexcept {
    return t.rollout_prob() >= V(least);
  }
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
