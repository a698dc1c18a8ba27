/// @file
/// The regions of the paper's Table 3, by setting.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/region/cppo.hpp>

/// The paper's parameters by setting [Table 3]. The divergence is Binary-TV unless given; the paper trains with Top-K
/// TV.
namespace cppo { inline namespace CPPO_ABI { namespace presets {

/// Dense, post-trained (Qwen3-1.7B): delta 0.15, delta_b 0.015 fixed, w_min 0.8.
template <divergence_score D = binary_tv_t>
constexpr auto dense_post_trained(D measure = {}) noexcept {
  return fixed_cppo({.delta = 0.15, .delta_b = 0.015, .w_min = 0.8}, measure);
}

/// Dense, Base (Qwen3-1.7B-Base, 8B-Base): delta 0.15, delta_b calibrated in [0.020, 0.040], w_min 0.8.
template <divergence_score D = binary_tv_t>
constexpr auto dense_base(D measure = {}) noexcept {
  return calibrated_cppo({.delta = 0.15, .delta_b = 0.020, .w_min = 0.8}, measure);
}

/// MoE, Base (Qwen3-30B-A3B-Base): delta 0.20, delta_b calibrated in [0.020, 0.040], w_min 0.8.
template <divergence_score D = binary_tv_t>
constexpr auto moe_base(D measure = {}) noexcept {
  return calibrated_cppo({.delta = 0.20, .delta_b = 0.020, .w_min = 0.8}, measure);
}

/// Chosen for an argument that is no divergence: it does not compile, and says what is wrong.
/// @{
constexpr auto dense_post_trained(detail::divergence_argument) noexcept { return detail::no_region; }
constexpr auto dense_base(detail::divergence_argument) noexcept { return detail::no_region; }
constexpr auto moe_base(detail::divergence_argument) noexcept { return detail::no_region; }
/// @}

}}}  // namespace cppo::presets

#include <cppo/macros_on.inc>
