/// @file
/// The batch whose log-probs are computed: logits, and for each token the ids that are asked for.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/rows.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Ids whose log-probs are asked for, k at each slot.
struct lent_ids {
  static constexpr argument which = argument::top_k;
  index_t k = 0;
  buffer source;

  constexpr status check(index_t rows) const noexcept {
    if (k == 0 && source.rank == 0) return {};
    parameter_check const p{k > 0, "top_k_ids(k, ...)", static_cast<double>(k), "1 or more: pass the lists' length"};
    if (!p) return out_of_range(argument::top_k, p);
    if (rows > (index_t{1} << 62) / k) return {status_code::size_overflow, argument::top_k};
    return check_list(source, k, rows, "top_k_ids(..., ids)");
  }
  CPPO_HOST_DEVICE constexpr index_t operator()(index_t row, index_t j) const noexcept {
    return load_index(source.data, source.type, place_in_list(source, k, row, j));
  }
};

/// True for what a batch of logits takes beside them.
template <class T>
inline constexpr bool goes_with_logits = std::is_same_v<T, lent_ids>;
template <class Element>
inline constexpr bool goes_with_logits<named_buffer<argument::token_id, Element>> = true;
template <class Element>
inline constexpr bool goes_with_logits<named_buffer<argument::response_mask, Element>> = true;
/// True if the arguments are those of `logit_batch`.
template <class...>
inline constexpr bool fits_logit_batch = false;
template <class Shape, class Rows, class... Named>
inline constexpr bool fits_logit_batch<Shape, Rows, Named...> =
    std::is_convertible_v<Shape const&, layout const&> && std::is_same_v<Rows, logit_rows> &&
    (goes_with_logits<Named> && ...);

}  // namespace detail

/// Names k ids at each slot, [N, k], whose log-probs are asked for: those that mu ranks highest. Entries below 0 are
/// empty.
template <detail::lendable T>
constexpr detail::lent_ids top_k_ids(index_t k, T&& ids) noexcept {
  static_assert(detail::holds_ids<detail::pointee<T>>, "top_k_ids(k, ids) takes ids: lend integers");
  return {k, detail::make_buffer(static_cast<T&&>(ids))};
}

/// Logits and ids of the slots of a batch; `logit_batch` makes it. Trivially copyable.
class logit_batch_view {
 public:
  /// Logits in a layout; used by `logit_batch`.
  constexpr logit_batch_view(layout const& l, logit_rows const& rows) noexcept
      : layout_(l), logits_(rows), status_(l.check()) {
    if (status_.ok() && l.on_device()) status_ = {status_code::executor_unavailable, argument::offsets};
    if (status_.ok()) status_ = rows.check(l.elements());
  }
  /// Adds a buffer; used by `logit_batch`.
  /// @{
  template <argument Which, class Element>
  constexpr void add(detail::named_buffer<Which, Element> const& named) noexcept {
    detail::column& c = Which == argument::token_id ? token_id_ : mask_;
    if (status_.ok()) status_ = detail::place(named.source, layout_, Which, c);
  }
  constexpr void add(detail::lent_ids const& ids) noexcept {
    listed_ = ids;
    if (status_.ok()) status_ = ids.check(layout_.elements());
  }
  /// @}

  /// Layout of every buffer that has one element a slot.
  CPPO_HOST_DEVICE constexpr layout const& shape() const noexcept { return layout_; }
  /// The logits.
  CPPO_HOST_DEVICE constexpr logit_rows const& logits() const noexcept { return logits_; }
  /// What is wrong with the shapes; ok if nothing is.
  constexpr status const& check() const noexcept { return status_; }
  /// The row of slot i of response b, in logits and lists.
  CPPO_HOST_DEVICE constexpr index_t row(index_t b, index_t i) const noexcept {
    return (layout_.is_packed() ? layout_.begin(b) : b * layout_.width()) + i;
  }
  /// 1 if slot i of response b is a token, 0 if it is excluded, 2 if its mask value is neither 0 nor 1.
  CPPO_HOST_DEVICE constexpr std::uint8_t active(index_t b, index_t i) const noexcept {
    return mask_.lent() ? detail::load_mask(mask_.data, mask_.type, mask_.offset(layout_, b, i)) : std::uint8_t{1};
  }
  /// True if the sampled ids were lent, or there is no slot that would have one.
  CPPO_HOST_DEVICE constexpr bool has_token_id() const noexcept { return token_id_.lent() || layout_.elements() == 0; }
  /// The id sampled at slot i of response b.
  CPPO_HOST_DEVICE constexpr index_t token_id(index_t b, index_t i) const noexcept {
    return detail::load_index(token_id_.data, token_id_.type, token_id_.offset(layout_, b, i));
  }
  /// The ids that are asked for.
  CPPO_HOST_DEVICE constexpr detail::lent_ids const& listed() const noexcept { return listed_; }
  /// Buffers with one element a slot.
  /// @{
  CPPO_HOST_DEVICE constexpr detail::column const& token_ids() const noexcept { return token_id_; }
  CPPO_HOST_DEVICE constexpr detail::column const& mask() const noexcept { return mask_; }
  /// @}

 private:
  layout layout_;
  logit_rows logits_;
  detail::column token_id_, mask_;
  detail::lent_ids listed_;
  status status_;
};

/// Lends logits and ids as a batch: `logit_batch(padded(B, T), logits(V, x), token_id(y), response_mask(m),
/// top_k_ids(k, ids))`. What stands after the logits may stand in any order, or be left out.
///
/// The batch keeps pointers: what is lent must outlive it, and a temporary that owns its elements does not compile. A
/// buffer that knows its extents must have those of the layout; if not, the call that uses the batch is refused.
template <class... Named>
  requires(detail::goes_with_logits<Named> && ...)
constexpr logit_batch_view logit_batch(layout const& shape, logit_rows const& rows, Named const&... named) noexcept {
  static_assert((detail::lent_once<Named::which, Named...> && ...), "logit_batch takes each input once");
  logit_batch_view batch(shape, rows);
  (batch.add(named), ...);
  return batch;
}
/// Chosen where an argument is another: it does not compile, and says what is wrong.
template <class... Any>
  requires(!detail::fits_logit_batch<Any...>)
constexpr logit_batch_view logit_batch(Any const&...) noexcept {
  static_assert(detail::never<Any...>, "logit_batch takes a layout, logits(V, x), and then token_id(y), "
                                       "response_mask(m) and top_k_ids(k, ids), by these names: "
                                       "logit_batch(padded(B, T), logits(V, x), token_id(y))");
  return {layout{}, logit_rows{}};
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
