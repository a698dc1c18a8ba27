/// @file
/// What a token's loss is: `s(token)` gives the loss and its derivative by the token's own log pi.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// What a surrogate gives for a token, before token weight, gate and aggregation.
template <class V>
struct surrogate_value {
  V loss;   ///< to be minimised
  V slope;  ///< d loss / d log pi of the token; what the surrogate holds constant is constant
};

namespace detail {

template <class S>
concept returns_surrogate_value = requires(S const& s, token<mask_probe<S>> const& t) {
  s(t);
  { detail::ask_call(s, t) } -> std::same_as<surrogate_value<mask_probe<S>>>;
};
/// A surrogate that the library made of parts which have been checked.
template <class S>
concept made_of_surrogates = requires { requires S::made_of_surrogates; };

}  // namespace detail

/// A surrogate: `s(token)` is the token's `surrogate_value`. It is a template over the lane type. What it asks of the
/// token it must have declared, as a mask does; see `token`. The log ratio that it sees is clamped as the call asks.
template <class S>
concept token_surrogate =
    detail::trivially_copyable_value<S> &&
    (detail::made_of_surrogates<S> ||
     (!requires { requires S::made_of_quantities; } && detail::returns_surrogate_value<S> && detail::members_fit<S>));

/// What the library makes of surrogates. A namespace of its own, so that operators on lanes do not see those on
/// surrogates.
namespace surrogates {

template <class Q>
struct ratio_form_of;

/// -A r, and what makes it of a ratio of yours.
struct ratio_form_t {
  static constexpr bool made_of_surrogates = true;  ///< nothing to check
  /// -A rho; the slope is the same, and 0 where the log ratio is clamped. [Eq. 11]
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    V const loss = -(t.advantage() * t.ratio());
    return {loss, t.unclamped(loss)};
  }
  /// -A r for any quantity r with a slope, such as `clamped(ratio, 0, 5)`.
  template <class Q>
    requires(!detail::is_token<Q>)
  constexpr auto operator()(Q r) const noexcept {
    return ratio_form_of<Q>(r);
  }
};

/// No loss: 0 everywhere.
struct nothing_t {
  static constexpr bool made_of_surrogates = true;  ///< nothing to check
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const&) const noexcept {
    return {V(0), V(0)};
  }
};

}  // namespace surrogates

/// -A rho, the surrogate of a region that names none. [Eq. 11]
inline constexpr surrogates::ratio_form_t ratio_form{};
/// No loss.
inline constexpr surrogates::nothing_t nothing{};

}}  // namespace cppo

#include <cppo/macros_on.inc>
