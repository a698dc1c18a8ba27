/// @file
/// Sentences for calls whose arguments are of the wrong kind or in the wrong order. The compiler shows the cause.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/algorithm/policy_loss.hpp>
#include <cppo/core/refusals.hpp>
#include <cppo/execution/simd/executor.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class T>
inline constexpr bool is_batch = false;
template <class Real>
inline constexpr bool is_batch<rollout_batch_view<Real>> = true;
template <class E>
concept any_executor = can_run<E, float, open_region> || std::is_same_v<E, simd_t>;
template <class T>
concept argument_of_call = any_executor<T> || is_batch<T> || trust_region_like<T>;

struct executor_argument {
  template <class E>
  constexpr executor_argument(E const&) noexcept {
    static_assert(!std::is_same_v<E, simd_t> || can_run<E, float, open_region>,
                  "simd is not switched on: define CPPO_USE_XSIMD=1 before cppo is included, or link cppo::simd");
    static_assert(any_executor<E>, "a call begins with an executor: cppo::seq, cppo::simd or cppo::on(stream)");
  }
};
struct batch_argument {
  template <class B>
  constexpr batch_argument(B const&) noexcept {
    static_assert(is_batch<B>, "the second argument of a call is a batch, as cppo::rollout_batch(...) makes it");
  }
};
struct region_argument {
  template <class R>
  constexpr region_argument(R const&) noexcept {
    constexpr bool copied = trivially_copyable_value<R>, whole = !copied || trust_region_like<R>;
    static_assert(copied, "a region is copied byte by byte, as a kernel argument is: no vector or string in it, but a "
                          "pointer to what outlives the call");
    static_assert(whole, "the third argument of a call is a region: make one by cppo::trust_region(divergence, weight, "
                         "mask), or by a named region such as cppo::ppo()");
  }
};

}  // namespace detail

/// Chosen for a call with wrong arguments: it does not compile, and says what is wrong.
/// @{
template <detail::argument_of_call E, detail::argument_of_call B, detail::argument_of_call R>
  requires(!(detail::any_executor<E> && detail::is_batch<B> && trust_region_like<R>))
status policy_loss(E const&, B const&, R const&, loss_outputs const&, loss_options const& = {}) noexcept {
  static_assert(detail::never<E>, "policy_loss takes an executor, a batch, a region and outputs, in this order");
  return {};
}
template <detail::argument_of_call B, detail::argument_of_call R>
  requires(!detail::any_executor<B>)
status policy_loss(B const&, R const&, loss_outputs const&, loss_options const& = {}) noexcept {
  static_assert(detail::never<B>,
                "policy_loss begins with an executor: policy_loss(cppo::seq, batch, region, outputs)");
  return {};
}
inline status policy_loss(detail::executor_argument, detail::batch_argument, detail::region_argument,
                          loss_outputs const&, loss_options const& = {}) noexcept {
  return {};
}
template <detail::argument_of_call E, detail::argument_of_call B, detail::argument_of_call R>
  requires(!(detail::any_executor<E> && detail::is_batch<B> && trust_region_like<R>))
status compute_mask(E const&, B const&, R const&, output const&, loss_options const& = {}) noexcept {
  static_assert(detail::never<E>, "compute_mask takes an executor, a batch, a region and a mask, in this order");
  return {};
}
template <detail::argument_of_call B, detail::argument_of_call R>
  requires(!detail::any_executor<B>)
status compute_mask(B const&, R const&, output const&, loss_options const& = {}) noexcept {
  static_assert(detail::never<B>, "compute_mask begins with an executor: compute_mask(cppo::seq, batch, region, mask)");
  return {};
}
inline status compute_mask(detail::executor_argument, detail::batch_argument, detail::region_argument, output const&,
                           loss_options const& = {}) noexcept {
  return {};
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
