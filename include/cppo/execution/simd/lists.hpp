/// @file
/// Top-K lists of a register of tokens: rows are read in place, and turned so that entry j of all tokens is a register.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>
#include <cppo/execution/simd/elements.hpp>
#include <cppo/execution/simd/list_rows.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// The longest lists that are read on registers.
inline constexpr int longest_list = 256;
/// The length of the paper's lists, for which loops over ids have a copy of their own.
inline constexpr int usual_list = 20;

/// A bit for each entry of a register of tokens: bit j of a token's words stands for entry j.
using entry_bits = std::int32_t[longest_list / 32 * simd_size];

/// The lists of a register of tokens.
struct list_tile {
  alignas(64) float log_prob[longest_list * simd_size], rollout_log_prob[longest_list * simd_size];
  alignas(64) entry_bits sampled, empty, no_other;  ///< the sampled token's, without a token, and either
  rows_ahead next;
  int k = 0;
};

}  // namespace detail

/// The lists of a register of tokens.
template <>
class top_k_lists<simd_lane> {
  using V = simd_lane;
  using ops = V::ops;
  using mask = V::mask;

 public:
  using source_type = detail::list_tile;  ///< what it is made of
  /// The lists of a tile.
  explicit top_k_lists(source_type const& tile) noexcept : tile_(&tile) {}
  /// Length of the lists.
  index_t k() const noexcept { return tile_->k; }
  /// log pi of entry j.
  CPPO_ALWAYS_INLINE V log_prob(index_t j) const noexcept {
    if (j % 4 == 0) tile_->next.fetch(j);
    return entry(tile_->log_prob, j);
  }
  /// log mu of entry j.
  CPPO_ALWAYS_INLINE V rollout_log_prob(index_t j) const noexcept { return entry(tile_->rollout_log_prob, j); }
  /// True if entry j is not empty.
  CPPO_ALWAYS_INLINE mask is_listed(index_t j) const noexcept { return without(tile_->empty, j); }
  /// True if entry j is another token than the sampled one, and not empty.
  CPPO_ALWAYS_INLINE mask is_other(index_t j) const noexcept { return without(tile_->no_other, j); }
  /// True if the sampled token is in the list.
  mask has_sampled() const noexcept {
    mask any = V(0) < V(0);
    for (index_t j = 0; j < tile_->k; j += 32) {
      any = any | (V::from_raw(ops::to_number(words(tile_->sampled, j))) != V(0));
    }
    return any;
  }

 private:
  CPPO_ALWAYS_INLINE static V entry(float const* p, index_t j) noexcept {
    return V::from_raw(ops::load(p + j * V::size));
  }
  CPPO_ALWAYS_INLINE static ops::ints words(std::int32_t const* p, index_t j) noexcept {
    return ops::ints::load_unaligned(p + j / 32 * V::size);
  }
  CPPO_ALWAYS_INLINE static mask without(std::int32_t const* bits, index_t j) noexcept {
    return detail::lanes_without(words(bits, j), detail::single_bits[j % 32]);
  }
  source_type const* tile_;
};

namespace detail {

/// Reads the lists of one response.
class list_reader {
 public:
  list_reader(rollout_batch_view<float> const& batch, index_t response, float low, float high) noexcept
      : batch_(batch),
        response_(response),
        first_row_(batch.list_row(response, 0)),
        k_(static_cast<int>(batch.lists().k)),
        ids_(batch.lists().ids, k_),
        log_prob_(batch.lists().log_prob, k_),
        rollout_log_prob_(batch.lists().rollout_log_prob, k_),
        low_(low),
        high_(high) {}

  /// True if every number in the lists at a slot is a log-prob in range or -inf; those of empty entries do not matter.
  bool valid(index_t slot) const noexcept {
    bool const whole = k_ <= longest_list && in_range(numbers(log_prob_, slot, copies_.log_prob[0])) &&
                       in_range(numbers(rollout_log_prob_, slot, copies_.rollout_log_prob[0]));
    return whole || row_valid(slot);
  }
  /// Fills the tile with the lists at n slots, 1 to `simd_size`; other lanes repeat the last. False if a number in them
  /// is neither a log-prob in range nor -inf.
  bool read(index_t const* slots, int n, list_tile& to) const noexcept {
    index_t row[simd_size];
    for (int t = 0; t < simd_size; ++t) row[t] = slots[t < n ? t : n - 1];
    to.k = k_;
    index_t const next = first_row_ + row[simd_size - 1] + 1;
    to.next = {ids_.ahead(next), log_prob_.ahead(next), rollout_log_prob_.ahead(next)};
    if (ids_.has_rows_of(element_type::i64)) mark<id_rows::longs>(row, to);
    else if (ids_.has_rows_of(element_type::i32)) mark<id_rows::ints>(row, to);
    else mark<id_rows::others>(row, to);
    number_extremes seen;
    turn(log_prob_, row, copies_.log_prob, to.log_prob, seen);
    turn(rollout_log_prob_, row, copies_.rollout_log_prob, to.rollout_log_prob, seen);
    bool good = true;
    for (std::uint64_t lanes = seen.suspects(low_, high_); lanes != 0; lanes &= lanes - 1)
      good = good && row_valid(row[std::countr_zero(lanes)]);
    return good;
  }

 private:
  /// How the ids of a row lie: one after the other, of 64 or of 32 bits, or otherwise.
  enum class id_rows : std::uint8_t { longs, ints, others };

  /// The row of a slot, whose entries lie one after the other.
  template <class T>
  CPPO_ALWAYS_INLINE T const* row_of(list_array const& a, index_t slot) const noexcept {
    return static_cast<T const*>(a.data) + (first_row_ + slot) * a.down;
  }
  /// The entries of a row as floats, one after the other: lent memory, or a copy.
  float const* numbers(list_array const& a, index_t slot, float* copy) const noexcept {
    return a.has_rows_of(element_type::f32) ? row_of<float>(a, slot) : copied(a, slot, copy);
  }
  [[gnu::noinline]] float const* copied(list_array const& a, index_t slot, float* copy) const noexcept {
    index_t const first = (first_row_ + slot) * a.down;
    if (is_half_type(a.type) && a.across == 1) widen(copy, element_place(a.data, a.type, first), a.type, k_);
    else for (int j = 0; j < k_; ++j) copy[j] = load<float>(a.data, a.type, first + j * a.across);
    return copy;
  }
  /// True if all k numbers are in range, those of empty entries too.
  CPPO_ALWAYS_INLINE bool in_range(float const* x) const noexcept {
    using V = simd_lane;
    V const low(low_), high(high_);
    auto const at = [&](int j) CPPO_INLINE_LAMBDA {
      V const y = V::from_raw(simd_ops::load(x + j));
      return (y <= high) & (y >= low);
    };
    if (k_ < simd_size) {
      bool good = true;
      for (int j = 0; j < k_; ++j) good = good && x[j] <= high_ && x[j] >= low_;
      return good;
    }
    auto all = at(k_ - simd_size);  // the last ones are read whole, though some of them twice
    for (int j = 0; j + simd_size < k_; j += simd_size) all = all & at(j);
    return simd_ops::every(all.raw());
  }
  /// The same for the entries that are not empty, of which -inf is valid.
  [[gnu::noinline]] bool row_valid(index_t slot) const noexcept {
    top_k_row<float> const row = batch_.top_k_at(response_, slot);
    for (index_t j = 0; j < k_; ++j) {
      if (row.id(j) < 0) continue;
      for (float const x : {row.log_prob(j), row.rollout_log_prob(j)}) {
        if (!(x <= high_ && (x >= low_ || x == -special<float>::infinity))) return false;
      }
    }
    return true;
  }
  /// The ids of the tokens sampled at a tile's slots.
  CPPO_ALWAYS_INLINE void read_sampled(index_t const* slots, index_t* out) const noexcept {
    column const& ids = batch_[argument::token_id];
    index_t const first = ids.lent() ? ids.offset(batch_.shape(), response_, 0) : 0;
    auto const each = [&](auto const& at) CPPO_INLINE_LAMBDA {
      for (int t = 0; t < simd_size; ++t) out[t] = at(first + slots[t] * ids.token_stride);
    };
    if (!ids.lent()) each([](index_t) { return index_t{-1}; });
    else if (ids.type == element_type::i64) each([&](index_t i) { return element_at<std::int64_t>(ids.data, i); });
    else each([&](index_t i) { return load_index(ids.data, ids.type, i); });
  }
  /// Marks the entries of each row that are empty, and those of the sampled token.
  template <id_rows Ids>
  CPPO_ALWAYS_INLINE void mark(index_t const* slots, list_tile& to) const noexcept {
    index_t sampled[simd_size], first[simd_size];
    read_sampled(slots, sampled);
    for (int t = 0; t < simd_size; ++t) first[t] = (first_row_ + slots[t]) * ids_.down;
    id_matches match;
    for (int j = 0; j < k_; j += 32) {
      std::int32_t* const same = to.sampled + j / 32 * simd_size;
      std::int32_t* const no_other = to.no_other + j / 32 * simd_size;
      auto const word = [&](auto n) CPPO_INLINE_LAMBDA {
        for (int t = 0; t < simd_size; ++t)
          same[t] = no_other[t] = static_cast<std::int32_t>(matches<Ids>(match, first[t], j, n, sampled[t]));
      };
      if (k_ == usual_list) word(std::integral_constant<int, usual_list>());
      else word(k_ - j < 32 ? k_ - j : 32);
      simd_ops::save(to.empty + j / 32 * simd_size, simd_ops::ints(std::int32_t{0}));
    }
    if (match.any_negative()) mark_empty(slots, to);
  }
  /// Which of entries j to j + n - 1 of a row are the sampled token, as bits.
  template <id_rows Ids>
  CPPO_ALWAYS_INLINE std::uint32_t matches(id_matches& match, index_t first, int j, int n,
                                           index_t sampled) const noexcept {
    if constexpr (Ids == id_rows::longs) return match.longs(ids_.data, first + j, n, sampled);
    else if constexpr (Ids == id_rows::ints) return match.ints(ids_.data, first + j, n, sampled);
    else return match.some([&](int i) { return id_at(first, j + i); }, 0, n, sampled);
  }
  /// Entry j of the row whose first is element `first`.
  index_t id_at(index_t first, int j) const noexcept {
    return load_index(ids_.data, ids_.type, first + j * ids_.across);
  }
  /// Marks the entries that are empty.
  [[gnu::noinline]] void mark_empty(index_t const* slots, list_tile& to) const noexcept {
    bool const longs = ids_.has_rows_of(element_type::i64);
    for (int t = 0; t < simd_size; ++t) {
      index_t const first = (first_row_ + slots[t]) * ids_.down;
      for (int j = 0; j < k_; ++j) {
        index_t const id = longs ? element_at<std::int64_t>(ids_.data, first + j) : id_at(first, j);
        auto const bit = static_cast<std::int32_t>(std::uint32_t{id < 0} << (j % 32));
        to.empty[j / 32 * simd_size + t] |= bit;
        to.no_other[j / 32 * simd_size + t] |= bit;
      }
    }
  }
  /// The numbers at the slots as k registers.
  CPPO_ALWAYS_INLINE void turn(list_array const& a, index_t const* slots, float (*copies)[longest_list], float* out,
                               number_extremes& seen) const noexcept {
    if constexpr (turns_bfloats) {
      if (a.has_rows_of(element_type::bf16) && k_ >= 8) {
        bfloat16 const* rows[simd_size];
        for (int t = 0; t < simd_size; ++t) rows[t] = row_of<bfloat16>(a, slots[t]);
        return turn_blocks<8>(turn_eight_bfloats, rows, out, seen);
      }
    }
    float const* rows[simd_size];
    if (a.has_rows_of(element_type::f32)) for (int t = 0; t < simd_size; ++t) rows[t] = row_of<float>(a, slots[t]);
    else for (int t = 0; t < simd_size; ++t) rows[t] = copied(a, slots[t], copies[t]);
    if (k_ >= 4) return turn_blocks<4>(turn_four, rows, out, seen);
    for (int j = 0; j < k_; ++j) {
      for (int t = 0; t < simd_size; ++t) out[j * simd_size + t] = rows[t][j];
      seen.see(simd_lane::from_raw(simd_ops::load(out + j * simd_size)));
    }
  }
  /// Rows of k numbers as k registers, `Step` at a time by `turn_some`; k is `Step` or more.
  template <int Step, class F, class T>
  CPPO_ALWAYS_INLINE void turn_blocks(F const& turn_some, T const* const* rows, float* out,
                                      number_extremes& seen) const noexcept {
    auto const block = [&](int j) CPPO_INLINE_LAMBDA {
      turn_some(rows, j, out + j * simd_size);
      CPPO_UNROLL(8)
      for (int i = j; i < j + Step; ++i) seen.see(simd_lane::from_raw(simd_ops::load(out + i * simd_size)));
    };
    int j = 0;
    for (; j + Step <= k_; j += Step) block(j);
    if (j < k_) block(k_ - Step);  // some of them twice
  }

  rollout_batch_view<float> const& batch_;
  index_t response_, first_row_;
  int k_;
  list_array ids_, log_prob_, rollout_log_prob_;
  float low_, high_;
  struct copies {
    float log_prob[simd_size][longest_list], rollout_log_prob[simd_size][longest_list];
  };
  mutable copies copies_;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
