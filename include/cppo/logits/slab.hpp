/// @file
/// Logits of a linear head that are in memory a few rows at a time: a slab. And the head that makes them.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/rollout.hpp>

#include <span>

namespace cppo { inline namespace CPPO_ABI {

/// The slots whose hidden states stand for the rows of a slab, in rising order: row r of the slab is that of slot
/// rows[r], and of row rows[r] of the hidden states [N, H]. Only tokens are among them.
class head_rows {
 public:
  using value_type = index_t;  ///< a slot
  constexpr head_rows() noexcept = default;
  /// Slots in rising order, none twice.
  explicit constexpr head_rows(std::span<index_t const> slots) noexcept : slots_(slots) {}
  /// The number of rows, 1 or more.
  constexpr index_t size() const noexcept { return static_cast<index_t>(slots_.size()); }
  /// The slot of row r.
  constexpr index_t operator[](index_t r) const noexcept { return slots_[static_cast<std::size_t>(r)]; }
  /// True if the slots are rows[0], rows[0] + 1 and so on: the hidden states lie side by side.
  constexpr bool side_by_side() const noexcept { return slots_.back() - slots_.front() + 1 == size(); }
  /// The slots.
  /// @{
  constexpr index_t const* begin() const noexcept { return slots_.data(); }
  constexpr index_t const* end() const noexcept { return slots_.data() + slots_.size(); }
  /// @}

 private:
  std::span<index_t const> slots_;
};

/// A linear head, logits = hidden W, by three products of matrices that are the caller's own. With x and d the first
/// rows of the slab, [rows.size(), V], whose stride(0) is the distance of rows:
///
///     logits(rows, x)            x = hidden[rows] W
///     hidden_gradient(rows, d)   hidden's gradient [rows] = d W^T
///     head_gradient(rows, d)     W's gradient += hidden[rows]^T d
///
/// How W lies ([H, V] or [V, H]), its type and a bias are the head's own affair. Each is called on the thread that made
/// the call, one after the other. `logits` must write every element, and the same ones where it is called again.
template <class Head, class Element>
concept linear_head = requires(Head& head, head_rows rows, matrix_view<Element> x, matrix_view<Element const> d) {
  head.logits(rows, x);
  head.hidden_gradient(rows, d);
  head.head_gradient(rows, d);
};

/// A slab of logits as it is lent; `logits_in_slabs` makes it. Trivially copyable.
template <class Element>
class logit_slab {
 public:
  /// Takes what was lent for so many rows of V ids.
  constexpr logit_slab(index_t rows, index_t vocabulary, detail::buffer const& lent) noexcept
      : rows_(vocabulary, lent), room_(rows < 0 ? 0 : rows) {}
  /// The same logits at a temperature T > 0: log-probs are those of softmax(x / T).
  constexpr logit_slab at_temperature(double t) const noexcept {
    logit_slab s = *this;
    s.rows_ = s.rows_.at_temperature(t);
    return s;
  }

 private:
  friend struct detail::slab_access;
  logit_rows rows_;
  index_t room_;
};

/// Lends memory for `rows` rows of logits over V ids, [rows, V], which a head fills again and again, and where their
/// gradient is written: a pointer, container or view of float, half or bfloat16. It holds nothing before the call and
/// nothing of use after it.
template <detail::lendable T>
constexpr auto logits_in_slabs(index_t rows, index_t vocabulary, T&& x) noexcept {
  using element = detail::pointee<T>;
  static_assert(!std::is_const_v<element>, "logits_in_slabs(rows, V, x) takes memory that is written: lend elements "
                                           "that are not const");
  static_assert(detail::holds_reals<std::remove_cv_t<element>> && sizeof(element) < sizeof(double),
                "logits_in_slabs(rows, V, x) takes float, cppo::half or cppo::bfloat16: a double has more digits than "
                "logits are read with");
  return logit_slab<element>(rows, vocabulary, detail::make_buffer(static_cast<T&&>(x)));
}

/// A batch whose logits a head makes, slab by slab, and all else that a call reads of it. Trivially copyable.
template <class Real, class Element>
class head_rollout_view {
 public:
  using value_type = Real;       ///< arithmetic of the call
  using element_type = Element;  ///< of the slab

  /// Takes a batch whose logits are a slab; used by `rollout_batch`.
  explicit constexpr head_rollout_view(logit_rollout_view<Real> const& batch) noexcept : batch_(batch) {}
  /// What is wrong with the shapes; ok if nothing is.
  constexpr status const& check() const noexcept { return batch_.check(); }
  /// The number of rows of the slab.
  constexpr index_t room() const noexcept { return batch_.logits().logits().in_memory(0); }
  /// The first rows of the slab.
  constexpr matrix_view<Element> first(index_t rows) const noexcept {
    logit_rows const& x = batch_.logits().logits();
    auto* const data = static_cast<Element*>(const_cast<void*>(x.source().data));
    return {data, rows, x.vocabulary(), x.row_stride(), 1};
  }

 private:
  friend struct detail::slab_access;
  logit_rollout_view<Real> batch_;
};

namespace detail {

/// Logits that are not in memory at once, as batches of all slots have them: for the call of a head alone, as every
/// other reads a row for each slot.
struct slab_access {
  /// The rows, of which a slab holds some.
  template <class Element>
  static constexpr logit_rows rows(logit_slab<Element> const& slab) noexcept {
    logit_rows r = slab.rows_;
    r.room_ = slab.room_;
    return r;
  }
  /// The batch: its logits are the slab.
  template <class Real, class Element>
  static constexpr logit_rollout_view<Real> const& batch(head_rollout_view<Real, Element> const& of) noexcept {
    return of.batch_;
  }
};

}  // namespace detail

/// Lends a batch whose logits are never in memory at once:
///
///     rollout_batch(padded(B, T), logits_in_slabs(C, V, slab).at_temperature(0.7), token_id(y), rollout_log_prob(mu),
///                   advantage(a), response_mask(m))
///
/// Else as the other `rollout_batch`es.
template <class Element, class... Named>
  requires(detail::goes_with_rollout<Named> && ...)
constexpr auto rollout_batch(layout const& shape, logit_slab<Element> const& slab, Named const&... named) noexcept {
  auto const batch = rollout_batch(shape, detail::slab_access::rows(slab), named...);
  return head_rollout_view<typename decltype(batch)::value_type, Element>(batch);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
