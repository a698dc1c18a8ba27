/// @file
/// The one-sided clause: updates that move pi back toward mu always count.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps tokens with A_t (rho_t - 1) <= 0, tested as A_t (log pi - log mu) <= 0 by signs; A = 0 and rho = 1 are kept.
/// [Eq. 10, first clause]
struct toward_rollout_t {
  static constexpr clause kind = clause::toward;  ///< for diagnostics
  /// Does the update move pi toward mu?
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return t.moves_toward_rollout();
  }
};
/// Keeps updates that move pi back toward mu.
inline constexpr toward_rollout_t toward_rollout{};

namespace detail {

/// Is the toward clause an alternative to everything else that the mask says, so that what it masks moves away from mu?
template <class M>
inline constexpr bool masks_only_away = std::is_same_v<M, toward_rollout_t>;
template <class A, class B>
inline constexpr bool masks_only_away<either_mask<A, B>> = masks_only_away<A> || masks_only_away<B>;

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
