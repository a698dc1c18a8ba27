/// @file
/// The batch from which advantages are computed: what a trainer lends of each response.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/inputs.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// A buffer of a response batch, by its name. Each call places it: some rules read one reward a response, others one a
/// token.
template <argument Which, class Element>
struct named_of_response {
  static constexpr argument which = Which;
  using element = Element;
  buffer source;
};

template <argument Which, class T>
constexpr auto name_of_response(T&& x) noexcept {
  auto const named = name_buffer<Which>(static_cast<T&&>(x));
  return named_of_response<Which, typename decltype(named)::element>{named.source};
}
template <argument Which, class T>
constexpr auto name_reals_of_response(T&& x) noexcept {
  auto const named = name_of_response<Which>(static_cast<T&&>(x));
  static_assert(holds_reals<typename decltype(named)::element>,
                "rewards and values are float, double, cppo::half or cppo::bfloat16: convert integers");
  return named;
}

/// True for what a response batch takes.
template <class T>
inline constexpr bool is_of_response = false;
template <argument Which, class Element>
inline constexpr bool is_of_response<named_of_response<Which, Element>> = true;
template <class Element>
inline constexpr bool is_of_response<named_buffer<argument::response_mask, Element>> = true;
template <class Element>
inline constexpr bool is_of_response<named_buffer<argument::advantage, Element>> = true;

/// What a part may ask an item of an advantage rule. Parts of a user's own are tried on lanes that refuse the rest.
enum class item_asks : std::uint8_t { everything, of_response, of_token };
/// Lanes of the items of an advantage rule: one response, or one token of it, in double.
template <item_asks Asks>
struct item_register {};
template <item_asks Asks>
struct register_ops<item_register<Asks>> : register_ops<double> {};
using item_lane = lane<item_register<item_asks::everything>>;

/// True of the lanes on which advantage rules run, or are tried.
template <class V>
inline constexpr bool is_item = false;
template <item_asks Asks>
inline constexpr bool is_item<lane<item_register<Asks>>> = true;

}  // namespace detail

namespace quantities {

/// R, the reward of a response.
struct reward_t {
  static constexpr bool made_of_quantities = true;  ///< nothing to check
  /// Lends it: one number a response, or one a token for `gae`.
  template <class T>
  constexpr auto operator()(T&& x) const noexcept {
    return detail::name_reals_of_response<argument::reward>(static_cast<T&&>(x));
  }
  /// R of an item.
  template <class V>
  constexpr V operator()(token<V> const& t) const noexcept {
    static_assert(detail::is_item<V>, "reward is known where advantages are computed: use it in a rule for "
                                      "compute_advantage, and lend the region its result as advantage(...)");
    if constexpr (detail::is_item<V>) return t.reward();
    else return V(0);
  }
};
/// T, the number of valid tokens of the response.
struct length_t {
  static constexpr bool made_of_quantities = true;  ///< nothing to check
  /// T.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return V(t.length());
  }
  /// 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const&) const noexcept {
    return V(0);
  }
};

}  // namespace quantities

/// Lends the rewards, one a response ([B]); for `gae` one a token, or `reward(per_response(r))` for one at the last
/// token. Standing alone it is the quantity R.
inline constexpr quantities::reward_t reward{};
/// The number of valid tokens of the response, as a quantity.
inline constexpr quantities::length_t response_length{};
/// Lends the number of the prompt that each response answers: any integers, one a response. Responses to one prompt are
/// a group, wherever they lie.
template <class T>
constexpr auto group_id(T&& x) noexcept {
  auto const named = detail::name_of_response<argument::group_id>(static_cast<T&&>(x));
  static_assert(detail::holds_ids<typename decltype(named)::element>, "group_id(...) takes an integer for each "
                                                                      "response: number the prompts");
  return named;
}
/// Lends the value V of the state before each token, for `gae`.
template <class T>
constexpr auto value(T&& x) noexcept {
  static_assert(!detail::is_per_response<std::remove_cvref_t<T>>, "value(...) takes a number for each token");
  return detail::name_reals_of_response<argument::value>(static_cast<T&&>(x));
}
/// Lends the value of the state after the last token of each response ([B]), for `gae`: that of responses which were
/// cut off, 0 of those that ended. Where none is lent, all ended.
template <class T>
constexpr auto bootstrap_value(T&& x) noexcept {
  return detail::name_reals_of_response<argument::bootstrap_value>(static_cast<T&&>(x));
}

/// What is lent of the responses of a batch. Trivially copyable.
class response_batch_view {
 public:
  /// An empty batch in a layout; used by `response_batch`.
  explicit constexpr response_batch_view(layout const& l) noexcept : layout_(l) {}
  /// Layout of every buffer that has one number a token.
  constexpr layout const& shape() const noexcept { return layout_; }
  /// A buffer by its name; `rank` 0 if it was not lent.
  constexpr detail::buffer const& operator[](argument a) const noexcept { return lent_[index(a)]; }
  /// Adds a buffer; used by `response_batch`.
  template <class Named>
  constexpr void add(Named const& named) noexcept {
    lent_[index(Named::which)] = named.source;
  }

 private:
  static constexpr int index(argument a) noexcept {
    if (a >= argument::reward) return 2 + static_cast<int>(a) - static_cast<int>(argument::reward);
    return a == argument::response_mask ? 1 : 0;
  }
  layout layout_;
  detail::buffer lent_[6] = {};
};

/// Lends buffers as a batch of responses, in any order:
/// `response_batch(padded(B, T), reward(r), group_id(g), response_mask(m))`.
///
/// `reward` is one number a response, `group_id` one integer a response; the rule says which it reads. Log-probs are
/// not needed. The batch keeps pointers: what is lent must outlive it, and a temporary that owns its elements does not
/// compile.
template <class... Named>
  requires(detail::is_of_response<Named> && ...)
constexpr response_batch_view response_batch(layout const& shape, Named const&... named) noexcept {
  static_assert((detail::lent_once<Named::which, Named...> && ...), "response_batch takes each input once");
  response_batch_view lent(shape);
  (lent.add(named), ...);
  return lent;
}
/// Chosen where an argument is no layout or not an input of responses: it does not compile, and says what is wrong.
/// @{
template <class... Any>
  requires(!(detail::is_of_response<Any> && ...))
constexpr response_batch_view response_batch(layout const& shape, Any const&...) noexcept {
  static_assert(detail::never<Any...>, "response_batch takes reward(r), group_id(g), response_mask(m), value(v), "
                                       "bootstrap_value(b) and advantage(a), by these names");
  return response_batch_view(shape);
}
template <class... Any>
  requires(!detail::begin_with_layout<Any...>)
constexpr response_batch_view response_batch(Any const&...) noexcept {
  static_assert(detail::never<Any...>, "response_batch begins with the layout, padded(B, T) or packed(offsets)");
  return response_batch_view(layout{});
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
