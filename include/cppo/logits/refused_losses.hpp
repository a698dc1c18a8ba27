/// @file
/// Sentences for calls from logits to their gradient whose arguments are of the wrong kind.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/divergence.hpp>
#include <cppo/logits/head_loss.hpp>
#include <cppo/logits/policy_loss.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class T>
inline constexpr bool is_logit_rollout = false;
template <class Real>
inline constexpr bool is_logit_rollout<logit_rollout_view<Real>> = true;
/// True if the head can fill the slab of a batch, and take its gradient.
template <class Head, class B>
inline constexpr bool fits_slab = false;
template <class Head, class Real, class Element>
inline constexpr bool fits_slab<Head, head_rollout_view<Real, Element>> = linear_head<Head, Element>;
template <class B>
inline constexpr bool is_head_rollout = false;
template <class Real, class Element>
inline constexpr bool is_head_rollout<head_rollout_view<Real, Element>> = true;

template <class E>
constexpr void refuse_row_executor() noexcept {
  constexpr bool host = reads_logits<E>;
  static_assert(host, "policy_loss_from_logits, policy_loss_from_head, logits_gradient and full_divergences begin with "
                      "an executor of this host: cppo::seq, or cppo::simd, which CPPO_USE_XSIMD=1 switches on; all but "
                      "policy_loss_from_head, in a file that nvcc compiles, also with cppo::on(stream), by "
                      "<cppo/logits/cuda.cuh>");
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
                               loss_options const& = {}, logit_loss_options const& = {}) noexcept {
  constexpr bool rollout = detail::is_logit_rollout<B>, region = !rollout || trust_region_like<R>;
  constexpr bool slab = detail::is_head_rollout<B>;
  detail::refuse_row_executor<E>();
  static_assert(!slab, "a batch whose logits are made in slabs goes to policy_loss_from_head(executor, head, batch, "
                       "region, {.mask = m, .report = &r})");
  static_assert(rollout || slab, "the second argument of policy_loss_from_logits is a batch whose logits are lent: "
                         "rollout_batch(padded(B, T), logits(V, x), token_id(y), rollout_log_prob(mu), advantage(a))");
  static_assert(region, "the third argument of policy_loss_from_logits is a region, such as "
                        "cppo::presets::dense_base(cppo::top_k_tv)");
  return {};
}
template <class E, class H, class B, class R>
  requires(!detail::reads_logits<E> || !detail::fits_slab<std::remove_reference_t<H>, B> || !trust_region_like<R>)
status policy_loss_from_head(E const&, H&&, B const&, R const&, head_loss_outputs const&, loss_options const& = {},
                             head_loss_options const& = {}) noexcept {
  constexpr bool rollout = detail::is_head_rollout<B>;
  constexpr bool head = !rollout || detail::fits_slab<std::remove_reference_t<H>, B>;
  detail::refuse_row_executor<E>();
  static_assert(head, "the second argument of policy_loss_from_head is a head, which has logits(rows, x), "
                      "hidden_gradient(rows, d) and head_gradient(rows, d) for cppo::head_rows and a cppo::matrix_view "
                      "of the slab's elements, const in the last two");
  static_assert(rollout, "the third argument of policy_loss_from_head is a batch with a slab: rollout_batch(padded(B, "
                         "T), logits_in_slabs(C, V, x), token_id(y), rollout_log_prob(mu), advantage(a))");
  static_assert(!rollout || trust_region_like<R>, "the fourth argument of policy_loss_from_head is a region, such as "
                                                  "cppo::presets::dense_post_trained()");
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
