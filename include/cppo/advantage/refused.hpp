/// @file
/// Sentences for calls of `compute_advantage` whose arguments are of the wrong kind or in the wrong order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/compute.hpp>
#include <cppo/advantage/gae.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class R>
concept rule_or_gae = std::is_same_v<R, gae_rule> || advantage_rule<R>;
template <class R, class More>
inline constexpr bool goes_with =
    ((std::is_same_v<R, gae_rule> || rule_as_data<R>) && std::is_convertible_v<More, gae_options>) ||
    (!std::is_same_v<R, gae_rule> && std::is_convertible_v<More, advantage_states const&>);
/// True if the arguments are those of a call.
template <class...>
inline constexpr bool fits_advantage = false;
template <class E, class B, class R, class O, class... More>
  requires(sizeof...(More) < 2)
inline constexpr bool fits_advantage<E, B, R, O, More...> =
    runs_on_this_host<std::remove_cvref_t<E>> && std::is_same_v<std::remove_cvref_t<B>, response_batch_view> &&
    rule_or_gae<std::remove_cvref_t<R>> && std::is_convertible_v<O, advantage_output> &&
    (goes_with<std::remove_cvref_t<R>, More> && ...);

template <class E, class B, class R, class O, class... More>
constexpr void refuse_advantage() noexcept {
  constexpr bool host = runs_on_this_host<std::remove_cvref_t<E>>;
  constexpr bool lent = !host || std::is_same_v<std::remove_cvref_t<B>, response_batch_view>;
  constexpr bool rule = !host || !lent || rule_or_gae<std::remove_cvref_t<R>>;
  constexpr bool writes = !host || !lent || !rule || std::is_convertible_v<O, advantage_output>;
  static_assert(host, "compute_advantage begins with an executor of this host: cppo::seq, or cppo::simd, which "
                      "CPPO_USE_XSIMD=1 and <cppo/execution/simd.hpp> switch on");
  static_assert(lent, "the second argument of compute_advantage is a batch of responses, as cppo::response_batch(...) "
                      "makes it");
  static_assert(rule, "the third argument of compute_advantage is a rule: cppo::grpo(), cppo::gae() or another by "
                      "name, or a quantity or mask made of reward, response_length, and group(...) and batch(...) of "
                      "them");
  static_assert(writes, "the fourth argument of compute_advantage is what it writes: elements that are not const, one "
                        "a slot, or per_response(x) with one a response");
  static_assert(!host || !lent || !rule || !writes, "the last argument of compute_advantage is advantage_states, or "
                                                    "{.returns = r} and what else gae_options holds where the rule is "
                                                    "gae(...)");
}

}  // namespace detail

/// Chosen for a call with wrong arguments: it does not compile, and says what is wrong.
template <class E, class B, class R, class O, class... More>
  requires(!detail::fits_advantage<E, B, R, O, More...>)
status compute_advantage(E&&, B&&, R&&, O&&, More&&...) noexcept {
  detail::refuse_advantage<E, B, R, O, More...>();
  return {};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
