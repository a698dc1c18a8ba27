/// @file
/// The one-sided clause: updates that move pi back toward mu are always kept.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps tokens with A_t (rho_t - 1) <= 0, tested by signs as A_t (log pi - log mu) <= 0. A = 0 and rho = 1 are kept.
/// [Eq. 10, first clause]
struct toward_rollout_t {
  static constexpr clause kind = clause::toward;  ///< the clause it is counted under
  /// True if the update moves pi toward mu or not at all.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return t.moves_toward_rollout();
  }
};
/// Keeps updates that move pi back toward mu.
inline constexpr toward_rollout_t toward_rollout{};

namespace detail {

/// True if the mask keeps every token that moves toward mu, so that whatever it masks moves away.
template <class M>
inline constexpr bool masks_only_away = std::is_same_v<M, toward_rollout_t>;
template <class A, class B>
inline constexpr bool masks_only_away<either_mask<A, B>> = masks_only_away<A> || masks_only_away<B>;

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
