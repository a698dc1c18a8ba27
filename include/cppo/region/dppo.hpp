/// @file
/// DPPO: one divergence threshold for every token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/binary.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/region/trust_region.hpp>
#include <cppo/weight/uniform.hpp>

#include <optional>

namespace cppo { inline namespace CPPO_ABI {

/// Parameters of DPPO. Written by name: `{.delta = 0.2}`.
struct dppo_options {
  detail::by_name names = {};               ///< no number goes here: `{0.1, 0.2}` does not compile
  double delta = 0.15;                      ///< threshold on D_t, in [2^-126, 1000]
  std::optional<double> delta_low = {};     ///< the same where A <= 0; not given: delta
  std::optional<double> delta_high = {};    ///< the same where A > 0; not given: delta
};

/// The DPPO region: keeps tokens that move toward mu or have D_t <= delta. [Eq. 3]
template <divergence_score D = binary_tv_t>
constexpr auto dppo(dppo_options const& o = {}, D measure = {}) noexcept {
  auto const within = divergence_within(o.delta_low.value_or(o.delta), o.delta_high.value_or(o.delta));
  return trust_region(measure, uniform_weight, toward_rollout | within);
}
/// Chosen for an argument that is no divergence: it does not compile, and says what is wrong.
constexpr auto dppo(dppo_options const&, detail::divergence_argument) noexcept { return detail::no_region; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
