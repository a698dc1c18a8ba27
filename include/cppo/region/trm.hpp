/// @file
/// TRM: a whole response is kept or masked.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/binary.hpp>
#include <cppo/mask/response_within.hpp>
#include <cppo/region/trust_region.hpp>
#include <cppo/weight/uniform.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Parameters of TRM.
struct trm_options {
  double delta = 0.05;  ///< threshold on the max or the mean of D_t
};

/// TRM-Max: keeps the response iff max_t D_t <= delta. There is no one-sided clause. [App. D]
template <divergence_score D = binary_kl_t>
constexpr auto trm_max(trm_options o = {}, D measure = {}) noexcept {
  return trust_region(measure, uniform_weight, response_max_within(o.delta));
}
/// Chosen for an argument that is no divergence: it does not compile, and says what is wrong.
constexpr auto trm_max(trm_options, detail::divergence_argument) noexcept { return detail::no_region; }

/// TRM-Avg: keeps the response iff mean_t D_t <= delta. There is no one-sided clause. [App. D]
template <divergence_score D = binary_kl_t>
constexpr auto trm_mean(trm_options o = {}, D measure = {}) noexcept {
  return trust_region(measure, uniform_weight, response_mean_within(o.delta));
}
/// Chosen for an argument that is no divergence: it does not compile, and says what is wrong.
constexpr auto trm_mean(trm_options, detail::divergence_argument) noexcept { return detail::no_region; }

}}  // namespace cppo

#include <cppo/macros_on.inc>
