/// @file
/// Top-K lists of a register of tokens: rows are read in place, and turned so that entry j of all tokens is a register.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>
#include <cppo/execution/simd/bits.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

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
  explicit top_k_lists(source_type const& tile) noexcept : tile_(&tile) {}
  index_t k() const noexcept { return tile_->k; }
  CPPO_ALWAYS_INLINE V log_prob(index_t j) const noexcept { return entry(tile_->log_prob, j); }
  CPPO_ALWAYS_INLINE V rollout_log_prob(index_t j) const noexcept { return entry(tile_->rollout_log_prob, j); }
  CPPO_ALWAYS_INLINE mask is_listed(index_t j) const noexcept { return !has_bit(words(tile_->empty, j), j); }
  CPPO_ALWAYS_INLINE mask is_other(index_t j) const noexcept {
    return !has_bit(words(tile_->empty, j) | words(tile_->sampled, j), j);
  }
  mask has_sampled() const noexcept {
    mask any = V(0) < V(0);
    for (index_t j = 0; j < tile_->k; j += 32) any = any | (V::from_raw(xsimd_number(words(tile_->sampled, j))) != V(0));
    return any;
  }

 private:
  CPPO_ALWAYS_INLINE static V entry(float const* p, index_t j) noexcept {
    return V::from_raw(ops::load(p + j * V::size));
  }
  CPPO_ALWAYS_INLINE static ops::ints words(std::int32_t const* p, index_t j) noexcept {
    return ops::ints::load_unaligned(p + j / 32 * V::size);
  }
  CPPO_ALWAYS_INLINE static ops::reg xsimd_number(ops::ints x) noexcept { return ops::to_number(x); }
  CPPO_ALWAYS_INLINE static mask has_bit(ops::ints words, index_t j) noexcept {
    return V::from_raw(ops::to_number(words & ops::ints(static_cast<std::int32_t>(1U << (j % 32))))) != V(0);
  }
  source_type const* tile_;
};

namespace detail {

/// Where the entries of a row begin, and how far they are apart.
struct list_row {
  index_t first, stride;
  list_row(buffer const& b, index_t row, index_t k) noexcept
      : first(b.rank == 2 ? row * b.strides[0] : row * k), stride(b.rank == 2 ? b.strides[1] : 1) {}
};

/// Reads the lists of one response.
class list_reader {
 public:
  list_reader(rollout_batch_view<float> const& batch, index_t response, float low, float high) noexcept
      : batch_(batch), lists_(batch.lists()), response_(response), low_(low), high_(high) {}

  /// True if every number in the lists at a slot is a log-prob in range or -inf; those of empty entries do not matter.
  bool valid(index_t slot) const noexcept {
    top_k_row<float> const row = batch_.top_k_at(response_, slot);
    return (lists_.k <= longest_list && in_range(numbers(lists_.log_prob, row.row(), copies_.log_prob[0])) &&
            in_range(numbers(lists_.rollout_log_prob, row.row(), copies_.rollout_log_prob[0]))) ||
           row_valid(row);
  }
  /// Fills the tile with the lists at n slots, 1 to `simd_size`; other lanes repeat the last. False if a number in them
  /// is neither a log-prob in range nor -inf.
  bool read(index_t const* slots, int n, list_tile& to) const noexcept {
    to.k = static_cast<int>(lists_.k);
    float const* pi[simd_size];
    float const* mu[simd_size];
    bool valid = true;
    for (int t = 0; t < simd_size; ++t) {
      if (t >= n) {
        pi[t] = pi[n - 1], mu[t] = mu[n - 1];
        repeat_ids(to, n - 1, t);
        continue;
      }
      top_k_row<float> const row = batch_.top_k_at(response_, slots[t]);
      pi[t] = numbers(lists_.log_prob, row.row(), copies_.log_prob[t]);
      mu[t] = numbers(lists_.rollout_log_prob, row.row(), copies_.rollout_log_prob[t]);
      mark(row, to, t);
      valid = valid && ((in_range(pi[t]) && in_range(mu[t])) || row_valid(row));
    }
    turn(pi, to.k, to.log_prob);
    turn(mu, to.k, to.rollout_log_prob);
    return valid;
  }

 private:
  /// The entries of a row as floats, one after the other: lent memory, or a copy.
  float const* numbers(buffer const& b, index_t row, float* copy) const noexcept {
    list_row const at(b, row, lists_.k);
    if (b.type == element_type::f32 && at.stride == 1) return static_cast<float const*>(b.data) + at.first;
    for (index_t j = 0; j < lists_.k; ++j) copy[j] = load<float>(b.data, b.type, at.first + j * at.stride);
    return copy;
  }
  /// True if all k numbers are in range, those of empty entries too.
  bool in_range(float const* x) const noexcept {
    using V = simd_lane;
    int const k = static_cast<int>(lists_.k);
    int j = 0;
    bool good = true;
    if (k >= simd_size) {
      auto all = V(0) <= V(0);
      V const low(low_), high(high_);
      for (; j + simd_size <= k; j += simd_size) {
        V const y = V::from_raw(simd_ops::load(x + j));
        all = all & (y <= high) & (y >= low);
      }
      good = simd_ops::every(all.raw());
    }
    for (; j < k; ++j) good = good && x[j] <= high_ && x[j] >= low_;
    return good;
  }
  /// The same for the entries that are not empty, of which -inf is valid.
  bool row_valid(top_k_row<float> const& row) const noexcept {
    for (index_t j = 0; j < row.k(); ++j) {
      if (row.id(j) < 0) continue;
      for (float const x : {row.log_prob(j), row.rollout_log_prob(j)}) {
        if (!(x <= high_ && (x >= low_ || x == -special<float>::infinity))) return false;
      }
    }
    return true;
  }
  /// Marks the entries of a row that are empty, and those of the sampled token.
  void mark(top_k_row<float> const& row, list_tile& to, int t) const noexcept {
    list_row const at(lists_.ids, row.row(), lists_.k);
    for (int j = 0; j < to.k; j += 32) {
      int const n = to.k - j < 32 ? to.k - j : 32;
      id_bits bits;
      if (at.stride == 1 && lists_.ids.type == element_type::i32) {
        bits = bits_of_ids(static_cast<std::int32_t const*>(lists_.ids.data) + at.first + j, n, row.sampled());
      } else if (at.stride == 1 && lists_.ids.type == element_type::i64) {
        bits = bits_of_ids(static_cast<std::int64_t const*>(lists_.ids.data) + at.first + j, n, row.sampled());
      } else {
        for (int i = 0; i < n; ++i) bits.add(i, row.id(j + i), row.sampled());
      }
      to.sampled[j / 32 * simd_size + t] = static_cast<std::int32_t>(bits.same);
      to.empty[j / 32 * simd_size + t] = static_cast<std::int32_t>(bits.negative);
    }
  }
  static void repeat_ids(list_tile& to, int from, int t) noexcept {
    for (int w = 0; w * 32 < to.k; ++w) {
      to.sampled[w * simd_size + t] = to.sampled[w * simd_size + from];
      to.empty[w * simd_size + t] = to.empty[w * simd_size + from];
    }
  }
  /// Rows of k numbers as k registers.
  static void turn(float const* const* rows, int k, float* out) noexcept {
    int j = 0;
    for (; j + 4 <= k; j += 4) turn_four(rows, j, out + j * simd_size);
    for (; j < k; ++j) {
      for (int t = 0; t < simd_size; ++t) out[j * simd_size + t] = rows[t][j];
    }
  }

  rollout_batch_view<float> const& batch_;
  top_k_buffers const& lists_;
  index_t response_;
  float low_, high_;
  struct copies {
    float log_prob[simd_size][longest_list], rollout_log_prob[simd_size][longest_list];
  };
  mutable copies copies_;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
