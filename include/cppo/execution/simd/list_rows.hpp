/// @file
/// Rows of Top-K lists: numbers of each row turned into registers, and ids compared with the sampled one. Every
/// function has a plain form for other instruction sets.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/buffer.hpp>
#include <cppo/core/element.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The rows that follow those of a tile, fetched piece by piece while a divergence walks the entries of the tile. All
/// at once they would hold up what comes after them.
struct rows_ahead {
  /// The first of them in one array, and how many bytes of them belong to an entry.
  struct place {
    std::uintptr_t from = 0, step = 0;
  };
  place ids, log_prob, rollout_log_prob;

  /// What belongs to entries j to j + 3.
  CPPO_ALWAYS_INLINE void fetch(index_t j) const noexcept {
    fetch_of<sizeof(std::int64_t)>(ids, j);
    fetch_of<sizeof(float)>(log_prob, j);
    fetch_of<sizeof(float)>(rollout_log_prob, j);
  }

 private:
  template <std::size_t Size>
  CPPO_WRAPS CPPO_ALWAYS_INLINE static void fetch_of(place const& p, index_t j) noexcept {
    std::uintptr_t const at = p.from + static_cast<std::uintptr_t>(j) * p.step;
    for (std::size_t k = 0; k < 4 * std::size_t{simd_size} * Size; k += 64)
      __builtin_prefetch(reinterpret_cast<void const*>(at + k));
  }
};

/// A lent array of lists: entry j of row r is element r * down + j * across.
struct list_array {
  void const* data;
  element_type type;
  index_t down, across, bytes;  ///< bytes: of a row with what lies before the next
  std::uintptr_t ahead_step;    ///< see `rows_ahead`

  list_array(buffer const& b, index_t k) noexcept
      : data(b.data), type(b.type), down(b.rank == 2 ? b.strides[0] : k), across(b.rank == 2 ? b.strides[1] : 1),
        bytes(down * size_of(type)), ahead_step(static_cast<std::uintptr_t>(k > 0 ? simd_size * bytes / k : 0)) {}
  /// True if entries of a row are elements of this type, one after the other.
  bool has_rows_of(element_type t) const noexcept { return type == t && across == 1; }
  /// A tile's rows from row `row` on.
  CPPO_WRAPS CPPO_ALWAYS_INLINE rows_ahead::place ahead(index_t row) const noexcept {
    return {reinterpret_cast<std::uintptr_t>(data) + static_cast<std::uintptr_t>(row * bytes), ahead_step};
  }
};

#if defined(__AVX512F__)
CPPO_ALWAYS_INLINE void turn_sixteen_rows(float const* const* rows, int j, float* out) noexcept {
  __m512 v[4];
  CPPO_UNROLL(4)
  for (int r = 0; r < 4; ++r) {
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(rows[r] + j));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(rows[4 + r] + j), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(rows[8 + r] + j), 2);
    v[r] = _mm512_insertf32x4(x, _mm_loadu_ps(rows[12 + r] + j), 3);
  }
  __m512 const a = _mm512_unpacklo_ps(v[0], v[1]), b = _mm512_unpackhi_ps(v[0], v[1]);
  __m512 const c = _mm512_unpacklo_ps(v[2], v[3]), d = _mm512_unpackhi_ps(v[2], v[3]);
  _mm512_storeu_ps(out, _mm512_shuffle_ps(a, c, 0x44));
  _mm512_storeu_ps(out + 16, _mm512_shuffle_ps(a, c, 0xee));
  _mm512_storeu_ps(out + 32, _mm512_shuffle_ps(b, d, 0x44));
  _mm512_storeu_ps(out + 48, _mm512_shuffle_ps(b, d, 0xee));
}
#elif defined(__AVX__)
CPPO_ALWAYS_INLINE void turn_eight_rows(float const* const* rows, int j, float* out) noexcept {
  __m256 v[4];
  CPPO_UNROLL(4)
  for (int r = 0; r < 4; ++r) v[r] = _mm256_loadu2_m128(rows[4 + r] + j, rows[r] + j);
  __m256 const a = _mm256_unpacklo_ps(v[0], v[1]), b = _mm256_unpackhi_ps(v[0], v[1]);
  __m256 const c = _mm256_unpacklo_ps(v[2], v[3]), d = _mm256_unpackhi_ps(v[2], v[3]);
  _mm256_storeu_ps(out, _mm256_shuffle_ps(a, c, 0x44));
  _mm256_storeu_ps(out + 8, _mm256_shuffle_ps(a, c, 0xee));
  _mm256_storeu_ps(out + 16, _mm256_shuffle_ps(b, d, 0x44));
  _mm256_storeu_ps(out + 24, _mm256_shuffle_ps(b, d, 0xee));
}
#endif

/// Numbers j to j + 3 of as many rows as a register has lanes, as four registers.
CPPO_ALWAYS_INLINE void turn_four(float const* const* rows, int j, float* out) noexcept {
#if defined(__AVX512F__)
  static_assert(simd_size == 16);
  turn_sixteen_rows(rows, j, out);
#elif defined(__AVX__)
  static_assert(simd_size == 8);
  turn_eight_rows(rows, j, out);
#elif defined(__SSE2__)
  static_assert(simd_size == 4);
  __m128 v[4] = {_mm_loadu_ps(rows[0] + j), _mm_loadu_ps(rows[1] + j), _mm_loadu_ps(rows[2] + j),
                 _mm_loadu_ps(rows[3] + j)};
  _MM_TRANSPOSE4_PS(v[0], v[1], v[2], v[3]);
  CPPO_UNROLL(4)
  for (int r = 0; r < 4; ++r) _mm_storeu_ps(out + 4 * r, v[r]);
#else
  for (int i = 0; i < 4; ++i) {
    for (int t = 0; t < simd_size; ++t) out[i * simd_size + t] = rows[t][j + i];
  }
#endif
}

/// True if rows of bfloat16 are turned as they are read.
#if defined(__AVX2__)
inline constexpr bool turns_bfloats = true;
/// Numbers j to j + 7 of 8 rows as floats: number j + i goes to out + i * `simd_size`.
CPPO_ALWAYS_INLINE void turn_bfloats(bfloat16 const* const* rows, int j, float* out) noexcept {
  auto const half_row = [&](int r) { return _mm_loadu_si128(reinterpret_cast<__m128i const*>(rows[r] + j)); };
  __m256i v[4];
  CPPO_UNROLL(4)
  for (int r = 0; r < 4; ++r) v[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(half_row(r)), half_row(4 + r), 1);
  __m256i const low[2] = {_mm256_unpacklo_epi16(v[0], v[1]), _mm256_unpacklo_epi16(v[2], v[3])};
  __m256i const high[2] = {_mm256_unpackhi_epi16(v[0], v[1]), _mm256_unpackhi_epi16(v[2], v[3])};
  __m256i const pairs[4] = {_mm256_unpacklo_epi32(low[0], low[1]), _mm256_unpackhi_epi32(low[0], low[1]),
                            _mm256_unpacklo_epi32(high[0], high[1]), _mm256_unpackhi_epi32(high[0], high[1])};
  __m256i const zero = _mm256_setzero_si256();
  CPPO_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    float* const to = out + 2 * i * simd_size;
    _mm256_storeu_ps(to, _mm256_castsi256_ps(_mm256_unpacklo_epi16(zero, pairs[i])));
    _mm256_storeu_ps(to + simd_size, _mm256_castsi256_ps(_mm256_unpackhi_epi16(zero, pairs[i])));
  }
}
#else
inline constexpr bool turns_bfloats = false;
CPPO_ALWAYS_INLINE void turn_bfloats(bfloat16 const* const*, int, float*) noexcept {}
#endif
/// Numbers j to j + 7 of as many rows as a register has lanes, as eight registers. Only where `turns_bfloats`.
CPPO_ALWAYS_INLINE void turn_eight_bfloats(bfloat16 const* const* rows, int j, float* out) noexcept {
  for (int r = 0; r < simd_size; r += 8) turn_bfloats(rows + r, j, out + r);
}

/// The extremes of numbers, as bits: what is larger than a bound of at least 0, smaller than one below 0, or NaN.
class number_extremes {
  using ints = simd_ops::ints;

 public:
  CPPO_ALWAYS_INLINE void see(simd_lane x) noexcept {
    up_ = simd_ops::larger(up_, simd_ops::as_ints(x.raw()));  // a number below 0 is a negative integer
    down_ = larger_magnitude(down_, x);
  }
  /// Lanes in which a number may be out of [low, high] or NaN. low <= 0 <= high.
  CPPO_ALWAYS_INLINE std::uint64_t suspects(float low, float high) const noexcept {
    using V = simd_lane;
    V const up = V::from_raw(simd_ops::as_floats(up_)), down = V::from_raw(simd_ops::as_floats(down_));
    return lane_bits(!((up <= V(high)) & (abs(down) <= V(-low))));
  }

 private:
  /// Unsigned, a number below 0 is larger than any other and the larger the lower it is. Where that is no instruction,
  /// signs are left out, and large numbers above 0 are suspects too.
  CPPO_ALWAYS_INLINE static ints larger_magnitude(ints seen, simd_lane x) noexcept {
#if defined(__AVX512F__)
    return ints(_mm512_max_epu32(seen.data, simd_ops::as_ints(x.raw()).data));
#elif defined(__AVX2__)
    return ints(_mm256_max_epu32(seen.data, simd_ops::as_ints(x.raw()).data));
#else
    return simd_ops::larger(seen, simd_ops::as_ints(abs(x).raw()));
#endif
  }
  ints up_ = ints(std::numeric_limits<std::int32_t>::min()), down_ = ints(std::int32_t{0});
};

/// Which of up to 32 ids are the sampled one, as bits; and whether any id seen is below 0.
class id_matches {
 public:
  CPPO_ALWAYS_INLINE bool any_negative() const noexcept {
#if defined(__AVX2__)
    return negative_ || _mm256_movemask_ps(_mm256_castsi256_ps(signs_)) != 0;
#else
    return negative_;
#endif
  }
  /// Bit i: id(i) is the sampled one.
  template <class Id>
  CPPO_ALWAYS_INLINE std::uint32_t some(Id const& id, int first, int n, index_t sampled) noexcept {
    std::uint32_t same = 0;
    for (int i = first; i < n; ++i) {
      index_t const x = id(i);
      same |= std::uint32_t{x == sampled} << i;
      negative_ |= x < 0;
    }
    return same;
  }
  /// The bits of n ids of 64 bits, and of 32, from element `first`.
  /// @{
  CPPO_ALWAYS_INLINE std::uint32_t longs(void const* ids, index_t first, int n, index_t sampled) noexcept {
    std::uint32_t same = 0;
    int whole = 0;
#if defined(__AVX2__)
    whole = n - n % 4;
    auto const* const from = static_cast<std::int64_t const*>(ids) + first;
    auto const four = [&](int at) CPPO_INLINE_LAMBDA {
      __m256i const x = loaded(from + at);
      signs_ = _mm256_or_si256(signs_, x);
      __m256d const equal = _mm256_castsi256_pd(_mm256_cmpeq_epi64(x, _mm256_set1_epi64x(sampled)));
      return static_cast<std::uint32_t>(_mm256_movemask_pd(equal));
    };
    int i = 0;
    for (; i + 8 <= whole; i += 8) same |= (four(i) | four(i + 4) << 4) << i;
    if (i < whole) same |= four(i) << i;
#endif
    return same | some([&](int j) { return index_t{element_at<std::int64_t>(ids, first + j)}; }, whole, n, sampled);
  }
  CPPO_ALWAYS_INLINE std::uint32_t ints(void const* ids, index_t first, int n, index_t sampled) noexcept {
    std::uint32_t same = 0;
    int whole = 0;
#if defined(__AVX2__)
    whole = n < 8 ? 0 : n;
    auto const wanted = static_cast<std::int32_t>(sampled);
    auto const* const from = static_cast<std::int32_t const*>(ids) + first;
    auto const add = [&](int at) CPPO_INLINE_LAMBDA {
      __m256i const x = loaded(from + at);
      signs_ = _mm256_or_si256(signs_, x);
      __m256 const equal = _mm256_castsi256_ps(_mm256_cmpeq_epi32(x, _mm256_set1_epi32(wanted)));
      same |= static_cast<std::uint32_t>(_mm256_movemask_ps(equal)) << at;
    };
    int i = 0;
    for (; i + 8 <= whole; i += 8) add(i);
    if (i < whole) add(whole - 8);  // some of them twice
    if (wanted != sampled) same = 0;
#endif
    return same | some([&](int j) { return index_t{element_at<std::int32_t>(ids, first + j)}; }, whole, n, sampled);
  }
  /// @}

 private:
#if defined(__AVX2__)
  CPPO_ALWAYS_INLINE static __m256i loaded(void const* p) noexcept {
    return _mm256_loadu_si256(static_cast<__m256i const*>(p));
  }
  __m256i signs_ = _mm256_setzero_si256();
#endif
  bool negative_ = false;
};

/// Bit j alone.
inline constexpr std::uint32_t single_bits[32] = {
    1U << 0,  1U << 1,  1U << 2,  1U << 3,  1U << 4,  1U << 5,  1U << 6,  1U << 7,  1U << 8,  1U << 9,  1U << 10,
    1U << 11, 1U << 12, 1U << 13, 1U << 14, 1U << 15, 1U << 16, 1U << 17, 1U << 18, 1U << 19, 1U << 20, 1U << 21,
    1U << 22, 1U << 23, 1U << 24, 1U << 25, 1U << 26, 1U << 27, 1U << 28, 1U << 29, 1U << 30, 1U << 31};
/// Lanes whose integer has none of the bits.
CPPO_ALWAYS_INLINE simd_lane::mask lanes_without(simd_ops::ints x, std::uint32_t bits) noexcept {
  simd_ops::ints const wanted(static_cast<std::int32_t>(bits));
#if defined(__AVX512F__)
  return simd_lane::mask(simd_ops::mask_type(_mm512_testn_epi32_mask(x.data, wanted.data)));
#elif defined(__AVX2__)
  __m256i const none = _mm256_cmpeq_epi32(_mm256_and_si256(x.data, wanted.data), _mm256_setzero_si256());
  return simd_lane::mask(simd_ops::mask_type(_mm256_castsi256_ps(none)));
#else
  return simd_lane::from_raw(simd_ops::to_number(x & wanted)) == simd_lane(0);
#endif
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
