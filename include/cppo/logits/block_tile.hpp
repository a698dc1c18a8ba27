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
  template <element_type Type>
  CPPO_HOST_DEVICE float at(int k) const noexcept {
    if constexpr (Type == element_type::f32) return bits_as<float>(word[k]);
    auto const part = static_cast<std::uint16_t>(word[k / 2] >> (k % 2 * 16));
    if constexpr (Type == element_type::bf16) return to_float(bfloat16{part});
    return to_float(half{part});
  }
};

/// Calls f(type) with the type of logits as a constant.
template <class F>
CPPO_HOST_DEVICE void with_type(element_type type, F const& f) noexcept {
  switch (type) {
    case element_type::f32: return f(std::integral_constant<element_type, element_type::f32>{});
    case element_type::bf16: return f(std::integral_constant<element_type, element_type::bf16>{});
    default: return f(std::integral_constant<element_type, element_type::f16>{});
  }
}

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
      : from_(static_cast<char const*>(rows.row(row)) + first * size_of(rows.type())), type_(rows.type()), size_(n),
        to_(to) {
    row_cut const cut(from_, type_, n);
    head_ = static_cast<int>(cut.head);
    vectors_ = static_cast<int>(cut.vectors);
  }
  /// What thread th does of it.
  CPPO_HOST_DEVICE void run(int th) const noexcept {
    with_type(type_, [&](auto type) { run_as<decltype(type)::value>(th); });
    int const end = (size_ + stretch - 1) / stretch * stretch;
    for (int k = size_ + th; k < end; k += Block::threads) put(k, -special<float>::infinity);
  }

 private:
  static constexpr int ahead = 4;  // vectors that are on their way at a time

  template <element_type Type>
  CPPO_HOST_DEVICE void run_as(int th) const noexcept {
    constexpr int each = Type == element_type::f32 ? 4 : 8;
    for (int v = th; v < vectors_; v += ahead * Block::threads) copy_vectors<Type, each>(v);
    for (int k = th; k < head_; k += Block::threads) put(k, load<float>(from_, Type, k));
    for (int k = head_ + vectors_ * each + th; k < size_; k += Block::threads) put(k, load<float>(from_, Type, k));
  }
  template <element_type Type, int Each>
  CPPO_HOST_DEVICE void copy_vectors(int first) const noexcept {
    char const* const from = from_ + head_ * (16 / Each);
    row_vector v[ahead];
    CPPO_UNROLL_ON_DEVICE
    for (int u = 0; u < ahead; ++u) {
      int const k = first + u * Block::threads;
      if (k < vectors_) v[u] = row_vector::read(from + std::ptrdiff_t{k} * 16);
    }
    CPPO_UNROLL_ON_DEVICE
    for (int u = 0; u < ahead; ++u) {
      int const k = first + u * Block::threads;
      if (k < vectors_) put_vector<Type, Each>(head_ + k * Each, v[u]);
    }
  }
  template <element_type Type, int Each>
  CPPO_HOST_DEVICE void put_vector(int k, row_vector const& v) const noexcept {
    CPPO_UNROLL_ON_DEVICE
    for (int from = 0; from < Each; from += 4) {
      row_vector four;
      for (int u = 0; u < 4; ++u) four.word[u] = bits_as<std::uint32_t>(v.template at<Type>(from + u));
      if (head_ % 4 == 0) {
        four.write(reinterpret_cast<char*>(to_ + place_in_tile(k + from)));
      } else {
        for (int u = 0; u < 4; ++u) put(k + from + u, bits_as<float>(four.word[u]));
      }
    }
  }
  CPPO_HOST_DEVICE void put(int k, float x) const noexcept { to_[place_in_tile(k)] = x; }

  char const* from_;
  element_type type_;
  int size_, head_ = 0, vectors_ = 0;
  float* to_;
};

/// Which logit of a tile is the first of lane k, of which each chunk has 16.
CPPO_HOST_DEVICE constexpr int first_of_lane(int k) noexcept {
  constexpr int width = lane_sums<float>::width;
  return k / width * static_cast<int>(sum_chunk) + k % width;
}

/// Some lanes of one chunk of a tile, on which a thread works.
template <int Lanes>
class tile_lanes {
 public:
  /// Takes lanes `first` ... first + Lanes - 1 of a tile, of which each stretch has 64.
  CPPO_HOST_DEVICE tile_lanes(float const* tile, int first) noexcept
      : first_(first), even_(tile + place_in_tile(index(0))), odd_(tile + place_in_tile(index(1))) {}

  CPPO_HOST_DEVICE int stretch() const noexcept { return first_ / stretch_lanes; }
  /// The first of them in their stretch.
  CPPO_HOST_DEVICE int in_stretch() const noexcept { return first_ % stretch_lanes; }
  /// Which logit of the tile is logit i of the first lane.
  CPPO_HOST_DEVICE int index(int i) const noexcept { return first_of_lane(first_) + i * lane_sums<float>::width; }
  /// Logit i of each lane.
  CPPO_HOST_DEVICE void read(int i, float_lane (&x)[std::size_t{Lanes}]) const noexcept {
    constexpr int together = Lanes < 4 ? Lanes : 4;
    float const* const from = (i % 2 == 0 ? even_ : odd_) + i / 2 * (2 * lane_sums<float>::width);
    for (int u = 0; u < Lanes; u += together) {
      alignas(4 * together) float some[std::size_t{together}];
      __builtin_memcpy(some, __builtin_assume_aligned(from + u, 4 * together), sizeof some);
      for (int w = 0; w < together; ++w) x[u + w] = float_lane(some[w]);
    }
  }
  /// The largest of their logits; NaN is passed over.
  CPPO_HOST_DEVICE float largest() const noexcept {
    float best = -special<float>::infinity;
    CPPO_UNROLL_ON_DEVICE
    for (int i = 0; i < lane_logits; ++i) {
      float_lane x[std::size_t{Lanes}];
      read(i, x);
      for (float_lane const& y : x) best = larger(y.raw(), best);
    }
    return best;
  }

 private:
  /// The larger of x and a number; of +0 and -0 either.
  static CPPO_HOST_DEVICE float larger(float x, float y) noexcept {
#if defined(__CUDA_ARCH__)
    return fmaxf(x, y);  // one instruction
#else
    return x > y ? x : y;
#endif
  }

  int first_;
  float const *even_, *odd_;  // where logits 0 and 1 of the first lane lie
};

/// Sums of terms of lanes of one chunk, as `add_terms` sums them; read(i, x) reads logit i of each.
template <moment_is Moment, int Lanes, class Read>
CPPO_HOST_DEVICE void sum_lanes(Read const& read, term_scale const& scale, float* rests, float* moments) noexcept {
  float_lane rest[std::size_t{Lanes}], moment[std::size_t{Lanes}];
  for (int u = 0; u < Lanes; ++u) rest[u] = moment[u] = float_lane(0);
  CPPO_UNROLL_ON_DEVICE
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
