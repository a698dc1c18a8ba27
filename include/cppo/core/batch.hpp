/// @file
/// The batch a trainer lends: named buffers in one layout, nothing copied.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/top_k_lists.hpp>

namespace cppo { inline namespace CPPO_ABI {

template <class V>
class token;

namespace detail {

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
     A::which == argument::top_k);

}  // namespace detail

namespace quantities {
// Inputs that are lent by name and read as quantities: see quantity/inputs.hpp.

/// log pi(y_t | s_t), nats: the policy being trained.
struct log_prob_t {
  /// Lends it: a pointer, container or view of float, double, half or bfloat16.
  template <class T>
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
  template <class T>
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
  template <class T>
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
}  // namespace quantities

/// Lends log pi(y_t | s_t), nats: the policy being trained. A pointer, container or view of float, double, half or
/// bfloat16. Standing alone it is the quantity.
inline constexpr quantities::log_prob_t log_prob{};
/// Lends log mu(y_t | s_t), nats: the rollout policy, frozen. Standing alone it is the quantity.
inline constexpr quantities::rollout_log_prob_t rollout_log_prob{};
/// Lends the advantage of each token; one number a response is lent by `advantage(per_response(x))`. Standing alone it
/// is the quantity A.
inline constexpr quantities::advantage_t advantage{};
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

/// A batch as a call reads it. Real is the arithmetic of the call: float, unless a log-prob or divergence was lent as
/// double. Trivially copyable.
template <class Real>
class rollout_batch_view {
 public:
  using value_type = Real;  ///< arithmetic of the call

  /// Layout of every buffer.
  CPPO_HOST_DEVICE constexpr layout const& shape() const noexcept { return layout_; }
  /// A buffer by its name.
  CPPO_HOST_DEVICE constexpr detail::column const& operator[](argument a) const noexcept {
    return columns_[static_cast<int>(a)];
  }
  /// True if this input was lent.
  CPPO_HOST_DEVICE constexpr bool has(argument a) const noexcept {
    return a == argument::top_k ? top_k_.k > 0 : lent_[static_cast<int>(a)];
  }
  /// 1 if slot i of response b is a token, 0 if it is excluded, 2 if its mask value is neither 0 nor 1.
  CPPO_HOST_DEVICE constexpr std::uint8_t active(index_t b, index_t i) const noexcept {
    detail::column const& m = (*this)[argument::response_mask];
    return m.lent() ? detail::load_mask(m.data, m.type, m.offset(layout_, b, i)) : std::uint8_t{1};
  }
  /// Value of an input at slot i of response b; `fallback` where the input was not lent.
  CPPO_HOST_DEVICE constexpr Real value(argument a, index_t b, index_t i, Real fallback = Real{}) const noexcept {
    detail::column const& c = (*this)[a];
    return c.lent() ? detail::load<Real>(c.data, c.type, c.offset(layout_, b, i)) : fallback;
  }
  /// Which row of the Top-K lists is that of slot i of response b.
  CPPO_HOST_DEVICE constexpr index_t list_row(index_t b, index_t i) const noexcept {
    return (layout_.is_packed() ? layout_.begin(b) : b * layout_.width()) + i;
  }
  /// Top-K lists at slot i of response b.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr top_k_row<Real> top_k_at(index_t b, index_t i) const noexcept {
    detail::column const& ids = (*this)[argument::token_id];
    index_t const none = -1;
    return {&top_k_, list_row(b, i),
            ids.lent() ? detail::load_index(ids.data, ids.type, ids.offset(layout_, b, i)) : none};
  }
  /// The Top-K lists as they were lent.
  CPPO_HOST_DEVICE constexpr detail::top_k_buffers const& lists() const noexcept { return top_k_; }
  /// What is wrong with the shapes, as found when the batch was made; ok if nothing is.
  CPPO_HOST_DEVICE constexpr status const& check() const noexcept { return status_; }

  /// The same batch in a layout like its own, after move(buffer) was called with everything lent. For code that copies
  /// batches to other memory.
  template <class F>
  constexpr rollout_batch_view moved(layout const& l, F const& move) const {
    rollout_batch_view other = *this;
    other.layout_ = l;
    for (detail::column& c : other.columns_) {
      if (c.lent()) move(c);
    }
    if (top_k_.k > 0) move(other.top_k_.ids), move(other.top_k_.log_prob), move(other.top_k_.rollout_log_prob);
    return other;
  }

  /// Adds a buffer; used by `rollout_batch`.
  template <argument Which, class E>
  constexpr void add(detail::named_buffer<Which, E> const& named) noexcept {
    status const s = detail::place(named.source, layout_, Which, columns_[static_cast<int>(Which)]);
    lent_[static_cast<int>(Which)] = true;
    if (status_.ok() && !s.ok()) status_ = s;
  }
  /// Adds Top-K lists; used by `rollout_batch`.
  template <class E>
  constexpr void add(detail::named_top_k<E> const& named) noexcept {
    top_k_ = named.source;
    status const s = top_k_.check(layout_.elements());
    if (status_.ok() && !s.ok()) status_ = s;
  }
  /// An empty batch in a layout; used by `rollout_batch`.
  explicit constexpr rollout_batch_view(layout const& l) noexcept : layout_(l), status_(l.check()) {}

 private:
  layout layout_;
  detail::column columns_[static_cast<int>(argument::offsets)] = {};
  bool lent_[static_cast<int>(argument::offsets)] = {};
  detail::top_k_buffers top_k_ = {};
  status status_;
};

/// Lends buffers as a batch, in any order:
/// `rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(m))`.
///
/// `log_prob`, `rollout_log_prob` and `advantage` are required. A bare pointer is read in the layout's own order, a
/// view with its own strides. A buffer that knows its extents must have those of the layout; if not, the call that uses
/// the batch is refused. The batch keeps pointers: what is lent must outlive it, and a temporary that owns its elements
/// does not compile.
template <class... Named>
  requires(detail::is_named<Named> && ...)
constexpr auto rollout_batch(layout const& shape, Named const&... named) noexcept {
  static_assert(detail::lent_once<argument::log_prob, Named...>, "rollout_batch needs log_prob(...) once");
  static_assert(((Named::which == argument::rollout_log_prob) + ... + 0) == 1,
                "rollout_batch needs rollout_log_prob(...) once");
  static_assert(detail::lent_once<argument::advantage, Named...>, "rollout_batch needs advantage(...) once");
  static_assert((detail::lent_once<Named::which, Named...> && ...), "rollout_batch takes each input once");
  using real = std::conditional_t<(detail::is_double_log_prob<Named> || ...), double, float>;
  rollout_batch_view<real> batch(shape);
  if (batch.check().ok()) (batch.add(named), ...);
  return batch;
}
/// Chosen where an argument is no layout or no named buffer: it does not compile, and says what is wrong.
/// @{
template <class... Any>
  requires(!(detail::is_named<Any> && ...))
constexpr rollout_batch_view<float> rollout_batch(layout const& shape, Any const&...) noexcept {
  static_assert(detail::never<Any...>, "rollout_batch takes buffers by their names: rollout_batch(padded(B, T), "
                                       "log_prob(pi), rollout_log_prob(mu), advantage(a), response_mask(m))");
  return rollout_batch_view<float>(shape);
}
template <class... Any>
  requires(!detail::begin_with_layout<Any...>)
constexpr rollout_batch_view<float> rollout_batch(Any const&...) noexcept {
  static_assert(detail::never<Any...>, "rollout_batch begins with the layout, padded(B, T) or packed(offsets)");
  return rollout_batch_view<float>(layout{});
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
