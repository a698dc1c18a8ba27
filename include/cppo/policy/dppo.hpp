/// @file
/// DPPO: one divergence threshold for every token.
#pragma once

#include <cppo/divergence/binary.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/policy/trust_region.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo::inline CPPO_ABI {

/// Threshold by the sign of the advantage; equal unless asked otherwise.
struct dppo_options {
  double delta_low = 0.15;   ///< where A <= 0
  double delta_high = 0.15;  ///< where A > 0
};

/// The DPPO mask: toward mu, or D_t <= delta. [Eq. 3]
template <divergence_score D = binary_tv_t>
constexpr auto dppo(dppo_options o = {}, D divergence = {}) noexcept {
  return trust_region(divergence, uniform_weight, toward_rollout | divergence_within(o.delta_low, o.delta_high));
}
/// Never: it says what is wrong.
constexpr auto dppo(dppo_options o, detail::divergence_argument) noexcept { return dppo(o); }

}  // namespace cppo::inline CPPO_ABI
