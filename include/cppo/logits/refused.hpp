/// @file
/// Sentences for calls of `log_probs` and `find_logits` whose arguments are of the wrong kind or in the wrong order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/log_probs.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// True if the first two arguments are those of a call.
template <class E, class B>
inline constexpr bool fits_log_probs =
    (reads_logits<std::remove_cvref_t<E>> && std::is_convertible_v<B, logit_batch_view const&>) ||
    (std::is_convertible_v<E, logit_batch_view const&> && std::is_convertible_v<B, found_logits const&>);

template <class E, class B>
constexpr void refuse_log_probs() noexcept {
  constexpr bool host = reads_logits<std::remove_cvref_t<E>>;
  static_assert(host, "log_probs and find_logits begin with an executor of this host: cppo::seq, or cppo::simd, which "
                      "CPPO_USE_XSIMD=1 switches on; log_probs may also begin with a batch, before found_logits, or in "
                      "a file that nvcc compiles with cppo::on(stream), by <cppo/logits/cuda.cuh>");
  static_assert(!host || std::is_convertible_v<B, logit_batch_view const&>,
                "the second argument of log_probs and find_logits is a batch, as cppo::logit_batch(...) makes it");
}

}  // namespace detail

/// Chosen for a call with wrong arguments: it does not compile, and says what is wrong.
/// @{
template <class E, class B>
  requires(!detail::fits_log_probs<E, B>)
status log_probs(E const&, B const&, log_prob_outputs const&) noexcept {
  detail::refuse_log_probs<E, B>();
  return {};
}
template <class E, class B>
  requires(!detail::fits_log_probs<E, B>)
status find_logits(E const&, B const&, found_logits&, index_t = 0) noexcept {
  detail::refuse_log_probs<E, B>();
  return {};
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
