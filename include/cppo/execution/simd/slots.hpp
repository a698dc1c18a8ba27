/// @file
/// The tokens of a response as chunks of 256 dense floats: excluded slots are left out, and types are converted.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/host_executor.hpp>
#include <cppo/execution/simd/token_map.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The number of tokens in a chunk.
inline constexpr int chunk_size = static_cast<int>(sum_chunk);
/// The room for a chunk, since registers are written whole.
inline constexpr int chunk_room = chunk_size + 64;

/// The slots of up to 256 consecutive tokens: one run, or up to 64 slots at a time.
class token_chunk {
 public:
  int count = 0;             ///< tokens
  bool consecutive = true;   ///< slots are first, first + 1, ...
  index_t first = 0;         ///< slot of the first token

  /// f(k, slot) for every token.
  template <class F>
  void each(F const& f) const noexcept {
    if (consecutive) {
      for (int k = 0; k < count; ++k) f(k, first + k);
      return;
    }
    int k = 0;
    each_word([&](index_t slot, std::uint64_t bits) {
      for (; bits != 0; bits &= bits - 1) f(k++, slot + std::countr_zero(bits));
    });
  }
  /// f(slot, bits) for every word of slots with a token.
  template <class F>
  void each_word(F const& f) const noexcept {
    for (int w = 0; w < words_; ++w) f(slot_[w], bits_[w]);
  }
  void clear() noexcept { count = words_ = 0; }
  void add(index_t slot, std::uint64_t bits) noexcept {
    slot_[words_] = slot;
    bits_[words_++] = bits;
    count += std::popcount(bits);
  }

 private:
  int words_ = 0;
  index_t slot_[chunk_size];
  std::uint64_t bits_[chunk_size];
};

/// Walks the tokens of a response chunk by chunk; every chunk but the last holds 256.
class chunk_cursor {
 public:
  chunk_cursor(column const& mask, layout const& l, index_t b, token_map const& map) noexcept
      : mask_(mask),
        base_(mask.lent() ? mask.offset(l, b, 0) : 0),  // equivalent: read only where a mask was lent
        at_(map.first),
        end_(map.end),
        run_(map.in_one_run()) {}

  /// True if the tokens lie one after the other.
  bool in_one_run() const noexcept { return run_; }
  /// Fills the next chunk if they do; false at the end.
  CPPO_ALWAYS_INLINE bool next_of_run(token_chunk& out) noexcept {
    out.consecutive = true;
    out.first = at_;
    out.count = static_cast<int>(end_ - at_ < chunk_size ? end_ - at_ : index_t{chunk_size});
    at_ += out.count;
    return out.count > 0;
  }
  /// Fills the next chunk; false at the end. gap(slot, n): n slots that hold no token are passed over.
  template <class Gap>
  CPPO_ALWAYS_INLINE bool next(token_chunk& out, Gap const& gap) noexcept {
    if (run_) return next_of_run(out);
    out.consecutive = false;
    out.clear();
    while (at_ < end_ && out.count < chunk_size) {
      bool binary = true;
      std::uint64_t bits = mask_word(mask_, base_, at_, end_, binary);
      std::uint64_t later = 0;  // tokens past the 256th wait for the next chunk
      if (int room = chunk_size - out.count; std::popcount(bits) > room) {
        std::uint64_t const now = deposit((std::uint64_t{1} << room) - 1, bits);
        later = bits ^ now;
        bits = now;
      }
      if (bits != 0) out.add(at_, bits);
      else gap(at_, index_t{64});  // the word that holds the last token is not one of these
      at_ += later != 0 ? std::countr_zero(later) : 64;
    }
    return out.count > 0;
  }

 private:
  column const& mask_;
  index_t base_;
  index_t at_;
  index_t end_;
  bool run_;
};

/// One column as seen from one response.
struct response_column {
  column const* source = nullptr;
  index_t base = 0;          ///< element of slot 0
  index_t slots = 0;         ///< of the response
  bool dense = false;        ///< lent one after the other
  bool dense_floats = false; ///< the same, and floats
  bool dense_halves = false; ///< the same, and of a half type

  response_column(column const& c, index_t b, index_t first, index_t n) noexcept : source(&c), slots(n) {
    base = b * c.response_stride + first * c.token_stride;
    if (c.token_stride != 1) return;  // what was not lent has none
    dense = true;
    dense_floats = c.type == element_type::f32;  // equivalent: the same numbers, one by one
    dense_halves = is_half_type(c.type);         // equivalent: the same numbers, one by one
  }
  float* floats() const noexcept { return const_cast<float*>(static_cast<float const*>(source->data)) + base; }
  /// Where the element of a slot is, if they are dense.
  void* place(index_t slot) const noexcept {
    return element_place(const_cast<void*>(source->data), source->type, base + slot);
  }
};

/// Up to 64 slots from `slot` of a half type as floats.
inline void widen_word(response_column const& c, index_t slot, float* out) noexcept {
  widen(out, c.place(slot), c.source->type, c.slots - slot < 64 ? static_cast<int>(c.slots - slot) : 64);
}

/// The values of a chunk's tokens, copied together.
inline float const* gather_copy(response_column const& c, token_chunk const& chunk, float* copy) noexcept {
  if (c.dense_floats) {
    float* out = copy;
    chunk.each_word([&](index_t slot, std::uint64_t bits) {
      float const* const x = c.floats() + slot;
      if (slot + 64 <= c.slots) compress(out, x, bits);
      else for (int n = 0; bits != 0; bits &= bits - 1) out[n++] = x[std::countr_zero(bits)];
      out += std::popcount(bits);
    });
  } else if (c.dense_halves && chunk.consecutive) {
    widen(copy, c.place(chunk.first), c.source->type, chunk.count);
  } else if (c.dense_halves) {
    float* out = copy;
    chunk.each_word([&](index_t slot, std::uint64_t bits) {
      alignas(64) float word[64] = {};
      widen_word(c, slot, word);
      compress(out, word, bits);
      out += std::popcount(bits);
    });
  } else if (c.source->token_stride == 0) {
    float const x = load<float>(c.source->data, c.source->type, c.base);
    for (int k = 0; k < chunk.count; ++k) copy[k] = x;
  } else {
    chunk.each([&](int k, index_t slot) {
      copy[k] = load<float>(c.source->data, c.source->type, c.base + slot * c.source->token_stride);
    });
  }
  return copy;
}

/// The values of a chunk's tokens as dense floats: the lent memory itself if they are so there, else `copy`, which is
/// filled with them. Null if the buffer was not lent.
CPPO_ALWAYS_INLINE float const* gather(response_column const& c, token_chunk const& chunk, float* copy) noexcept {
  if (c.dense_floats && chunk.consecutive) return c.floats() + chunk.first;
  return c.source->lent() ? gather_copy(c, chunk, copy) : nullptr;
}

/// Writes the values of a chunk's tokens; where they are dense floats or halves, +0 to the other slots of their words
/// too.
inline void scatter(response_column const& c, token_chunk const& chunk, float const* values) noexcept {
  if (!c.source->lent()) return;
  if (c.dense_floats && chunk.consecutive) {
    std::memcpy(c.floats() + chunk.first, values, static_cast<std::size_t>(chunk.count) * sizeof(float));
  } else if (c.dense_floats) {
    chunk.each_word([&](index_t slot, std::uint64_t bits) {
      float* const out = c.floats() + slot;
      if (slot + 64 <= c.slots) {
        expand(out, values, bits);
      } else {
        alignas(64) float last[64];
        expand(last, values, bits);
        std::memcpy(out, last, static_cast<std::size_t>(c.slots - slot) * sizeof(float));
      }
      values += std::popcount(bits);
    });
  } else if (c.dense_halves && chunk.consecutive) {
    narrow(c.place(chunk.first), values, c.source->type, chunk.count);
  } else if (c.dense_halves) {
    chunk.each_word([&](index_t slot, std::uint64_t bits) {
      alignas(64) float word[64];
      expand(word, values, bits);
      narrow(c.place(slot), word, c.source->type, c.slots - slot < 64 ? static_cast<int>(c.slots - slot) : 64);
      values += std::popcount(bits);
    });
  } else {
    void* const data = const_cast<void*>(c.source->data);
    chunk.each([&](int k, index_t slot) {
      store(data, c.source->type, c.base + slot * c.source->token_stride, values[k]);
    });
  }
}

/// Writes n masks, given as bits, as bytes.
inline void write_bits(std::uint8_t* out, std::uint64_t const* kept, int n) noexcept {
  for (int k = 0; k < n; k += 64) bits_to_bytes(out + k, kept[k / 64], n - k < 64 ? n - k : 64);
}

/// The same for a mask given as bits, 64 tokens a word; where it is dense, of any type.
inline void scatter_bits(response_column const& c, token_chunk const& chunk, std::uint64_t const* kept) noexcept {
  if (!c.source->lent()) return;
  auto const at = [kept](int k) { return kept[k / 64] >> (k % 64) & 1U; };
  if (c.dense && chunk.consecutive) {
    for (int k = 0; k < chunk.count; k += 64)
      bits_to_elements(c.place(chunk.first + k), c.source->type, kept[k / 64],
                       chunk.count - k < 64 ? chunk.count - k : 64);
  } else if (c.dense) {
    int k = 0;
    chunk.each_word([&](index_t slot, std::uint64_t places) {
      std::uint64_t mine = kept[k / 64] >> (k % 64);
      if (k % 64 != 0 && k / 64 + 1 < chunk_size / 64) mine |= kept[k / 64 + 1] << (64 - k % 64);
      bits_to_elements(c.place(slot), c.source->type, deposit(mine, places),
                       c.slots - slot < 64 ? static_cast<int>(c.slots - slot) : 64);
      k += std::popcount(places);
    });
  } else {
    void* const data = const_cast<void*>(c.source->data);
    chunk.each([&](int k, index_t slot) {
      store(data, c.source->type, c.base + slot * c.source->token_stride, at(k) != 0 ? 1.0F : 0.0F);
    });
  }
}

/// Counts what an output of fewer bits than a float makes of the values of a chunk's tokens.
inline void count_stored(response_column const& c, token_chunk const& chunk, float const* values,
                         token_counts<index_t>& n) noexcept {
  if (!c.source->lent() || !narrows<float>(c.source->type)) return;
  narrowing const as(c.source->type);
  simd_lane const infinite(bits_as<float>(as.infinite)), zero(bits_as<float>(as.zero));
  for (int k = 0; k < chunk.count; k += simd_size) {
    simd_lane const x = abs(simd_lane::from_raw(simd_ops::load(values + k)));
    int const left = chunk.count - k;
    std::uint64_t const live = left < simd_size ? (std::uint64_t{1} << left) - 1 : ~std::uint64_t{0};
    auto const overflows = (x >= infinite) & (x <= simd_lane(special<float>::largest));
    auto const vanishes = (x <= zero) & (x != simd_lane(0));
    n.stored_infinite += std::popcount(lane_bits(overflows) & live);
    n.stored_zero += std::popcount(lane_bits(vanishes) & live);
  }
}

/// Writes +0 to slots [from, to).
inline void write_zeros(response_column const& c, index_t from, index_t to) noexcept {
  if (!c.source->lent() || to <= from) return;
  if (c.dense) {  // all bits of +0 are 0
    std::memset(c.place(from), 0, static_cast<std::size_t>((to - from) * size_of(c.source->type)));
  } else {
    void* const data = const_cast<void*>(c.source->data);
    for (index_t i = from; i < to; ++i) store(data, c.source->type, c.base + i * c.source->token_stride, 0.0F);
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
