/// @file
/// Public CPPO and DPPO codes, for reproducing a run: what each does with positions, budget, cap and loss.
///
/// For a run of one's own take `presets` and the named regions, which are the paper's. Each name here makes a region,
/// and the options of the call, that together give the mask, the loss and the gradient of that code:
///
///     auto const code = parity::verl_cppo();
///     policy_loss(simd, batch, code.region, outputs, code.options);
///
/// `options.aggregate` is the code's default; the configuration of the run may say otherwise. Where a code cannot be
/// reproduced its comment says so; `reject` stands for what each of them does with NaN.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/top_k.hpp>
#include <cppo/objective/options.hpp>
#include <cppo/region/cppo.hpp>
#include <cppo/region/dppo.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Public codes, for reproducing a run.
namespace parity {

/// A region, and the options that go with it.
template <class Region>
struct code {
  Region region;         ///< the mask
  loss_options options;  ///< positions, loss form, cap, clamp and aggregation
};
/// The code of these.
template <class Region>
code(Region, loss_options) -> code<Region>;

/// Parameters of the CPPO codes that descend from verl's. The defaults are theirs.
struct verl_cppo_options {
  double delta = 0.2;      ///< their clip_ratio: threshold on w_t D_t, in [2^-126, 1000]
  double delta_b = 0.02;   ///< floor of the prefix-average budget
  double w_min = 0.8;      ///< weight of the last token, in (0, 1]
  double quantile = 0.9;   ///< of D, in [0, 1]
  double scale = 1.0;      ///< of the quantile; 0 makes the budget the floor
  double ratio_cap = 3.0;  ///< rho is at most this: the actor's configuration has 3, the scripts have 20
};
/// Parameters of the DPPO codes.
struct dppo_code_options {
  double delta_low = 0.2;   ///< threshold on D_t where A <= 0, in [2^-126, 1000]
  double delta_high = 0.2;  ///< threshold on D_t where A > 0, in [2^-126, 1000]
  double ratio_cap = 3.0;   ///< rho is at most this
};

/// The loss -A sg(min(rho, cap)) log pi M.
constexpr loss_options score_of_capped_ratio(double cap) noexcept {
  loss_options o;
  o.aggregate = aggregation::token_mean;
  o.surrogate = {.form = surrogate_form::reinforce, .ratio_cap = cap};
  return o;
}
/// The region of the codes that descend from verl's, with a ceiling of the budget.
constexpr auto verl_cppo_region(verl_cppo_options const& o, double ceiling) noexcept {
  return calibrated_cppo({o.delta, o.delta_b, o.w_min}, binary_tv, {o.quantile, o.scale, ceiling});
}

/// What UniRL's CPPO has where a run says nothing else.
inline constexpr calibrated_cppo_options unirl_cppo_defaults{.delta = 0.2};
/// UniRL's CPPO: positions and length of the response itself, the budget in [floor, 2 floor], the loss -A rho M.
///
/// It applies its loss mask after this mask, so that tokens without loss have positions and spend budget. For that lend
/// no response mask, and leave the tokens out afterwards. [Tencent-Hunyuan/UniRL, pull request 58]
constexpr auto unirl_cppo(calibrated_cppo_options const& o = unirl_cppo_defaults) noexcept {
  loss_options options;
  options.aggregate = aggregation::token_mean;
  return code{calibrated_cppo(o), options};
}
/// UniRL's DPPO: the same threshold on both sides, the loss -A rho M. [Tencent-Hunyuan/UniRL]
constexpr auto unirl_dppo(double delta = 0.15) noexcept {
  loss_options options;
  options.aggregate = aggregation::token_mean;
  return code{dppo({.delta = delta}), options};
}

/// verl's CPPO: positions are columns and the length is the padded width, so that a response's mask depends on what it
/// is padded with; the budget in [floor, 5 floor]; the loss -A sg(min(rho, cap)) log pi M. Padded layout only.
///
/// In a batch one column wide its weight is w_min, here it is 1. [verl-project/verl, pull request 6731]
constexpr auto verl_cppo(verl_cppo_options const& o = {}) noexcept {
  loss_options options = score_of_capped_ratio(o.ratio_cap);
  options.positions = position_convention::padded_column;
  return code{verl_cppo_region(o, 5.0), options};
}
/// The same before its commit 2741f2791: the budget in [floor, 2 floor].
constexpr auto verl_cppo_2x(verl_cppo_options const& o = {}) noexcept {
  loss_options options = score_of_capped_ratio(o.ratio_cap);
  options.positions = position_convention::padded_column;
  return code{verl_cppo_region(o, 2.0), options};
}
/// A third party's port of verl's CPPO whose length is the number of valid tokens: the budget in [floor, ceiling times
/// floor].
///
/// Its positions are columns all the same. They are those here as long as a response mask has neither holes, as tokens
/// of tools, nor slots before the first token; else its weights reach w_min before the last token and stay there, which
/// is not reproduced. [custom_vcpo]
constexpr auto mask_count_cppo(verl_cppo_options const& o = {}, double ceiling = 5.0) noexcept {
  return code{verl_cppo_region(o, ceiling), score_of_capped_ratio(o.ratio_cap)};
}

/// verl's DPPO with Binary-TV. It calls a token with A = 0 masked where D > delta_low: loss and gradient are 0 either
/// way. [verl-project/verl, pull request 5397]
constexpr auto verl_dppo_tv(dppo_code_options const& o = {}) noexcept {
  auto const region = dppo({.delta_low = o.delta_low, .delta_high = o.delta_high});
  return code{region, score_of_capped_ratio(o.ratio_cap)};
}
/// The same with Binary-KL.
constexpr auto verl_dppo_kl(dppo_code_options const& o = {}) noexcept {
  auto const region = dppo({.delta_low = o.delta_low, .delta_high = o.delta_high}, binary_kl);
  return code{region, score_of_capped_ratio(o.ratio_cap)};
}
/// Stable-RL's DPPO with Top-K TV: K slots, of which the sampled token overwrites the last where it is not listed.
///
/// It clamps the log ratio at +20 alone: where it is below -20, rho is exp(-20) here. [sail-sg/Stable-RL]
constexpr auto stable_rl_dppo_tv(dppo_code_options const& o = {}) noexcept {
  auto const region = dppo({.delta_low = o.delta_low, .delta_high = o.delta_high}, top_k_tv_replace_last);
  return code{region, score_of_capped_ratio(o.ratio_cap)};
}
/// The same with Top-K KL(mu || pi).
constexpr auto stable_rl_dppo_kl(dppo_code_options const& o = {}) noexcept {
  auto const region = dppo({.delta_low = o.delta_low, .delta_high = o.delta_high}, top_k_kl_replace_last);
  return code{region, score_of_capped_ratio(o.ratio_cap)};
}

}  // namespace parity
}}  // namespace cppo

#include <cppo/macros_on.inc>
