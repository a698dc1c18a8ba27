/// @file
/// TRM: a whole response is kept or dropped.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/binary.hpp>
#include <cppo/mask/response_within.hpp>
#include <cppo/region/trust_region.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Threshold on a response's KL.
struct trm_options {
  double delta = 0.05;  ///< on the max or the mean of D_t
};

/// TRM-Max: the response is kept iff max_t D_t <= delta. No one-sided clause. [App. D]
template <divergence_score D = binary_kl_t>
constexpr auto trm_max(trm_options o = {}, D divergence = {}) noexcept {
  return trust_region(divergence, uniform_weight, response_max_within(o.delta));
}
/// Never: it says what is wrong.
constexpr auto trm_max(trm_options o, detail::divergence_argument) noexcept { return trm_max(o); }

/// TRM-Avg: the response is kept iff mean_t D_t <= delta. No one-sided clause. [App. D]
template <divergence_score D = binary_kl_t>
constexpr auto trm_mean(trm_options o = {}, D divergence = {}) noexcept {
  return trust_region(divergence, uniform_weight, response_mean_within(o.delta));
}
/// Never: it says what is wrong.
constexpr auto trm_mean(trm_options o, detail::divergence_argument) noexcept { return trm_mean(o); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
