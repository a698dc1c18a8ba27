/// @file
/// Token weights that correct for tokens sampled by another policy than mu: TIS, IcePop, geometric bands, decoupled
/// PPO.
///
/// They take a call of their own. It reads the trainer's log-probs before the update as `log_prob`, and those of the
/// engine that sampled as `rollout_log_prob`. Under `token_sum` the losses that it writes are the weights; the call
/// that trains reads them as `token_weight`:
///
///     policy_loss(seq, rollout_batch(l, log_prob(before), rollout_log_prob(engine), advantage(a)), tis(),
///                 {.loss = w});
///     policy_loss(seq, rollout_batch(l, log_prob(now), rollout_log_prob(before), advantage(a), token_weight(w)),
///                 ppo_clip(), out);
///
/// Set `surrogate.log_ratio_clamp` of the first call to 0: the ratios below have bounds of their own. For decoupled
/// PPO, lend the proximal policy in place of `before`, and take `decoupled_weights`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/ranges.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/rules/objective.hpp>
#include <cppo/surrogate/forms.hpp>

namespace cppo { inline namespace CPPO_ABI {

// How a status names the bounds of the functions below.
namespace detail::words {
struct only_within { static constexpr char const* name = "only_within(r, low, high)"; };
struct icepop { static constexpr char const* name = "icepop(low, high)"; };
struct geometric_band { static constexpr char const* name = "geometric_band(low, high)"; };
struct decoupled_weights { static constexpr char const* name = "decoupled_weights(low, high)"; };
}  // namespace detail::words

/// The ratio of a token, the product over its response, and the geometric mean over it; logs are kept within 20.
/// @{
constexpr auto token_ratio() noexcept { return exp(clamped(log_ratio, -20, 20)); }
constexpr auto sequence_ratio() noexcept { return exp(clamped(response(sum(log_ratio)), -20, 20)); }
constexpr auto geometric_ratio() noexcept { return exp(clamped(response(mean(log_ratio)), -20, 20)); }
/// @}

namespace detail {
template <class Words, quantity Q>
constexpr auto within_bounds(Q r, double low, double high) noexcept {
  return where(quantities::call_it<Words>(between(r, low, high)), r, 0);
}
}  // namespace detail

/// r where it lies in [low, high], else 0.
template <quantity Q>
constexpr auto only_within(Q r, double low, double high) noexcept {
  return detail::within_bounds<detail::words::only_within>(r, low, high);
}
/// w divided by its mean over the tokens of the batch, so that the weights have the mean 1. 0 if all are 0.
template <quantity Q>
constexpr auto normalized_over_tokens(Q w) noexcept {
  auto const centre = batch(mean(w));
  return where(at_least(centre, above(0)), w / centre, 0);
}
/// w divided by its mean over the responses of the batch, for a w that is the same for all tokens of a response.
template <quantity Q>
constexpr auto normalized_over_responses(Q w) noexcept {
  auto const part = 1 / response(count(keep_all));
  auto const centre = batch(sum(w * part)) / batch(sum(part));
  return where(at_least(centre, above(0)), w / centre, 0);
}

/// The call that writes weights.
template <quantity Q>
constexpr auto correction(Q weight) noexcept {
  return objective(value_form(weight));
}
/// TIS: the ratio of a token, at most `high`.
constexpr auto tis(double high = 2.0) noexcept { return correction(min(token_ratio(), high)); }
/// TIS by the product over the response.
constexpr auto sequence_tis(double high = 2.0) noexcept { return correction(min(sequence_ratio(), high)); }
/// IcePop: the ratio of a token where it lies in [low, high], else 0.
constexpr auto icepop(double low = 0.5, double high = 5.0) noexcept {
  return correction(detail::within_bounds<detail::words::icepop>(token_ratio(), low, high));
}
/// The geometric mean over a response where it lies in [low, high], else 0.
constexpr auto geometric_band(double low, double high) noexcept {
  return correction(detail::within_bounds<detail::words::geometric_band>(geometric_ratio(), low, high));
}

/// What decoupled PPO does with a weight outside its bounds.
enum class beyond_bounds : bool { masks, clamps };
/// The weights of decoupled PPO, pi_prox / mu, masked or clamped outside [low, high]. [AReaL]
template <beyond_bounds Action>
constexpr auto decoupled_weights(double low, double high) noexcept {
  using words = detail::words::decoupled_weights;
  if constexpr (Action == beyond_bounds::masks) return correction(detail::within_bounds<words>(ratio, low, high));
  else return correction(quantities::call_it<words>(clamped(ratio, low, high)));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
