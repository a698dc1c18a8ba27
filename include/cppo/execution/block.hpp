/// @file
/// A run of a response's tokens as dense float arrays: holes closed, types converted, padded to full registers.
#pragma once

#include <cppo/execution/execution.hpp>

#include <cstring>

namespace cppo::inline CPPO_ABI::detail {

/// Tokens handled at a time; a multiple of every group.
inline constexpr int block_size = 256;

/// The slots of up to `block_size` consecutive tokens.
struct block_slots {
  index_t first = 0;          ///< slot of the first token
  int count = 0;              ///< tokens
  bool consecutive = true;    ///< slots are first, first + 1, ...
  bool sound = true;          ///< no mask value other than 0 and 1 was met
  index_t slots[block_size];  ///< each token's slot, where not consecutive

  constexpr index_t operator[](int k) const noexcept { return consecutive ? first + k : slots[k]; }
};

/// Walks the tokens of one response block by block.
template <class Real>
class block_cursor {
 public:
  constexpr block_cursor(rollout_batch_view<Real> const& batch, index_t b) noexcept
      : batch_(batch), b_(b), end_(batch.shape().slots(b)) {}

  /// Fills the next block; false at the end.
  constexpr bool next(block_slots& out) noexcept {
    column const& m = batch_[argument::response_mask];
    out.sound = true;
    if (!m.lent()) {
      out.first = at_;
      out.count = static_cast<int>(end_ - at_ < block_size ? end_ - at_ : index_t{block_size});
      out.consecutive = true;
      at_ += out.count;
      return out.count > 0;
    }
    int n = 0;
    index_t const base = m.offset(batch_.shape(), b_, 0);
    for (; at_ < end_ && n < block_size; ++at_) {
      std::uint8_t const active = load_mask(m.data, m.type, base + at_ * m.token_stride);
      out.slots[n] = at_;
      out.sound = out.sound && active < 2;
      n += active != 0 ? 1 : 0;
    }
    out.count = n;
    out.first = n > 0 ? out.slots[0] : 0;
    out.consecutive = n == 0 || out.slots[n - 1] - out.slots[0] == n - 1;
    return n > 0;
  }

 private:
  rollout_batch_view<Real> const& batch_;
  index_t b_;
  index_t end_;
  index_t at_ = 0;
};

/// One input of a block: lent memory where it is dense float already, else a converted copy padded with `fill`.
class block_input {
 public:
  float const* fetch(column const& c, layout const& l, index_t b, block_slots const& s, float fill) noexcept {
    if (!c.lent()) {
      for (float& x : copy_) x = fill;
      return copy_;
    }
    index_t const base = c.offset(l, b, 0);
    if (s.consecutive && c.type == element_type::f32 && c.token_stride == 1) {
      float const* const p = static_cast<float const*>(c.data) + base + s.first;
      if (s.count == block_size) return p;
      std::memcpy(copy_, p, static_cast<std::size_t>(s.count) * sizeof(float));
    } else {
      for (int k = 0; k < s.count; ++k) copy_[k] = load<float>(c.data, c.type, base + s[k] * c.token_stride);
    }
    for (int k = s.count; k < block_size; ++k) copy_[k] = fill;
    return copy_;
  }

 private:
  alignas(64) float copy_[block_size];
};

/// Writes a block of one output.
inline void flush(column const& c, layout const& l, index_t b, block_slots const& s, float const* values) noexcept {
  if (!c.lent()) return;
  void* const data = const_cast<void*>(c.data);
  index_t const base = c.offset(l, b, 0);
  if (s.consecutive && c.token_stride == 1 && c.type == element_type::f32) {
    std::memcpy(static_cast<float*>(data) + base + s.first, values, static_cast<std::size_t>(s.count) * sizeof(float));
  } else if (s.consecutive && c.token_stride == 1 && (c.type == element_type::u8 || c.type == element_type::boolean)) {
    auto* const bytes = static_cast<std::uint8_t*>(data) + base + s.first;
    for (int k = 0; k < s.count; ++k) bytes[k] = static_cast<std::uint8_t>(static_cast<int>(values[k]));
  } else {
    for (int k = 0; k < s.count; ++k) store(data, c.type, base + s[k] * c.token_stride, values[k]);
  }
}

}  // namespace cppo::inline CPPO_ABI::detail
