/// @file
/// Rules that read what comes before a token or after it: MinPRO, CTPO and FIPO.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/none.hpp>
#include <cppo/fold/halving.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/rules/clipped.hpp>
#include <cppo/surrogate/kl.hpp>
#include <cppo/surrogate/sharing.hpp>
#include <cppo/weight/uniform.hpp>

#include <cmath>

namespace cppo { inline namespace CPPO_ABI {

// How a status names the bounds of the functions below.
namespace detail::words {
struct minpro { static constexpr char const* name = "minpro(low, high)"; };
struct fipo { static constexpr char const* name = "fipo(..., weight_low, weight_high, ...)"; };
struct band { static constexpr char const* name = "1 - epsilon_low of ctpo_in_band(epsilon, ...)"; };
}  // namespace detail::words

/// Parameters of MinPRO. The paper states no bounds; the defaults are those of a third party's recipe.
struct minpro_options {
  double low = 0.8;    ///< smallest weight
  double high = 1.28;  ///< largest weight
};
/// MinPRO: -sg(clip(rho times the smallest earlier rho)) A log pi; for the first token the smallest is 1. For
/// `token_mean`.
constexpr auto minpro(minpro_options const& o = {}) noexcept {
  auto const weight = clamped(exp(before(least(log_ratio)) + log_ratio), o.low, o.high);
  return objective(score_form(quantities::call_it<detail::words::minpro>(weight)));
}

/// Parameters of CTPO. The defaults are those of the authors' script.
struct ctpo_options {
  detail::by_name names = {};  ///< no number goes here
  double low = 0.025;          ///< the log of the ratio is clipped to -low t^power
  double high = 0.05;          ///< and to high t^power
  double dual_clip = 0.05;     ///< where A < 0 no loss above -A exp(dual_clip t^power)
  double power = 0.5;          ///< how the band grows with the position t
  double exponent_cap = 10.0;  ///< largest log of the ratio, where the slope is 0
};

namespace detail {
/// The ratio of a prefix, given its log. Its slope is by the token's own log pi, also where the log ratio of that token
/// is clamped.
template <class L>
constexpr auto prefix_ratio(L log_of_prefix, double cap) noexcept {
  return exp(min(with_slope_of(log_of_prefix, log_prob), cap));
}
/// PPO's clipped loss of that ratio in a band that grows with t.
template <class L>
constexpr auto in_growing_band(L log_of_prefix, ctpo_options const& o) noexcept {
  auto const r = prefix_ratio(log_of_prefix, o.exponent_cap);
  return objective(sharing(exp(o.power * log(position_value)), [&](auto growth) {
    return dual_clipped(clipped(exp(-o.low * growth), exp(o.high * growth), r), exp(o.dual_clip * growth));
  }));
}
/// The same in a fixed band.
template <class L>
constexpr auto in_fixed_band(L log_of_prefix, ppo_clip_options const& o, double cap) noexcept {
  double const low = 1.0 - o.epsilon_low.value_or(o.epsilon), high = 1.0 + o.epsilon_high.value_or(o.epsilon);
  auto const loss = quantities::call_it<detail::words::band>(clipped(low, high, prefix_ratio(log_of_prefix, cap)));
  return objective(dual_clipped(loss, o.dual_clip));
}
}  // namespace detail

/// CTPO: PPO's clipped loss of the ratio of the prefix, exp(sum of d up to t), in a band that grows with t. For
/// `token_mean`. `ctpo_geometric` takes the mean of d, for which the authors let `power` be -1/2.
/// @{
constexpr auto ctpo(ctpo_options const& o = {}) noexcept {
  return detail::in_growing_band(upto(sum(log_ratio)), o);
}
constexpr auto ctpo_geometric(ctpo_options const& o) noexcept {
  return detail::in_growing_band(upto(mean(log_ratio)), o);
}
/// @}
/// CTPO with PPO's band at every position.
/// @{
constexpr auto ctpo_in_band(ppo_clip_options const& o = {}, double exponent_cap = 10.0) noexcept {
  return detail::in_fixed_band(upto(sum(log_ratio)), o, exponent_cap);
}
constexpr auto ctpo_geometric_in_band(ppo_clip_options const& o = {}, double exponent_cap = 10.0) noexcept {
  return detail::in_fixed_band(upto(mean(log_ratio)), o, exponent_cap);
}
/// @}

/// Parameters of FIPO. The defaults are those of the paper's recipe.
struct fipo_options {
  detail::by_name names = {};  ///< no number goes here
  double half_life = 32.0;     ///< tokens in which a later token loses half its part: a whole number
  double weight_low = 1.0;     ///< smallest weight
  double weight_high = 1.2;    ///< largest weight
  double safe_ratio = 10.0;    ///< where A < 0 and rho is above it, the weight is kept in [0.8, 1]
  double veto = 1.0;           ///< a response is dropped if more tokens than this have A < 0 and rho > dual_clip
  ppo_clip_options clip = {.epsilon_low = 0.2, .epsilon_high = 0.28, .dual_clip = 10.0};  ///< of PPO's loss
};
/// What FIPO's code has where its recipe does not say otherwise.
inline constexpr fipo_options fipo_code_defaults{
    .half_life = 128.0, .safe_ratio = 4.0, .clip = {.epsilon_low = 0.2, .epsilon_high = 0.28, .dual_clip = 3.0}};

/// FIPO's sum of d over the token and the later ones, halved every `half_life` tokens; d above log dual_clip counts as
/// 0. Distances count valid tokens, or columns where `positions` of the call is `padded_column`, as in its code.
inline auto fipo_future(fipo_options const& o = {}) noexcept {
  return from(halving_sum(where(at_most(log_ratio, std::log(o.clip.dual_clip)), log_ratio, 0), o.half_life));
}
namespace detail {
/// FIPO's weight as it is where the ratio is safe, and what it is everywhere, given that.
/// @{
inline auto safe_fipo_weight(fipo_options const& o) noexcept {
  return quantities::call_it<detail::words::fipo>(clamped(exp(fipo_future(o)), o.weight_low, o.weight_high));
}
template <quantity Q>
constexpr auto fipo_weight_of(Q weight, fipo_options const& o) noexcept {
  auto const unsafe = negative_advantage & at_least(ratio, above(o.safe_ratio));
  return where(unsafe, clamped(weight, 0.8, 1), weight);
}
/// @}
}  // namespace detail
/// FIPO's weight.
inline auto fipo_weight(fipo_options const& o = {}) noexcept {
  return detail::fipo_weight_of(detail::safe_fipo_weight(o), o);
}
/// FIPO: PPO's clipped loss with the advantage times `fipo_weight`. `mean_over_kept` divides by the tokens of responses
/// that are not dropped, as its code does.
inline auto fipo(fipo_options const& o = {}) noexcept {
  auto const beyond = negative_advantage & at_least(ratio, above(o.clip.dual_clip));
  auto const kept = trust_region(no_divergence, uniform_weight, at_most(response(count(beyond)), o.veto));
  return objective(kept, detail::sharing(detail::safe_fipo_weight(o), [&o](auto weight) {
    return detail::fipo_weight_of(weight, o) * ppo_clip(o.clip).surrogate();
  }));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
