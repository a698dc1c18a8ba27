/// @file
/// A batch that owns its memory and can be rearranged. Tests draw and compare such batches.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/batch.hpp>

#include <algorithm>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// A number as an element type stores it, rounded to nearest even.
template <element T>
constexpr T stored(double x) noexcept {
  T y{};
  detail::store(&y, element_traits<T>::value, 0, x);
  return y;
}

/// The number of values of `poison`.
inline constexpr int poisons = 8;

/// A value that must never be read: a quiet or signalling NaN, +inf, -inf, a huge, denormal or positive number, or -0.
template <element T>
constexpr T poison(int which) noexcept {
  constexpr bool is_half = element_traits<T>::value == element_type::f16;
  if constexpr (sizeof(T) == 8) {
    constexpr std::uint64_t bits[poisons] = {0x7ff8000000000000U, 0x7ff4000000000000U, 0x7ff0000000000000U,
                                             0xfff0000000000000U, 0x7fe0000000000000U, 1U, 0x8000000000000000U,
                                             0x3ff0000000000000U};
    return detail::bits_as<T>(bits[which]);
  } else if constexpr (sizeof(T) == 4) {
    constexpr std::uint32_t bits[poisons] = {0x7fc00000U, 0x7fa00000U, 0x7f800000U, 0xff800000U,
                                             0x7f000000U, 1U,          0x80000000U, 0x3f800000U};
    return detail::bits_as<T>(bits[which]);
  } else {
    constexpr std::uint16_t of_half[poisons] = {0x7e00U, 0x7d00U, 0x7c00U, 0xfc00U, 0x7bffU, 1U, 0x8000U, 0x3c00U};
    constexpr std::uint16_t of_bfloat[poisons] = {0x7fc0U, 0x7fa0U, 0x7f80U, 0xff80U, 0x7f00U, 1U, 0x8000U, 0x3f80U};
    return detail::bits_as<T>(is_half ? of_half[which] : of_bfloat[which]);
  }
}

/// For each response, the slots of another batch that it is made of; -1 is an excluded slot.
using slot_rows = std::vector<std::vector<index_t>>;

/// Buffers of one batch. Every vector is in the layout's own order, one entry per slot.
template <element T>
struct generated_batch {
  using element = T;                                                            ///< type of log-probs and advantages
  using real = std::conditional_t<std::is_same_v<T, double>, double, float>;    ///< arithmetic of a call on it

  std::uint64_t seed = 0;                    ///< the seed it was drawn from
  bool packed = false;                       ///< layout
  bool narrow_offsets = false;               ///< true: cu_seqlens is int32
  bool part = false;                         ///< true: slots of no response belong to other calls; else cleared
  index_t responses = 0;                     ///< B
  index_t width = 0;                         ///< width of padded rows
  std::vector<std::int64_t> offsets;         ///< cu_seqlens
  std::vector<std::int32_t> offsets32;       ///< the same, narrow
  std::vector<std::uint8_t> valid;           ///< 1 where there is a token
  element_type mask_type = element_type::u8; ///< dtype the response mask is lent with
  std::vector<unsigned char> mask_bytes;     ///< the response mask in that dtype
  /// The required inputs.
  /// @{
  std::vector<T> log_prob, rollout_log_prob, advantage;
  /// @}
  /// Optional inputs. `token_weight` is lent if it is not empty.
  /// @{
  std::vector<T> divergence, token_weight, entropy, reference_log_prob;
  /// @}
  std::vector<std::int32_t> token_id;        ///< lent with the Top-K lists
  index_t k = 0;                             ///< length of the Top-K lists; 0: not lent
  std::vector<std::int32_t> listed_id;       ///< [slots, k]
  /// [slots, k].
  /// @{
  std::vector<T> listed_log_prob, listed_rollout_log_prob;
  /// @}
  /// If true, the input is lent even if the batch has no slot.
  /// @{
  bool lends_divergence = false, lends_entropy = false, lends_reference = false;
  /// @}
  bool lends_mask = true;                    ///< false: no response mask is lent, and every slot must be a token

  /// Number of slots.
  index_t slots() const noexcept { return static_cast<index_t>(valid.size()); }
  /// The layout. It points into this object.
  layout shape() const {
    if (!packed) return cppo::padded(responses, width);
    packed_layout const l =
        narrow_offsets ? cppo::packed(offsets32.data(), responses) : cppo::packed(offsets.data(), responses);
    if (spare().empty()) return l;
    return part ? l.part_of(slots()) : l.with_capacity(slots());
  }
  /// First slot of response b, and the number of its slots.
  index_t first(index_t b) const noexcept { return packed ? offsets[static_cast<std::size_t>(b)] : b * width; }
  /// Slots of response b.
  index_t slots_of(index_t b) const noexcept { return packed ? first(b + 1) - first(b) : width; }
  /// The slots of response b in order.
  std::vector<index_t> row(index_t b) const {
    std::vector<index_t> slots;
    for (index_t i = first(b); i < first(b) + slots_of(b); ++i) slots.push_back(i);
    return slots;
  }
  /// The slots of response b that hold a token.
  std::vector<index_t> token_row(index_t b) const {
    std::vector<index_t> slots = row(b);
    std::erase_if(slots, [this](index_t i) { return valid[static_cast<std::size_t>(i)] == 0; });
    return slots;
  }
  /// The slots of no response.
  std::vector<index_t> spare() const {
    std::vector<index_t> slots;
    for (index_t i = 0; packed && i < this->slots(); ++i) {
      if (i < offsets.front() || i >= offsets.back()) slots.push_back(i);
    }
    return slots;
  }
  /// The slots of every response.
  slot_rows rows() const {
    slot_rows all;
    for (index_t b = 0; b < responses; ++b) all.push_back(row(b));
    return all;
  }
  /// The slots of every response that hold a token.
  slot_rows token_rows() const {
    slot_rows all;
    for (index_t b = 0; b < responses; ++b) all.push_back(token_row(b));
    return all;
  }
  /// The slots of every response, and last those of no response.
  slot_rows rows_and_spare() const {
    slot_rows all = rows();
    all.push_back(spare());
    return all;
  }

  /// The batch with everything lent. It points into this object.
  rollout_batch_view<real> view() const& {
    auto batch = rollout_batch(shape(), cppo::log_prob(log_prob), cppo::rollout_log_prob(rollout_log_prob),
                               cppo::advantage(advantage));
    if (!batch.check().ok()) return batch;
    if (lends_mask) add_mask(batch);
    if (lends_divergence) batch.add(cppo::divergence_values(divergence));
    if (!token_weight.empty()) batch.add(cppo::token_weight(token_weight));
    if (lends_entropy) batch.add(cppo::entropy(entropy));
    if (lends_reference) batch.add(cppo::reference_log_prob(reference_log_prob));
    if (k > 0) batch.add(cppo::token_id(token_id));
    if (k > 0) batch.add(cppo::top_k(k, listed_id, listed_log_prob, listed_rollout_log_prob));
    return batch;
  }

  /// Does not compile: the batch would point into a temporary.
  rollout_batch_view<real> view() const&& = delete;

  /// Writes the response mask in its type. Must be called when `valid` is set.
  void seal() {
    offsets32.assign(offsets.begin(), offsets.end());
    mask_bytes.assign(valid.size() * static_cast<std::size_t>(detail::size_of(mask_type)), 0);
    for (index_t i = 0; i < slots(); ++i) {
      detail::store(mask_bytes.data(), mask_type, i, static_cast<double>(valid[static_cast<std::size_t>(i)]));
    }
  }
  /// Fills every excluded slot of every input with the poison `which`.
  void refill_excluded(int which) {
    T const x = poison<T>(which);
    for (std::size_t i = 0; i < valid.size(); ++i) {
      if (valid[i] != 0) continue;
      for (std::vector<T>* v : {&log_prob, &rollout_log_prob, &advantage, &divergence, &token_weight, &entropy,
                                &reference_log_prob}) {
        if (!v->empty()) (*v)[i] = x;
      }
      if (!token_id.empty()) token_id[i] = which - 3;
      for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) {
        std::size_t const at = i * static_cast<std::size_t>(k) + j;
        listed_id[at] = which - 2;
        listed_log_prob[at] = listed_rollout_log_prob[at] = x;
      }
    }
  }

 private:
  template <class Mask>
  void lend_mask(rollout_batch_view<real>& batch) const noexcept {
    batch.add(cppo::response_mask(reinterpret_cast<Mask const*>(mask_bytes.data())));
  }
  void add_mask(rollout_batch_view<real>& batch) const noexcept {
    switch (mask_type) {
      case element_type::boolean: return lend_mask<bool>(batch);
      case element_type::f32: return lend_mask<float>(batch);
      case element_type::f64: return lend_mask<double>(batch);
      case element_type::f16: return lend_mask<half>(batch);
      case element_type::bf16: return lend_mask<bfloat16>(batch);
      case element_type::i32: return lend_mask<std::int32_t>(batch);
      case element_type::i64: return lend_mask<std::int64_t>(batch);
      default: return lend_mask<std::uint8_t>(batch);
    }
  }
};

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
