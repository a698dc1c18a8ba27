/// @file
/// Sentences for calls from logits to their gradient whose arguments are of the wrong kind.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/divergence.hpp>
#include <cppo/logits/policy_loss.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class T>
inline constexpr bool is_logit_rollout = false;
template <class Real>
inline constexpr bool is_logit_rollout<logit_rollout_view<Real>> = true;

template <class E>
constexpr void refuse_row_executor() noexcept {
  constexpr bool host = reads_logits<E>;
  static_assert(host, "policy_loss_from_logits, logits_gradient and full_divergences begin with an executor of this "
                      "host: cppo::seq, or cppo::simd, which CPPO_USE_XSIMD=1 switches on");
}
template <class B>
constexpr void refuse_row_batch() noexcept {
  constexpr bool rows = std::is_same_v<B, logit_batch_view>;
  static_assert(rows, "the second argument of logits_gradient and full_divergences is a batch of logits, as "
                      "cppo::logit_batch(...) makes it");
}

}  // namespace detail

/// Chosen for a call with wrong arguments: it does not compile, and says what is wrong.
/// @{
template <class E, class B, class R>
  requires(!detail::reads_logits<E> || !detail::is_logit_rollout<B> || !trust_region_like<R>)
status policy_loss_from_logits(E const&, B const&, R const&, logit_loss_outputs const&,
                               loss_options const& = {}) noexcept {
  constexpr bool rollout = detail::is_logit_rollout<B>, region = !rollout || trust_region_like<R>;
  detail::refuse_row_executor<E>();
  static_assert(rollout, "the second argument of policy_loss_from_logits is a batch whose logits are lent: "
                         "rollout_batch(padded(B, T), logits(V, x), token_id(y), rollout_log_prob(mu), advantage(a))");
  static_assert(region, "the third argument of policy_loss_from_logits is a region, such as "
                        "cppo::presets::dense_base(cppo::top_k_tv)");
  return {};
}
template <class E, class Real, class R>
status policy_loss(E const&, logit_rollout_view<Real> const&, R const&, loss_outputs const&,
                   loss_options const& = {}) noexcept {
  static_assert(detail::never<E>, "a batch of logits goes to policy_loss_from_logits(executor, batch, region, "
                                  "{.logits_gradient = g, .mask = m})");
  return {};
}
template <class E, class B>
  requires(!detail::reads_logits<E> || !std::is_same_v<B, logit_batch_view>)
status logits_gradient(E const&, B const&, logit_slopes const&, output const&) noexcept {
  detail::refuse_row_executor<E>();
  detail::refuse_row_batch<B>();
  return {};
}
template <class E, class B>
  requires(!detail::reads_logits<E> || !std::is_same_v<B, logit_batch_view>)
status full_divergences(E const&, B const&, slot_input const&, policy_rows const&,
                        full_divergence_outputs const&) noexcept {
  detail::refuse_row_executor<E>();
  detail::refuse_row_batch<B>();
  return {};
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
