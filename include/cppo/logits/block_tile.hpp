/// @file
/// Logits of a row in memory that a block of threads shares; see execution/block/block.hpp.
///
/// A tile is 8 stretches, as floats. Logit j of a row belongs to lane j mod 16 of its chunk, and a thread works on some
/// lanes of one chunk, which are neighbours: so each float sum has the terms and the order that `lane_sums` has.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/block.hpp>
#include <cppo/logits/terms.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Stretches of a tile; the chunks of a stretch, and its lanes: 16 of each chunk.
inline constexpr int tile_stretches = 8, stretch_chunks = stretch / static_cast<int>(sum_chunk),
                     stretch_lanes = stretch_chunks * lane_sums<float>::width;
/// Logits of a tile, and of a lane of a chunk.
inline constexpr int tile_logits = tile_stretches * stretch,
                     lane_logits = static_cast<int>(sum_chunk) / lane_sums<float>::width;

/// Where logit k of a tile lies: those of odd chunks are moved, so that threads meet at no memory bank.
CPPO_HOST_DEVICE constexpr int place_in_tile(int k) noexcept {
  return k ^ ((k >> 4) & 16);
}

/// 16 bytes of a row.
struct alignas(16) row_vector {
  std::uint32_t word[4];

  static CPPO_HOST_DEVICE row_vector read(char const* p) noexcept {
    row_vector v{};
    __builtin_memcpy(&v, __builtin_assume_aligned(p, 16), sizeof v);
    return v;
  }
  CPPO_HOST_DEVICE void write(char* p) const noexcept {
    __builtin_memcpy(__builtin_assume_aligned(p, 16), this, sizeof *this);
  }
  /// Element k of a type.
  CPPO_HOST_DEVICE float at(element_type type, int k) const noexcept {
    if (type == element_type::f32) return bits_as<float>(word[k]);
    auto const half_word = static_cast<std::uint16_t>(word[k / 2] >> (k % 2 * 16));
    return type == element_type::bf16 ? to_float(bfloat16{half_word}) : to_float(half{half_word});
  }
};

/// How a row is cut: elements one by one, whole vectors at addresses that are multiples of 16, and elements again.
struct row_cut {
  index_t head = 0, vectors = 0, size = 0;
  int each = 1;  ///< elements of a vector

  CPPO_HOST_DEVICE row_cut(void const* data, element_type type, index_t n) noexcept
      : size(n), each(static_cast<int>(16 / size_of(type))) {
    auto const past = static_cast<index_t>(reinterpret_cast<std::uintptr_t>(data) % 16);
    head = (16 - past) % 16 / size_of(type);
    if (head > n) head = n;
    vectors = (n - head) / each;
  }
  /// The first element after all vectors.
  CPPO_HOST_DEVICE index_t tail() const noexcept { return head + vectors * each; }
};

/// Copies n logits of a row, from `first` on, to a tile, and fills up the last stretch with -inf.
template <class Block>
class tile_copy {
 public:
  CPPO_HOST_DEVICE tile_copy(logit_rows const& rows, index_t row, index_t first, int n, float* to) noexcept
      : from_(static_cast<char const*>(rows.row(row)) + first * size_of(rows.type())),
        type_(rows.type()),
        cut_(from_, type_, n),
        to_(to) {}

  /// What thread th does of it.
  CPPO_HOST_DEVICE void run(int th) const noexcept {
    for (index_t v = th; v < cut_.vectors; v += index_t{ahead} * Block::threads) copy_vectors(v);
    for (index_t k = th; k < cut_.head; k += Block::threads) copy_one(k);
    for (index_t k = cut_.tail() + th; k < cut_.size; k += Block::threads) copy_one(k);
    index_t const end = (cut_.size + stretch - 1) / stretch * stretch;
    for (index_t k = cut_.size + th; k < end; k += Block::threads) put(k, -special<float>::infinity);
  }

 private:
  static constexpr int ahead = 4;  // vectors that are on their way at a time

  CPPO_HOST_DEVICE void copy_vectors(index_t first) const noexcept {
    row_vector v[ahead];
    for (int u = 0; u < ahead; ++u) {
      index_t const k = first + index_t{u} * Block::threads;
      if (k < cut_.vectors) v[u] = row_vector::read(from_ + cut_.head * size_of(type_) + k * 16);
    }
    for (int u = 0; u < ahead; ++u) {
      index_t const k = first + index_t{u} * Block::threads;
      if (k < cut_.vectors) put_vector(cut_.head + k * cut_.each, v[u]);
    }
  }
  CPPO_HOST_DEVICE void put_vector(index_t k, row_vector const& v) const noexcept {
    if (type_ == element_type::f32) return put_four(k, v, 0);
    put_four(k, v, 0);
    put_four(k + 4, v, 4);
  }
  CPPO_HOST_DEVICE void put_four(index_t k, row_vector const& v, int from) const noexcept {
    row_vector four;
    for (int u = 0; u < 4; ++u) four.word[u] = bits_as<std::uint32_t>(v.at(type_, from + u));
    if (cut_.head % 4 == 0) return four.write(reinterpret_cast<char*>(to_ + place_in_tile(static_cast<int>(k))));
    for (int u = 0; u < 4; ++u) put(k + u, bits_as<float>(four.word[u]));
  }
  CPPO_HOST_DEVICE void copy_one(index_t k) const noexcept { put(k, load<float>(from_, type_, k)); }
  CPPO_HOST_DEVICE void put(index_t k, float x) const noexcept { to_[place_in_tile(static_cast<int>(k))] = x; }

  char const* from_;
  element_type type_;
  row_cut cut_;
  float* to_;
};

/// Some lanes of one chunk of a tile, on which a thread works.
template <int Lanes>
class tile_lanes {
 public:
  /// Takes lanes `first` ... first + Lanes - 1 of a tile, of which each stretch has 64.
  CPPO_HOST_DEVICE tile_lanes(float const* tile, int first) noexcept : tile_(tile), first_(first) {}

  CPPO_HOST_DEVICE int stretch() const noexcept { return first_ / stretch_lanes; }
  /// The first of them in their stretch.
  CPPO_HOST_DEVICE int in_stretch() const noexcept { return first_ % stretch_lanes; }
  /// Which logit of the tile is logit i of the first lane.
  CPPO_HOST_DEVICE int index(int i) const noexcept {
    constexpr int width = lane_sums<float>::width;
    return first_ / width * static_cast<int>(sum_chunk) + i * width + first_ % width;
  }
  /// Logit i of each lane.
  CPPO_HOST_DEVICE void read(int i, float_lane (&x)[std::size_t{Lanes}]) const noexcept {
    constexpr int together = Lanes < 4 ? Lanes : 4;
    float const* const from = tile_ + place_in_tile(index(i));
    for (int u = 0; u < Lanes; u += together) {
      alignas(4 * together) float some[std::size_t{together}];
      __builtin_memcpy(some, __builtin_assume_aligned(from + u, 4 * together), sizeof some);
      for (int w = 0; w < together; ++w) x[u + w] = float_lane(some[w]);
    }
  }
  /// The largest of their logits; NaN is passed over.
  CPPO_HOST_DEVICE float largest() const noexcept {
    float_lane best(-special<float>::infinity);
    for (int i = 0; i < lane_logits; ++i) {
      float_lane x[std::size_t{Lanes}];
      read(i, x);
      for (float_lane const& y : x) best = max(y, best);
    }
    return best.raw();
  }

 private:
  float const* tile_;
  int first_;
};

/// Sums of terms of lanes of one chunk, as `add_terms` sums them; read(i, x) reads logit i of each.
template <moment_is Moment, int Lanes, class Read>
CPPO_HOST_DEVICE void sum_lanes(Read const& read, term_scale const& scale, float* rests, float* moments) noexcept {
  float_lane rest[std::size_t{Lanes}], moment[std::size_t{Lanes}];
  for (int u = 0; u < Lanes; ++u) rest[u] = moment[u] = float_lane(0);
  for (int i = 0; i < lane_logits; ++i) {
    float_lane x[std::size_t{Lanes}];
    read(i, x);
    softmax_terms<float_lane, std::size_t{Lanes}> const terms(x, float_lane(scale.maximum),
                                                              float_lane(scale.per_logit));
    for (std::size_t u = 0; u < std::size_t{Lanes}; ++u) {
      float_lane const term = terms[u];
      rest[u] = rest[u] + term;
      if constexpr (Moment == moment_is::summed) moment[u] = moment[u] + term * terms.exponent[u];
    }
  }
  for (int u = 0; u < Lanes; ++u) rests[u] = rest[u].raw(), moments[u] = moment[u].raw();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
