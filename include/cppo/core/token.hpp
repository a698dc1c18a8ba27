/// @file
/// A token as masks, divergences and gates see it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>
#include <cppo/core/exponential.hpp>
#include <cppo/core/fold_values.hpp>
#include <cppo/core/position.hpp>
#include <cppo/core/probe.hpp>
#include <cppo/core/response_summary.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// A token, or as many consecutive valid tokens of one response as V has lanes. Symbols are those of the paper [Eq.
/// 8-10].
///
/// | a mask may ask | value |
/// |---|---|
/// | `log_prob()`, `rollout_log_prob()` | log pi, log mu, nats |
/// | `prob()`, `rollout_prob()` | pi, mu |
/// | `log_ratio()`, `ratio()` | log pi - log mu, and rho, which is never infinite |
/// | `advantage()`, `moves_toward_rollout()` | A, and A * log_ratio <= 0 by signs |
/// | `divergence()`, `weight()`, `weighted_divergence()` | D_t, w_t, Z_t = w_t D_t |
/// | `at()`, `length()` | position t, and T |
/// | `within_prefix_budget()` | Z_t <= delta + delta_b W_{t-1} - S_{t-1}, exact; needs `prefix_budget` |
/// | `prefix_drift()`, `prefix_weight()` | S_{t-1}, W_{t-1}; needs `prefix_values` |
/// | `prefix_allowance()` | delta_b W_{t-1}; needs `prefix_values` and `prefix_budget` |
/// | `response_delta_b()` | effective delta_b of the response; needs `prefix_budget` |
/// | `response_max()`, `response_mean()` | of D over the response; needs `response` |
/// | `lent_divergence()`, `lists()`, `top_k()`, `entropy()`, `reference_log_prob()` | what was lent; needs `reads()` |
///
/// A mask that asks for something marked "needs" declares `static constexpr cppo::needs needed = ...`, or has the
/// member `reads()`. A divergence may ask for what stands above `divergence()`, and for what was lent. Asking for
/// anything else is a compile error, which says what to write.
template <class V>
class token {
 public:
  using value_type = typename V::value_type;      ///< float or double
  using mask_type = typename V::mask;             ///< what a mask returns

  /// Holds no values yet, so that arrays of tokens cost nothing.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr token() noexcept {}
  /// Sets the three inputs that every token has. Pre: finite, log-probs not positive.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr token(V log_prob, V rollout_log_prob, V advantage) noexcept
      : log_prob_(log_prob),
        rollout_log_prob_(rollout_log_prob),
        advantage_(advantage),
        log_ratio_(log_prob - rollout_log_prob),
        shrink_(detail::exp_core(max(-abs(log_ratio_), V(detail::exp_floor<value_type>)))) {}

  /// log pi(y_t | s_t), nats.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V log_prob() const noexcept { return log_prob_; }
  /// log mu(y_t | s_t), nats.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V rollout_log_prob() const noexcept { return rollout_log_prob_; }
  /// The advantage A_t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V advantage() const noexcept { return advantage_; }
  /// The log ratio d = log pi - log mu, nats.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V log_ratio() const noexcept { return log_ratio_; }
  /// pi(y_t | s_t).
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V prob() const noexcept { return exp(log_prob_); }
  /// mu(y_t | s_t).
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V rollout_prob() const noexcept { return exp(rollout_log_prob_); }
  /// rho = e^d, computed from e^{-|d|}. Saturates at e^{+-86.5} (float) or e^{+-700} (double).
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V ratio() const noexcept {
    V const small = shrink_.value();
    return select(log_ratio_ > V(0), V(1) / small, small);  // equivalent: at 0 both are 1
  }
  /// x; +0 where the log ratio was clamped for a surrogate, so that it does not depend on log pi.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V unclamped(V x) const noexcept {
    return only(log_ratio_ == log_prob_ - rollout_log_prob_, x);
  }
  /// 1 - e^{-|d|}, without cancellation.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V ratio_gap() const noexcept { return shrink_.complement(); }
  /// k3 = rho - 1 - d >= 0, given rho = `ratio()`. No cancellation where |d| < 0.34; relative error at most 2.2e-6
  /// beyond.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V k3(V rho) const noexcept {
    V const near = select(log_ratio_ > V(0), rho * (-log_ratio_ * shrink_.e - shrink_.tail), shrink_.tail);
    return select(shrink_.s == V(1), near, (rho - V(1)) - log_ratio_);
  }
  /// True if the update moves pi toward mu or not at all: A (rho - 1) <= 0. Decided by signs, so nothing underflows.
  /// [Eq. 10]
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr mask_type moves_toward_rollout() const noexcept {
    return (advantage_ == V(0)) | (detail::flip_sign(log_ratio_, advantage_) <= V(0));
  }

  /// The divergence D_t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V divergence() const noexcept {
    static_assert(permitted::knows_divergence,
                  "divergence() is not known yet where a divergence is measured: ask for log-probs, ratio, advantage "
                  "or what is lent, or ask in a mask");
    return divergence_;
  }
  /// The weight w_t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V weight() const noexcept {
    static_assert(permitted::knows_divergence,
                  "weight() is not known yet where a divergence is measured: ask for log-probs, ratio, advantage "
                  "or what is lent, or ask in a mask");
    return weight_;
  }
  /// The weighted divergence Z_t = w_t D_t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V weighted_divergence() const noexcept {
    static_assert(permitted::knows_divergence,
                  "weighted_divergence() is not known yet where a divergence is measured: ask for log-probs, ratio, "
                  "advantage or what is lent, or ask in a mask");
    return weighted_divergence_;
  }
  /// The position t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr position<V> at() const noexcept {
    static_assert(permitted::knows_divergence,
                  "at() is not known yet where a divergence is measured: ask for log-probs, ratio, advantage "
                  "or what is lent, or ask in a mask");
    return position_;
  }
  /// T, the number of valid tokens of the response.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr index_t length() const noexcept {
    static_assert(permitted::knows_divergence,
                  "length() is not known yet where a divergence is measured: ask for log-probs, ratio, advantage "
                  "or what is lent, or ask in a mask");
    return response_->length;
  }
  /// True if S_{t-1} + Z_t <= delta + delta_b W_{t-1}, decided on exact sums. [Eq. 8]
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr mask_type within_prefix_budget() const noexcept {
    static_assert(permitted::declared(needs::prefix_budget),
                  "within_prefix_budget() needs a declaration: write `static constexpr cppo::needs needed = "
                  "cppo::needs::prefix_budget;` into the mask (a divergence cannot ask for it)");
    return within_prefix_budget_;
  }
  /// S_{t-1}, the sum of Z_j over j < t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V prefix_drift() const noexcept {
    static_assert(permitted::declared(needs::prefix_values),
                  "prefix_drift() needs a declaration: write `static constexpr cppo::needs needed = "
                  "cppo::needs::prefix_values;` into the mask (a divergence cannot ask for it)");
    return prefix_drift_;
  }
  /// W_{t-1}, the sum of w_j over j < t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V prefix_weight() const noexcept {
    static_assert(permitted::declared(needs::prefix_values),
                  "prefix_weight() needs a declaration: write `static constexpr cppo::needs needed = "
                  "cppo::needs::prefix_values;` into the mask (a divergence cannot ask for it)");
    return prefix_weight_;
  }
  /// The allowance delta_b W_{t-1}, as the sum of w_j delta_b over j < t.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V prefix_allowance() const noexcept {
    static_assert(
        permitted::declared(needs::prefix_values | needs::prefix_budget),
        "prefix_allowance() needs a declaration: write `static constexpr cppo::needs needed = "
        "cppo::needs::prefix_values | cppo::needs::prefix_budget;` into the mask (a divergence cannot ask for it)");
    return prefix_allowance_;
  }
  /// The largest D of the response.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V response_max() const noexcept {
    static_assert(permitted::declared(needs::response),
                  "response_max() needs a declaration: write `static constexpr cppo::needs needed = "
                  "cppo::needs::response;` into the mask (a divergence cannot ask for it)");
    return V(response_->max_divergence);
  }
  /// The mean of D over the response.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V response_mean() const noexcept {
    static_assert(permitted::declared(needs::response),
                  "response_mean() needs a declaration: write `static constexpr cppo::needs needed = "
                  "cppo::needs::response;` into the mask (a divergence cannot ask for it)");
    return V(response_->mean_divergence());
  }
  /// The delta_b of the response.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V response_delta_b() const noexcept {
    static_assert(permitted::declared(needs::prefix_budget),
                  "response_delta_b() needs a declaration: write `static constexpr cppo::needs needed = "
                  "cppo::needs::prefix_budget;` into the mask (a divergence cannot ask for it)");
    return V(response_->delta_b);
  }
  /// The value of a fold, which executors have found before: one number for the response, or one for each token.
  /// @{
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V response_fold(int slot) const noexcept {
    return V::from_raw(V::ops::load(folds_.data + slot * folds_.stride));
  }
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V token_fold(int slot) const noexcept {
    return V::from_raw(V::ops::load(folds_.data + slot * folds_.stride + rank_));
  }
  /// @}
  /// Number k of those that depend on the position alone, if the executor has found them for all positions; else null.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr value_type const* number_of_position(int k = 0) const noexcept {
    return folds_.of_position(k, position_[0]);
  }
  /// D_t as lent by `divergence_values`.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V lent_divergence() const noexcept {
    static_assert(permitted::lent(detail::lent_inputs::divergence),
                  "lent_divergence() needs a declaration: write `constexpr cppo::argument reads() const { return "
                  "cppo::argument::divergence; }` into the part");
    return lent_divergence_;
  }
  /// The entropy of pi at the token, as lent by `entropy`.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V entropy() const noexcept {
    static_assert(permitted::lent(detail::lent_inputs::entropy),
                  "entropy() needs a declaration: write `static constexpr cppo::argument reads() { return "
                  "cppo::argument::entropy; }` into the part, or use the quantity cppo::entropy");
    return entropy_;
  }
  /// The log-prob of the token under the reference policy, as lent by `reference_log_prob`.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V reference_log_prob() const noexcept {
    static_assert(permitted::lent(detail::lent_inputs::reference),
                  "reference_log_prob() needs a declaration: write `static constexpr cppo::argument reads() { return "
                  "cppo::argument::reference_log_prob; }` into the part, or use the quantity cppo::reference_log_prob");
    return reference_log_prob_;
  }
  /// The Top-K lists of this token. Pre: the batch lends them.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr top_k_row<value_type> const& top_k() const noexcept
    requires(V::size == 1)
  {
    static_assert(permitted::lent(detail::lent_inputs::top_k),
                  "top_k() needs a declaration: write `constexpr cppo::argument reads() const { return "
                  "cppo::argument::top_k; }` into the part, or token_id where it asks for sampled()");
    return *top_k_;
  }

  /// The Top-K lists of these tokens, on any number of lanes. For a divergence. Pre: the batch lends them.
  CPPO_HOST_DEVICE constexpr top_k_lists<V> lists() const noexcept {
    static_assert(permitted::lent(detail::lent_inputs::top_k),
                  "lists() needs a declaration: write `constexpr cppo::argument reads() const { return "
                  "cppo::argument::top_k; }` into the divergence, or token_id where it asks for the sampled token");
    static_assert(permitted::measures, "lists() are for a divergence: a mask asks for divergence()");
    return top_k_lists<V>(*top_k_);
  }

  // Executors fill a token in, in this order.
  /// Sets the values of folds. The first of these tokens is number `rank` of its response, from 0.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set_folds(detail::fold_values<value_type> const& folds,
                                                               index_t rank) noexcept {
    folds_ = folds;
    rank_ = rank;
  }
  /// Sets D_t as it was lent.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void lend_divergence(V divergence) noexcept {
    lent_divergence_ = divergence;
  }
  /// Sets the entropy and the reference policy's log-prob as they were lent.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void lend_more(V entropy, V reference_log_prob) noexcept {
    entropy_ = entropy;
    reference_log_prob_ = reference_log_prob;
  }
  /// Sets the log ratio to +-limit where it is beyond; `at_limit` are the parts of e^-limit. For a surrogate.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void clamp_log_ratio(V limit,
                                                                     detail::exp_parts<V> const& at_limit) noexcept {
    auto const beyond = abs(log_ratio_) > limit;
    log_ratio_ = max(min(log_ratio_, limit), -limit);
    shrink_ = {select(beyond, at_limit.e, shrink_.e), select(beyond, at_limit.s, shrink_.s),
               select(beyond, at_limit.tail, shrink_.tail)};
  }
  /// Sets the Top-K lists, which must outlive the token.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void lend_top_k(
      typename top_k_lists<V>::source_type const& lists) noexcept {
    top_k_ = &lists;
  }
  /// Sets D_t, saturated. No position is known yet.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set_divergence(V divergence) noexcept {
    divergence_ = detail::saturate(divergence);
  }
  /// Sets the position t, the response (which must outlive the token) and w_t. Z_t follows from them.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set_weight(position<V> at, response_summary const& response,
                                                                V weight) noexcept {
    position_ = at;
    response_ = &response;
    weight_ = weight;
    weighted_divergence_ = detail::saturate(weight_ * divergence_);
  }
  /// Sets D_t, Z_t and S_{t-1} to 0, for a mask that must not see them.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void hide_divergence() noexcept {
    divergence_ = weighted_divergence_ = prefix_drift_ = V(0);
  }
  /// Sets the outcome of the exact test of the prefix budget.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set_within_prefix_budget(mask_type within) noexcept {
    within_prefix_budget_ = within;
  }
  /// Sets S, W and the allowance before t, as numbers.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set_prefix(V drift, V weight, V allowance) noexcept {
    prefix_drift_ = drift;
    prefix_weight_ = weight;
    prefix_allowance_ = allowance;
  }

 private:
  using permitted = detail::permitted<V>;

  V log_prob_, rollout_log_prob_, advantage_, log_ratio_;
  detail::exp_parts<V> shrink_;
  V divergence_{0}, weight_{0}, weighted_divergence_{0}, lent_divergence_{0};
  V entropy_{0}, reference_log_prob_{0};
  V prefix_drift_{0}, prefix_weight_{0}, prefix_allowance_{0};
  mask_type within_prefix_budget_ = V(0) < V(0);
  position<V> position_{1};
  response_summary const* response_ = nullptr;
  typename top_k_lists<V>::source_type const* top_k_ = nullptr;
  detail::fold_values<value_type> folds_;
  index_t rank_ = 0;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
