/// @file
/// The inputs of a batch by their names: each lends a buffer, and those that a rule computes with are quantities too.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/top_k_lists.hpp>


namespace cppo { inline namespace CPPO_ABI {

template <class V>
class token;

namespace detail {

template <class T>
inline constexpr bool is_token = false;
template <class V>
inline constexpr bool is_token<token<V>> = true;
/// True for what is lent: not a token, of which the same objects are asked.
template <class T>
concept lent_thing = !is_token<std::remove_cvref_t<T>>;

template <argument Which, class Element>
struct named_buffer {
  static constexpr argument which = Which;
  using element = Element;
  buffer source;
};

template <class T>
inline constexpr bool is_per_response = false;
template <class E>
inline constexpr bool is_per_response<per_response_buffer<E>> = true;

template <argument Which, class T>
constexpr auto name_buffer(T&& x) noexcept {
  static_assert(may_repeat(Which) || !is_per_response<std::remove_cvref_t<T>>,
                "per_response(...) repeats one value for all tokens of a response: an advantage, a response_mask or a "
                "token_weight; log-probs, divergences and ids are lent token by token");
  if constexpr (lendable<T>) {
    return named_buffer<Which, std::remove_cv_t<pointee<T>>>{make_buffer(static_cast<T&&>(x))};
  } else if constexpr (is_per_response<std::remove_cvref_t<T>>) {
    return named_buffer<Which, std::remove_cv_t<typename std::remove_cvref_t<T>::element>>{x.source};
  } else {
    must_be_lendable<T>();
    return named_buffer<Which, std::conditional_t<Which == argument::token_id, int, float>>{};
  }
}

/// True if elements of T may be log-probs. A std::uint16_t may not: it does not say which half type its bits are of.
template <class T>
inline constexpr bool holds_reals = type_of_elements<T>() <= element_type::bf16;

template <argument Which, class T>
constexpr auto name_reals(T&& x) noexcept {
  auto const named = name_buffer<Which>(static_cast<T&&>(x));
  static_assert(holds_reals<typename decltype(named)::element>,
                "log-probs, advantages, divergences and weights are float, double, cppo::half or cppo::bfloat16: lend "
                "raw 16-bit words as reinterpret_cast<cppo::bfloat16 const*>(p), or cppo::half");
  return named;
}

/// True if elements of T may be ids of tokens.
template <class T>
inline constexpr bool holds_ids = std::is_integral_v<T> && !std::is_same_v<std::remove_cv_t<T>, bool>;

template <class Element>
struct named_top_k {
  static constexpr argument which = argument::top_k;
  using element = Element;
  top_k_buffers source;
};

/// True if exactly one of the inputs has this name.
template <argument Which, class... Named>
inline constexpr bool lent_once = ((Named::which == Which) + ... + 0) == 1;

/// True for what `log_prob(...)` and the other names return.
template <class T>
inline constexpr bool is_named = false;
template <argument Which, class Element>
inline constexpr bool is_named<named_buffer<Which, Element>> = true;
template <class Element>
inline constexpr bool is_named<named_top_k<Element>> = true;

template <class...>
inline constexpr bool begin_with_layout = false;
template <class First, class... Rest>
inline constexpr bool begin_with_layout<First, Rest...> = std::is_convertible_v<First const&, layout const&>;

template <class A>
inline constexpr bool is_double_log_prob =
    std::is_same_v<typename A::element, double> &&
    (A::which == argument::log_prob || A::which == argument::rollout_log_prob || A::which == argument::divergence ||
     A::which == argument::top_k || A::which == argument::reference_log_prob);

}  // namespace detail

namespace quantities {
// Inputs that are lent by name and read as quantities: see quantity/inputs.hpp.

/// log pi(y_t | s_t), nats: the policy being trained.
struct log_prob_t {
  /// Lends it: a pointer, container or view of float, double, half or bfloat16.
  template <detail::lent_thing T>
  constexpr auto operator()(T&& x) const noexcept {
    return detail::name_reals<argument::log_prob>(static_cast<T&&>(x));
  }
  /// log pi of a token.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.log_prob();
  }
  /// 1.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(1);
  }
};
/// log mu(y_t | s_t), nats: the rollout policy, frozen.
struct rollout_log_prob_t {
  /// Lends it.
  template <detail::lent_thing T>
  constexpr auto operator()(T&& x) const noexcept {
    return detail::name_reals<argument::rollout_log_prob>(static_cast<T&&>(x));
  }
  /// log mu of a token.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.rollout_log_prob();
  }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(0);
  }
};
/// The advantage of each token.
struct advantage_t {
  /// Lends it; one number a response is lent by `advantage(per_response(x))`.
  template <detail::lent_thing T>
  constexpr auto operator()(T&& x) const noexcept {
    return detail::name_reals<argument::advantage>(static_cast<T&&>(x));
  }
  /// A of a token.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.advantage();
  }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(0);
  }
};
/// The entropy of pi(. | s_t), nats.
struct entropy_t {
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE static constexpr argument reads() noexcept { return argument::entropy; }
  /// Lends it.
  template <detail::lent_thing T>
  constexpr auto operator()(T&& x) const noexcept {
    return detail::name_reals<argument::entropy>(static_cast<T&&>(x));
  }
  /// The entropy at a token.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.entropy();
  }
};
/// log pi_ref(y_t | s_t), nats: the reference policy, frozen.
struct reference_log_prob_t {
  /// The input it reads, which must be lent.
  CPPO_HOST_DEVICE static constexpr argument reads() noexcept { return argument::reference_log_prob; }
  /// Lends it.
  template <detail::lent_thing T>
  constexpr auto operator()(T&& x) const noexcept {
    return detail::name_reals<argument::reference_log_prob>(static_cast<T&&>(x));
  }
  /// log pi_ref of a token.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return t.reference_log_prob();
  }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(0);
  }
};
}  // namespace quantities

/// Lends log pi(y_t | s_t), nats: the policy being trained. A pointer, container or view of float, double, half or
/// bfloat16. Standing alone it is the quantity.
inline constexpr quantities::log_prob_t log_prob{};
/// Lends log mu(y_t | s_t), nats: the rollout policy, frozen. Standing alone it is the quantity.
inline constexpr quantities::rollout_log_prob_t rollout_log_prob{};
/// `advantage(x)` lends the advantage of each token, `advantage(per_response(x))` one number a response. Without an
/// argument, `advantage` is the quantity A.
inline constexpr quantities::advantage_t advantage{};
/// Lends the entropy of pi(. | s_t), nats, for rules that read it. Standing alone it is the quantity, a constant to the
/// gradient.
inline constexpr quantities::entropy_t entropy{};
/// Lends log pi_ref(y_t | s_t), nats, for penalties against a reference policy. Standing alone it is the quantity.
inline constexpr quantities::reference_log_prob_t reference_log_prob{};
/// Lends 1 where the policy generated the token, 0 elsewhere; bool, any integer or float. Where none is lent, every
/// slot is a token.
template <class T>
constexpr auto response_mask(T&& x) noexcept {
  return detail::name_buffer<argument::response_mask>(static_cast<T&&>(x));
}
/// Lends D_t computed elsewhere, for the `precomputed` divergence.
template <class T>
constexpr auto divergence_values(T&& x) noexcept {
  return detail::name_reals<argument::divergence>(static_cast<T&&>(x));
}
/// Lends a further constant weight on each token's loss (rollout correction).
template <class T>
constexpr auto token_weight(T&& x) noexcept {
  return detail::name_reals<argument::token_weight>(static_cast<T&&>(x));
}
/// The id of the sampled token y_t, for Top-K divergences. Any integers.
template <class T>
constexpr auto token_id(T&& x) noexcept {
  auto const named = detail::name_buffer<argument::token_id>(static_cast<T&&>(x));
  static_assert(detail::holds_ids<typename decltype(named)::element>, "token_id(...) takes ids: lend integers");
  return named;
}
/// Names the lists of the k tokens that mu ranks highest, most probable first: their ids and both policies' log-probs.
/// Each is [N, k], with N the slots of a buffer (padded: B*T rows in row-major order). Unused entries of a short list
/// hold id -1. Rank 2 may have any strides; rank 1 must have stride 1; a bare pointer is read as dense.
template <detail::lendable Ids, detail::lendable P, detail::lendable Q>
constexpr auto top_k(index_t k, Ids&& ids, P&& log_probs, Q&& rollout_log_probs) noexcept {
  static_assert(detail::holds_ids<detail::pointee<Ids>>, "top_k(k, ids, ...) takes ids first: lend integers");
  using p = std::remove_cv_t<detail::pointee<P>>;
  using q = std::remove_cv_t<detail::pointee<Q>>;
  static_assert(detail::holds_reals<p> && detail::holds_reals<q>,
                "top_k(k, ids, ...) takes both policies' log-probs last: float, double, cppo::half or cppo::bfloat16");
  using wide = std::conditional_t<std::is_same_v<p, double>, double, q>;
  return detail::named_top_k<wide>{{k, detail::make_buffer(static_cast<Ids&&>(ids)),
                                    detail::make_buffer(static_cast<P&&>(log_probs)),
                                    detail::make_buffer(static_cast<Q&&>(rollout_log_probs))}};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
