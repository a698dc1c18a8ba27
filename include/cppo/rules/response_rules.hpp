/// @file
/// Rules that read a statistic of the response: GSPO, GMPO, VESPO, OPSM and the rejection rules.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/none.hpp>
#include <cppo/divergence/single_sample.hpp>
#include <cppo/fold/ranges.hpp>
#include <cppo/quantity/comparisons.hpp>
#include <cppo/rules/clipped.hpp>
#include <cppo/weight/uniform.hpp>

#include <cmath>

namespace cppo { inline namespace CPPO_ABI {

// How a status names the bounds of the functions below.
namespace detail::words {
struct gspo { static constexpr char const* name = "1 - epsilon_low of gspo(epsilon_low, epsilon_high)"; };
struct token_k1 { static constexpr char const* name = "log(low) of rs_token_k1(low, high)"; };
struct mean_k1 { static constexpr char const* name = "log(low) of rs_seq_mean_k1(low, high)"; };
struct sum_k1 { static constexpr char const* name = "log(low) of rs_seq_sum_k1(low, high)"; };
struct max_k1 { static constexpr char const* name = "log(low) of rs_seq_max_k1(low, high)"; };
}  // namespace detail::words

namespace detail {
/// The region that keeps what a mask keeps, without a divergence.
template <class M>
constexpr auto keeping(M mask) noexcept {
  return trust_region(no_divergence, uniform_weight, mask);
}
inline constexpr double no_bound = special<double>::infinity;
}  // namespace detail

/// Parameters of GSPO. The defaults are the paper's; the cap is verl's.
struct gspo_options {
  detail::by_name names = {};    ///< no number goes here
  double epsilon_low = 3e-4;     ///< the ratio is clipped to 1 - epsilon_low
  double epsilon_high = 4e-4;    ///< and to 1 + epsilon_high
  double exponent_cap = 10.0;    ///< largest mean log ratio, where the slope is 0; infinity: none
};
/// GSPO: PPO's clipped loss of s = exp(mean of d over the response). A token has the value of s and the slope s, so
/// that under `seq_mean_token_mean` the gradient is that of the paper's objective; advantages may differ within a
/// response (GSPO-token). Set `surrogate.log_ratio_clamp` to 0 for its d.
constexpr auto gspo(gspo_options const& o = {}) noexcept {
  auto const s = exp(min(response(mean(log_ratio)), o.exponent_cap));
  auto const loss = clipped(1.0 - o.epsilon_low, 1.0 + o.epsilon_high, s);
  return objective(quantities::call_it<detail::words::gspo>(loss));
}

/// Parameters of GMPO. The defaults are the paper's.
struct gmpo_options {
  double log_low = 0.4;   ///< where A < 0, d is cut at -log_low
  double log_high = 0.4;  ///< where A > 0, d is cut at log_high
};
/// GMPO's ratio of a response: exp(mean of x), with x = d cut on the side to which A points.
constexpr auto gmpo_ratio(gmpo_options const& o = {}) noexcept {
  auto const up = clamped(log_ratio, -detail::no_bound, o.log_high);
  auto const down = clamped(log_ratio, -o.log_low, detail::no_bound);
  auto const x = where(positive_advantage, up, where(negative_advantage, down, 0));
  return exp(response(mean(x)));
}
/// GMPO: -A times `gmpo_ratio`. Under `seq_mean_token_mean` it is the paper's objective. Set
/// `surrogate.log_ratio_clamp` to 0 for its d.
constexpr auto gmpo(gmpo_options const& o = {}) noexcept { return objective(ratio_form(gmpo_ratio(o))); }

/// Parameters of VESPO. The defaults are those of the authors' code.
struct vespo_options {
  double k_positive = 2.0;       ///< k where A >= 0
  double lambda_positive = 3.0;  ///< lambda there
  double k_negative = 3.0;       ///< k elsewhere
  double lambda_negative = 2.0;  ///< lambda there
};
/// VESPO's phi = exp(lambda (1 - e^W) + k W), with W the sum of d over the response in [log 1e-8, 20].
constexpr auto vespo_weight(vespo_options const& o = {}) noexcept {
  auto const w = clamped(response(sum(clamped(log_ratio, -20, 20))), -18.420680743952367, 20);
  auto const gains = at_least(advantage, 0);
  auto const lambda = where(gains, o.lambda_positive, o.lambda_negative);
  return exp(lambda * (1 - exp(w)) + where(gains, o.k_positive, o.k_negative) * w);
}
/// VESPO: -sg(phi) A log pi, with `vespo_weight`. For `token_mean`.
constexpr auto vespo(vespo_options const& o = {}) noexcept { return objective(score_form(vespo_weight(o))); }

/// OPSM: PPO's clipped loss, but where A < 0 a response is dropped whose mean of log mu - log pi is above delta.
/// That mean is of numbers that are not clamped. Dropped tokens count in means over tokens; see `mean_over_kept`.
constexpr auto opsm(double delta, ppo_clip_options const& o = {}) noexcept {
  auto const kept = at_least(advantage, 0) | at_most(response(mean(rollout_log_prob - log_prob)), delta);
  return objective(detail::keeping(kept), ppo_clip(o).surrogate());
}

namespace detail {
inline constexpr auto k1_of_token = -log_ratio;
inline constexpr auto k2_of_token = 0.5 * log_ratio * log_ratio;
/// low and high bound a ratio, q its logarithm.
template <class Words, class Q>
auto log_between(Q q, double low, double high) noexcept {
  return quantities::call_it<Words>(between(q, std::log(low), std::log(high)));
}
}  // namespace detail

// Rejection rules, as verl names them: masks, to be joined by `&`. A k3 of 1000 and more counts as 1000. Over a whole
// response the log ratio is clamped as the call says.

/// Keeps tokens with k1 = -d, of the token, in [log low, log high].
inline auto rs_token_k1(double low, double high) noexcept {
  return detail::log_between<detail::words::token_k1>(detail::k1_of_token, low, high);
}
/// Keeps tokens with k1 = -d, as the mean over the response, in [log low, log high].
inline auto rs_seq_mean_k1(double low, double high) noexcept {
  return detail::log_between<detail::words::mean_k1>(response(mean(detail::k1_of_token)), low, high);
}
/// Keeps tokens with k1 = -d, as the sum over the response, in [log low, log high].
inline auto rs_seq_sum_k1(double low, double high) noexcept {
  return detail::log_between<detail::words::sum_k1>(response(sum(detail::k1_of_token)), low, high);
}
/// Keeps tokens with k1 = -d, as the largest of the response, in [log low, log high].
inline auto rs_seq_max_k1(double low, double high) noexcept {
  return detail::log_between<detail::words::max_k1>(response(most(detail::k1_of_token)), low, high);
}
/// Keeps tokens with k2 = d^2 / 2, of the token, at most `high`.
constexpr auto rs_token_k2(double high) noexcept { return at_most(detail::k2_of_token, high); }
/// Keeps tokens with k2 = d^2 / 2, as the mean over the response, at most `high`.
constexpr auto rs_seq_mean_k2(double high) noexcept { return at_most(response(mean(detail::k2_of_token)), high); }
/// Keeps tokens with k2 = d^2 / 2, as the sum over the response, at most `high`.
constexpr auto rs_seq_sum_k2(double high) noexcept { return at_most(response(sum(detail::k2_of_token)), high); }
/// Keeps tokens with k2 = d^2 / 2, as the largest of the response, at most `high`.
constexpr auto rs_seq_max_k2(double high) noexcept { return at_most(response(most(detail::k2_of_token)), high); }
/// Keeps tokens with k3 = e^d - 1 - d, of the token, at most `high`.
constexpr auto rs_token_k3(double high) noexcept { return at_most(k3, high); }
/// Keeps tokens with k3 = e^d - 1 - d, as the mean over the response, at most `high`.
constexpr auto rs_seq_mean_k3(double high) noexcept { return at_most(response(mean(k3)), high); }
/// Keeps tokens with k3 = e^d - 1 - d, as the sum over the response, at most `high`.
constexpr auto rs_seq_sum_k3(double high) noexcept { return at_most(response(sum(k3)), high); }
/// Keeps tokens with k3 = e^d - 1 - d, as the largest of the response, at most `high`.
constexpr auto rs_seq_max_k3(double high) noexcept { return at_most(response(most(k3)), high); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
