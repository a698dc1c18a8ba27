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

/// The lists of a register of tokens. Bit j of a token's words stands for entry j.
struct list_tile {
  alignas(64) float log_prob[longest_list * simd_size], rollout_log_prob[longest_list * simd_size];
  alignas(64) std::int32_t sampled[longest_list / 32 * simd_size], empty[longest_list / 32 * simd_size];
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
  CPPO_ALWAYS_INLINE V log_prob(index_t j) const noexcept { return entry(tile_->log_prob, j); }
  /// log mu of entry j.
  CPPO_ALWAYS_INLINE V rollout_log_prob(index_t j) const noexcept { return entry(tile_->rollout_log_prob, j); }
  /// True if entry j is not empty.
  CPPO_ALWAYS_INLINE mask is_listed(index_t j) const noexcept { return !has_bit(words(tile_->empty, j), j); }
  /// True if entry j is another token than the sampled one, and not empty.
  CPPO_ALWAYS_INLINE mask is_other(index_t j) const noexcept {
    return !has_bit(words(tile_->empty, j) | words(tile_->sampled, j), j);
  }
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
  CPPO_ALWAYS_INLINE static mask has_bit(ops::ints words, index_t j) noexcept {
    return V::from_raw(ops::to_number(words & ops::ints(static_cast<std::int32_t>(1U << (j % 32))))) != V(0);
  }
  source_type const* tile_;
};

namespace detail {

/// A lent array of lists: entry j of row r is element r * down + j * across.
struct list_array {
  void const* data;
  element_type type;
  index_t down, across;

  list_array(buffer const& b, index_t k) noexcept
      : data(b.data), type(b.type), down(b.rank == 2 ? b.strides[0] : k), across(b.rank == 2 ? b.strides[1] : 1) {}
  /// True if entries of a row are elements of this type, one after the other.
  bool has_rows_of(element_type t) const noexcept { return type == t && across == 1; }
};

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
    if (ids_.has_rows_of(element_type::i64)) mark<id_rows::longs>(row, to);
    else if (ids_.has_rows_of(element_type::i32)) mark<id_rows::ints>(row, to);
    else mark<id_rows::others>(row, to);
    float const* pi[simd_size];
    float const* mu[simd_size];
    rows(log_prob_, row, copies_.log_prob, pi);
    rows(rollout_log_prob_, row, copies_.rollout_log_prob, mu);
    turn(pi, to.log_prob);
    turn(mu, to.rollout_log_prob);
    bool good = true;
    for (int t = 0; t < n; ++t) good = good && ((in_range(pi[t]) && in_range(mu[t])) || row_valid(row[t]));
    return good;
  }

 private:
  /// How the ids of a row lie: one after the other, of 64 or of 32 bits, or otherwise.
  enum class id_rows : std::uint8_t { longs, ints, others };

  /// The entries of a row as floats, one after the other: lent memory, or a copy.
  float const* numbers(list_array const& a, index_t slot, float* copy) const noexcept {
    index_t const first = (first_row_ + slot) * a.down;
    if (a.has_rows_of(element_type::f32)) return static_cast<float const*>(a.data) + first;
    if (is_half_type(a.type) && a.across == 1) widen(copy, element_place(a.data, a.type, first), a.type, k_);
    else for (int j = 0; j < k_; ++j) copy[j] = load<float>(a.data, a.type, first + j * a.across);
    return copy;
  }
  /// The same for each row of a tile.
  CPPO_ALWAYS_INLINE void rows(list_array const& a, index_t const* slots, float (*copies)[longest_list],
                               float const** out) const noexcept {
    if (a.has_rows_of(element_type::f32)) {
      auto const* const from = static_cast<float const*>(a.data) + first_row_ * a.down;
      for (int t = 0; t < simd_size; ++t) out[t] = from + slots[t] * a.down;
    } else {
      for (int t = 0; t < simd_size; ++t) out[t] = numbers(a, slots[t], copies[t]);
    }
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
  /// Marks the entries of each row that are empty, and those of the sampled token.
  template <id_rows Ids>
  void mark(index_t const* slots, list_tile& to) const noexcept {
    for (int t = 0; t < simd_size; ++t) {
      top_k_row<float> const row = batch_.top_k_at(response_, slots[t]);
      index_t const first = row.row() * ids_.down, sampled = row.sampled();
      for (int j = 0; j < k_; j += 32) {
        int const n = k_ - j < 32 ? k_ - j : 32;
        id_bits bits;
        if constexpr (Ids == id_rows::longs) bits.add_longs(ids_.data, first + j, n, sampled);
        else if constexpr (Ids == id_rows::ints) bits.add_ints(ids_.data, first + j, n, sampled);
        else for (int i = 0; i < n; ++i) bits.add(i, row.id(j + i), sampled);
        to.sampled[j / 32 * simd_size + t] = static_cast<std::int32_t>(bits.same);
        to.empty[j / 32 * simd_size + t] = static_cast<std::int32_t>(bits.negative);
      }
    }
  }
  /// Rows of k numbers as k registers.
  CPPO_ALWAYS_INLINE void turn(float const* const* rows, float* out) const noexcept {
    int j = 0;
    for (; j + 4 <= k_; j += 4) turn_four(rows, j, out + j * simd_size);
    for (; j < k_; ++j) {
      for (int t = 0; t < simd_size; ++t) out[j * simd_size + t] = rows[t][j];
    }
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
