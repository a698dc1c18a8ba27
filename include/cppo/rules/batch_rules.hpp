/// @file
/// Rules that read the whole batch: Clip-Cov, KL-Cov, the tokens of largest entropy, M2PO and V-MPO.
///
/// The batch is all that a call is lent, pieces and ranks included. The programs that published these rules take the
/// micro-batch.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/order.hpp>
#include <cppo/quantity/hashed.hpp>
#include <cppo/quantity/root.hpp>
#include <cppo/rules/response_rules.hpp>

namespace cppo { inline namespace CPPO_ABI {

// How a status names the bounds of the functions below.
namespace detail::words {
struct clip_cov { static constexpr char const* name = "clip_cov(..., low, high)"; };
}  // namespace detail::words

namespace detail {

/// All tokens of the batch over those that a mask keeps.
template <token_mask M>
constexpr auto over_kept(M mask) noexcept {
  return batch(count(keep_all)) / max(batch(count(mask)), 1);
}

}  // namespace detail

/// The region with its loss over the tokens that its mask keeps: under `token_mean` their sum is divided by their
/// number. For a mask of comparisons, which the batch can be asked for.
template <divergence_score D, weight_schedule W, token_mask M, gate G, class S, class P>
constexpr auto mean_over_kept(region<D, W, M, G, S, P> const& r) noexcept {
  return objective(r, detail::over_kept(r.mask()) * r.surrogate());
}

namespace detail {
/// (A - mean of A) (log pi - mean of log pi), over the batch, within +-1000.
constexpr auto covariance() noexcept {
  return clamped((advantage - batch(mean(advantage))) * (log_prob - batch(mean(log_prob))), -divergence_limit,
                 divergence_limit);
}
}  // namespace detail

/// Parameters of Clip-Cov. The defaults are the authors'.
struct clip_cov_options {
  detail::by_name names = {};  ///< no number goes here
  std::uint64_t seed = 0;      ///< which candidates are chosen: see `hashed`
  double share = 2e-4;         ///< of all tokens, how many are chosen: at least one
  double low = 1.0;            ///< candidates have a covariance above it
  double high = 5.0;           ///< and below it
  ppo_clip_options clip = {.epsilon = 0.2, .dual_clip = detail::no_bound};  ///< of PPO's loss
};
/// Clip-Cov: PPO's clipped loss, but some of the tokens of large covariance that it does not clip are dropped, chosen
/// at random. For `token_mean`.
constexpr auto clip_cov(clip_cov_options const& o = {}) noexcept {
  ppo_clip_options const& c = o.clip;
  double const low = 1.0 - c.epsilon_low.value_or(c.epsilon), high = 1.0 + c.epsilon_high.value_or(c.epsilon);
  auto const clipped = (positive_advantage & at_least(ratio, above(high))) |
                       (negative_advantage & at_most(ratio, below(low)));
  auto const within = between(detail::covariance(), above(o.low), below(o.high));
  auto const candidate = quantities::call_it<detail::words::clip_cov>(within) & !clipped;
  auto const draw = hashed(o.seed);  // below 1
  auto const last = batch(kth_smallest(where(candidate, draw, 1), cppo::share(o.share)));
  return objective(detail::keeping(!(candidate & at_most(draw, last))), ppo_clip(c).surrogate());
}

/// Parameters of KL-Cov. The defaults are the authors'.
struct kl_cov_options {
  double share = 2e-4;  ///< of all tokens, how many are penalised: at least one
  double beta = 1.0;    ///< coefficient of |d|
};
/// The tokens that KL-Cov penalises: those of largest covariance. Of equals at the edge all.
constexpr auto kl_cov_selected(kl_cov_options const& o = {}) noexcept {
  return at_least(detail::covariance(), batch(kth_largest(detail::covariance(), cppo::share(o.share))));
}
/// KL-Cov: -A rho, and + beta |d| on the tokens of largest covariance. For `token_mean`.
constexpr auto kl_cov(kl_cov_options const& o = {}) noexcept {
  return objective(ratio_form + where(kl_cov_selected(o), penalty(abs(log_ratio), o.beta), nothing));
}

/// Parameters of the rule of high-entropy tokens. The defaults are the paper's.
struct entropy_top_options {
  detail::by_name names = {};  ///< no number goes here
  double share = 0.2;          ///< of all tokens, how many are kept
  ppo_clip_options clip = {.epsilon_low = 0.2, .epsilon_high = 0.28};  ///< of PPO's loss
};
/// PPO's clipped loss on the tokens of largest entropy, a lent input; of equals at the edge all stay. ("80/20")
///
/// The paper and TRL divide by all tokens: take `token_mean`. The authors' code divides by the tokens kept, which makes
/// the loss five times as large: take `mean_over_kept(entropy_top())`. TRL keeps what is at least a quantile:
/// `entropy_top_quantile`.
/// @{
constexpr auto entropy_top(entropy_top_options const& o = {}) noexcept {
  auto const kept = at_least(entropy, batch(kth_largest(entropy, share_rounded_up(o.share))));
  return objective(detail::keeping(kept), ppo_clip(o.clip).surrogate());
}
constexpr auto entropy_top_quantile(entropy_top_options const& o = {}) noexcept {
  auto const kept = at_least(entropy, batch(kth_smallest(entropy, at_quantile(1.0 - o.share))));
  return objective(detail::keeping(kept), ppo_clip(o.clip).surrogate());
}
/// @}

/// Parameters of M2PO. The defaults are the authors'.
struct m2po_options {
  double budget = 0.04;     ///< on the second moment of d over the tokens that move away from mu
  double floor_low = 0.3;   ///< the range is at least [1 - floor_low, ...
  double floor_high = 0.5;  ///< ..., 1 + floor_high]
};
namespace detail {
inline constexpr auto square_of_log_ratio = min(log_ratio * log_ratio, divergence_limit);
inline constexpr auto moves_away = at_least(advantage * log_ratio, above(0));
/// True where the mean of d^2 over the tokens that move away from mu is above the budget.
constexpr auto over_budget(double budget) noexcept {
  auto const spent = batch(sum(cppo::where(moves_away, square_of_log_ratio, 0)));
  return at_least(spent, above(budget * batch(count(moves_away))));
}
/// The largest |d| at which those tokens' |d| can be cut off so that it is not.
constexpr auto widest_log_ratio(double budget) noexcept {
  return sqrt(batch(capped(among(moves_away, square_of_log_ratio), budget)));
}
}  // namespace detail

/// The bounds of M2PO's clip range.
/// @{
constexpr auto m2po_low(m2po_options const& o = {}) noexcept {
  auto const found = where(detail::over_budget(o.budget), exp(-detail::widest_log_ratio(o.budget)), 0);
  return min(found, 1.0 - o.floor_low);
}
constexpr auto m2po_high(m2po_options const& o = {}) noexcept {
  auto const found = where(detail::over_budget(o.budget), exp(detail::widest_log_ratio(o.budget)), 1e5);
  return max(found, 1.0 + o.floor_high);
}
/// @}
/// M2PO as the authors' code has it: PPO's clipped loss with one range for the batch, [`m2po_low`, `m2po_high`].
/// Set `surrogate.log_ratio_clamp` to 0 for its d. For `token_mean`.
constexpr auto m2po(m2po_options const& o = {}) noexcept {
  return objective(clipped(m2po_low(o), m2po_high(o)));
}
/// What AReaL has under that name: the tokens of largest d^2 are dropped, as few as bring the mean of the others below
/// `threshold`; of equals all or none, and the smallest stay. A d beyond 20 counts as 20.
constexpr auto m2po_mask(double threshold = 0.04) noexcept {
  auto const square = min(log_ratio * log_ratio, 400);
  return detail::keeping(at_most(square, batch(trimmed(square, threshold))));
}

/// V-MPO's weights: exp(A / eta) on the better half of the batch, adding up to 1. Of equals at the edge all are in.
constexpr auto vmpo_weight(double eta = 1.0) noexcept {
  auto const best = at_least(advantage, batch(kth_largest(advantage, share(0.5))));
  auto const size = where(best, exp((advantage - batch(most(advantage))) / eta), 0);
  return size / batch(sum(size));
}
/// V-MPO's loss of the policy: -w log pi. For `token_sum`. eta and alpha have losses of their own, which are the
/// trainer's.
constexpr auto vmpo(double eta = 1.0) noexcept { return objective(penalty(log_prob, -vmpo_weight(eta))); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
