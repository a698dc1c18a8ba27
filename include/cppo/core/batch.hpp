/// @file
/// The batch a trainer lends: named buffers in one layout, nothing copied.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/named_inputs.hpp>

namespace cppo { inline namespace CPPO_ABI {

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
    return columns_[detail::place_of(a)];
  }
  /// True if this input was lent.
  CPPO_HOST_DEVICE constexpr bool has(argument a) const noexcept {
    return a == argument::top_k ? top_k_.k > 0 : lent_[detail::place_of(a)];
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
    status const s = detail::place(named.source, layout_, Which, columns_[detail::place_of(Which)]);
    lent_[detail::place_of(Which)] = true;
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
  detail::column columns_[detail::input_places] = {};
  bool lent_[detail::input_places] = {};
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
