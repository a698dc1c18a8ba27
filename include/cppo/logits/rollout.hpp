/// @file
/// The batch that a trainer lends with logits in the place of log-probs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>
#include <cppo/logits/batch.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The lists of the ids that mu ranks highest, as an engine returns them.
template <class Element>
struct rollout_lists {
  static constexpr argument which = argument::top_k;
  using element = Element;
  index_t k = 0;
  buffer ids, rollout_log_prob;
};

/// True for what a batch of logits and rollouts takes beside the logits.
template <class T>
inline constexpr bool goes_with_rollout = false;
template <argument Which, class Element>
inline constexpr bool goes_with_rollout<named_buffer<Which, Element>> = Which != argument::log_prob;
template <class Element>
inline constexpr bool goes_with_rollout<rollout_lists<Element>> = true;

}  // namespace detail

/// Names the lists of the k ids that mu ranks highest, [N, k], and its log-probs of them, for Top-K divergences: what
/// an engine returns beside the sampled ids. Entries below 0 are empty. Log pi of them comes out of the logits.
template <detail::lendable Ids, detail::lendable Q>
constexpr auto rollout_top_k(index_t k, Ids&& ids, Q&& rollout_log_probs) noexcept {
  using q = std::remove_cv_t<detail::pointee<Q>>;
  static_assert(detail::holds_ids<detail::pointee<Ids>>, "rollout_top_k(k, ids, ...) takes ids first: lend integers");
  static_assert(detail::holds_reals<q>, "rollout_top_k(k, ids, x) takes mu's log-probs last: float, double, "
                                        "cppo::half or cppo::bfloat16");
  return detail::rollout_lists<q>{k, detail::make_buffer(static_cast<Ids&&>(ids)),
                                  detail::make_buffer(static_cast<Q&&>(rollout_log_probs))};
}

/// Logits of pi, and all else that a call reads of a batch. Real is the arithmetic of the call, as in
/// `rollout_batch_view`. Trivially copyable.
template <class Real>
class logit_rollout_view {
 public:
  using value_type = Real;  ///< arithmetic of the call

  /// Logits in a layout; used by `rollout_batch`.
  constexpr logit_rollout_view(layout const& l, logit_rows const& rows) noexcept : rollout_(l), logits_(l, rows) {}
  /// Adds a buffer; used by `rollout_batch`.
  /// @{
  template <argument Which, class Element>
  constexpr void add(detail::named_buffer<Which, Element> const& named) noexcept {
    if constexpr (detail::goes_with_logits<detail::named_buffer<Which, Element>>) logits_.add(named);
    if (logits_.check().ok()) rollout_.add(named);
  }
  template <class Element>
  constexpr void add(detail::rollout_lists<Element> const& lists) noexcept {
    logits_.add(detail::lent_ids{lists.k, lists.ids});
    rollout_log_prob_ = lists.rollout_log_prob;
  }
  /// @}

  /// The batch without log pi and lists.
  constexpr rollout_batch_view<Real> const& rollout() const noexcept { return rollout_; }
  /// The logits, the sampled and the listed ids.
  constexpr logit_batch_view const& logits() const noexcept { return logits_; }
  /// Mu's log-probs of the listed ids, as they are lent.
  constexpr detail::buffer const& rollout_log_prob_lists() const noexcept { return rollout_log_prob_; }
  /// What is wrong with the shapes; ok if nothing is.
  constexpr status const& check() const noexcept {
    return logits_.check().ok() ? rollout_.check() : logits_.check();
  }

 private:
  rollout_batch_view<Real> rollout_;
  logit_batch_view logits_;
  detail::buffer rollout_log_prob_;
};

/// Lends a batch with logits of pi where `rollout_batch` else takes its log-probs:
///
///     rollout_batch(padded(B, T), logits(V, x), token_id(y), rollout_log_prob(mu), advantage(a), response_mask(m),
///                   rollout_top_k(20, ids, mu_lists))
///
/// Logits, `token_id`, `rollout_log_prob` and `advantage` are required. Else as the other `rollout_batch`.
template <class... Named>
  requires(detail::goes_with_rollout<Named> && ...)
constexpr auto rollout_batch(layout const& shape, logit_rows const& rows, Named const&... named) noexcept {
  static_assert(detail::lent_once<argument::token_id, Named...>, "rollout_batch of logits needs token_id(...) once");
  static_assert(detail::lent_once<argument::rollout_log_prob, Named...>,
                "rollout_batch needs rollout_log_prob(...) once");
  static_assert(detail::lent_once<argument::advantage, Named...>, "rollout_batch needs advantage(...) once");
  static_assert((detail::lent_once<Named::which, Named...> && ...), "rollout_batch takes each input once");
  using real = std::conditional_t<(detail::is_double_log_prob<Named> || ...), double, float>;
  logit_rollout_view<real> batch(shape, rows);
  if (batch.check().ok()) (batch.add(named), ...);
  return batch;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
