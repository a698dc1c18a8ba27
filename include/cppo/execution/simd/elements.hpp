/// @file
/// Runs of elements of other types than float: half types as floats and back, response masks of any type as bits and
/// back. Every function gives what `load`, `load_mask` and `store` give one by one.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/element.hpp>
#include <cppo/execution/simd/bits.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True for half and bfloat16.
constexpr bool is_half_type(element_type type) noexcept {
  return type == element_type::f16 || type == element_type::bf16;
}
/// Element i of dense memory.
CPPO_ALWAYS_INLINE void const* element_place(void const* data, element_type type, index_t i) noexcept {
  return static_cast<char const*>(data) + i * size_of(type);
}
CPPO_ALWAYS_INLINE void* element_place(void* data, element_type type, index_t i) noexcept {
  return static_cast<char*>(data) + i * size_of(type);
}

/// Half types that are converted together.
inline constexpr int half_step = 16;

/// 16 bfloat16s as floats.
CPPO_ALWAYS_INLINE void widen_bfloats(float* out, void const* in) noexcept {
#if defined(__AVX512F__)
  __m512i const x = _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<__m256i const*>(in)));
  _mm512_storeu_ps(out, _mm512_castsi512_ps(_mm512_slli_epi32(x, 16)));
#elif defined(__AVX2__)
  for (int k = 0; k < half_step; k += 8) {
    __m256i const x = _mm256_cvtepu16_epi32(_mm_loadu_si128(static_cast<__m128i const*>(in) + k / 8));
    _mm256_storeu_ps(out + k, _mm256_castsi256_ps(_mm256_slli_epi32(x, 16)));
  }
#elif defined(__SSE2__)
  for (int k = 0; k < half_step; k += 8) {
    __m128i const x = _mm_loadu_si128(static_cast<__m128i const*>(in) + k / 8), zero = _mm_setzero_si128();
    _mm_storeu_ps(out + k, _mm_castsi128_ps(_mm_unpacklo_epi16(zero, x)));
    _mm_storeu_ps(out + k + 4, _mm_castsi128_ps(_mm_unpackhi_epi16(zero, x)));
  }
#else
  for (int k = 0; k < half_step; ++k) out[k] = to_float(element_at<bfloat16>(in, k));
#endif
}
/// 16 IEEE halves as floats. A NaN stays a NaN, but may become quiet.
CPPO_ALWAYS_INLINE void widen_halves(float* out, void const* in) noexcept {
#if defined(__AVX512F__)
  _mm512_storeu_ps(out, _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<__m256i const*>(in))));
#elif defined(__F16C__)
  for (int k = 0; k < half_step; k += 8)
    _mm256_storeu_ps(out + k, _mm256_cvtph_ps(_mm_loadu_si128(static_cast<__m128i const*>(in) + k / 8)));
#else
  for (int k = 0; k < half_step; ++k) out[k] = to_float(element_at<half>(in, k));
#endif
}

/// 16 floats as bfloat16s: `to_bfloat16`.
CPPO_WRAPS CPPO_ALWAYS_INLINE void narrow_to_bfloats(void* out, float const* in) noexcept {
#if defined(__AVX512F__)
  __m512 const x = _mm512_loadu_ps(in);
  __m512i const u = _mm512_castps_si512(x), half = _mm512_add_epi32(u, _mm512_set1_epi32(0x7fff));
  __mmask16 const odd = _mm512_test_epi32_mask(u, _mm512_set1_epi32(0x10000));
  __mmask16 const nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  __m512i const up = _mm512_mask_add_epi32(half, odd, half, _mm512_set1_epi32(1));
  __m512i const all = _mm512_srli_epi32(_mm512_mask_or_epi32(up, nan, u, _mm512_set1_epi32(0x400000)), 16);
  _mm256_storeu_si256(static_cast<__m256i*>(out), _mm512_cvtepi32_epi16(all));
#elif defined(__AVX2__)
  auto const eight = [in](int k) {
    __m256i const u = _mm256_castps_si256(_mm256_loadu_ps(in + k)), high = _mm256_srli_epi32(u, 16);
    __m256i const odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    __m256i const up = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd), 16);
    __m256i const nan = _mm256_cmpgt_epi32(_mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff)),
                                           _mm256_set1_epi32(0x7f800000));
    return _mm256_blendv_epi8(up, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), nan);
  };
  __m256i const both = _mm256_permute4x64_epi64(_mm256_packus_epi32(eight(0), eight(8)), 0xd8);
  _mm256_storeu_si256(static_cast<__m256i*>(out), both);
#else
  for (int k = 0; k < half_step; ++k) set_element(out, k, to_bfloat16(in[k]));
#endif
}
/// 16 floats as IEEE halves: `to_half`.
CPPO_ALWAYS_INLINE void narrow_to_halves(void* out, float const* in) noexcept {
#if defined(__AVX512F__)
  __m512 const x = _mm512_loadu_ps(in);
  __m512i const u = _mm512_castps_si512(x), sign = _mm512_and_si512(u, _mm512_set1_epi32(INT32_MIN));
  __mmask16 const nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);  // of which no other bit may stay
  __m512i const all = _mm512_mask_or_epi32(u, nan, sign, _mm512_set1_epi32(0x7fc00000));
  _mm256_storeu_si256(static_cast<__m256i*>(out),
                      _mm512_cvtps_ph(_mm512_castsi512_ps(all), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
  for (int k = 0; k < half_step; k += 8) {
    __m256 const x = _mm256_loadu_ps(in + k), sign = _mm256_and_ps(x, _mm256_set1_ps(-0.0F));
    __m256 const quiet = _mm256_or_ps(sign, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)));
    __m256 const all = _mm256_blendv_ps(x, quiet, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    _mm_storeu_si128(static_cast<__m128i*>(out) + k / 8, _mm256_cvtps_ph(all, _MM_FROUND_TO_NEAREST_INT));
  }
#else
  for (int k = 0; k < half_step; ++k) set_element(out, k, to_half(in[k]));
#endif
}

/// n elements of a half type as floats; writes up to 15 past them.
inline void widen(float* out, void const* in, element_type type, int n) noexcept {
  auto const step = [type](float* to, void const* from) {
    if (type == element_type::bf16) widen_bfloats(to, from);
    else widen_halves(to, from);
  };
  int k = 0;
  for (; k + half_step <= n; k += half_step) step(out + k, element_place(in, type, k));
  if (k == n) return;
  std::uint16_t last[half_step] = {};
  std::memcpy(last, element_place(in, type, k), static_cast<std::size_t>(n - k) * sizeof *last);
  step(out + k, last);
}
/// n floats as elements of a half type; reads up to 15 past them.
inline void narrow(void* out, float const* in, element_type type, int n) noexcept {
  auto const step = [type](void* to, float const* from) {
    if (type == element_type::bf16) narrow_to_bfloats(to, from);
    else narrow_to_halves(to, from);
  };
  int k = 0;
  for (; k + half_step <= n; k += half_step) step(element_place(out, type, k), in + k);
  if (k == n) return;
  std::uint16_t last[half_step];
  step(last, in + k);
  std::memcpy(element_place(out, type, k), last, static_cast<std::size_t>(n - k) * sizeof *last);
}

/// The bits of the element 1.
constexpr std::uint64_t bits_of_one(element_type type) noexcept {
  switch (type) {
    case element_type::f32: return 0x3f800000U;
    case element_type::f64: return 0x3ff0000000000000U;
    case element_type::f16: return 0x3c00U;
    case element_type::bf16: return 0x3f80U;
    default: return 1;
  }
}
/// Calls f with an unsigned integer of the size of an element, of 2, 4 or 8 bytes.
template <class F>
void with_word(element_type type, F const& f) noexcept {
  if (size_of(type) == 2) f(std::uint16_t{});
  else if (size_of(type) == 4) f(std::uint32_t{});
  else f(std::uint64_t{});
}

#if defined(__AVX2__)
/// What registers of integers of 2, 4 or 8 bytes do.
template <class Word>
struct word_registers {
  static constexpr int lanes = 32 / sizeof(Word);
  CPPO_ALWAYS_INLINE static __m256i all(Word x) noexcept {
    if constexpr (sizeof(Word) == 2) return _mm256_set1_epi16(static_cast<short>(x));
    else if constexpr (sizeof(Word) == 4) return _mm256_set1_epi32(static_cast<int>(x));
    else return _mm256_set1_epi64x(static_cast<long long>(x));
  }
  CPPO_ALWAYS_INLINE static __m256i equal(__m256i a, __m256i b) noexcept {
    if constexpr (sizeof(Word) == 2) return _mm256_cmpeq_epi16(a, b);
    else if constexpr (sizeof(Word) == 4) return _mm256_cmpeq_epi32(a, b);
    else return _mm256_cmpeq_epi64(a, b);
  }
  /// Bit k: lane k, which is 0 or all ones.
  CPPO_ALWAYS_INLINE static unsigned bits(__m256i m) noexcept {
    if constexpr (sizeof(Word) == 2) {
      __m128i const bytes = _mm_packs_epi16(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));
      return static_cast<unsigned>(_mm_movemask_epi8(bytes));
    } else if constexpr (sizeof(Word) == 4) {
      return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(m)));
    } else {
      return static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(m)));
    }
  }
  /// The lowest bits as lanes, 0 or all ones.
  CPPO_ALWAYS_INLINE static __m256i mask(std::uint64_t from) noexcept {
    __m256i const here = all(static_cast<Word>(from));
    __m256i place;
    if constexpr (sizeof(Word) == 2)
      place = _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, -32768);
    else if constexpr (sizeof(Word) == 4) place = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    else place = _mm256_setr_epi64x(1, 2, 4, 8);
    return equal(_mm256_and_si256(here, place), place);
  }
};
#endif

/// 64 elements, of which `one` is 1, 0 and `zero` are 0, as bits; `binary` becomes false where one is neither.
template <class Word>
CPPO_ALWAYS_INLINE std::uint64_t words_to_bits(void const* data, Word one, Word zero, bool& binary) noexcept {
  std::uint64_t ones = 0, zeros = 0;
#if defined(__AVX2__)
  using ops = word_registers<Word>;
  for (int k = 0; k < 64; k += ops::lanes) {
    __m256i const x = _mm256_loadu_si256(static_cast<__m256i const*>(data) + k / ops::lanes);
    __m256i const is_zero = _mm256_or_si256(ops::equal(x, ops::all(0)), ops::equal(x, ops::all(zero)));
    ones |= std::uint64_t{ops::bits(ops::equal(x, ops::all(one)))} << k;
    zeros |= std::uint64_t{ops::bits(is_zero)} << k;
  }
#else
  for (int k = 0; k < 64; ++k) {
    auto const x = element_at<Word>(data, k);
    ones |= std::uint64_t{x == one} << k;
    zeros |= std::uint64_t{x == 0 || x == zero} << k;
  }
#endif
  binary = binary && (ones | zeros) == ~std::uint64_t{0};
  return ones;
}
/// 64 bits as elements, 0 and `one`.
template <class Word>
CPPO_ALWAYS_INLINE void bits_to_words(void* out, std::uint64_t bits, Word one) noexcept {
#if defined(__AVX2__)
  using ops = word_registers<Word>;
  for (int k = 0; k < 64; k += ops::lanes) {
    __m256i const here = _mm256_and_si256(ops::mask(bits >> k), ops::all(one));
    _mm256_storeu_si256(static_cast<__m256i*>(out) + k / ops::lanes, here);
  }
#else
  for (int k = 0; k < 64; ++k) set_element(out, k, (bits >> k & 1U) != 0 ? one : Word{0});
#endif
}

/// Fewer than 64 bytes as bits; `binary` becomes false where one is neither 0 nor 1.
inline std::uint64_t few_bytes_to_bits(std::uint8_t const* p, int n, bool& binary) noexcept {
  std::uint64_t bits = eights_to_bits(p, n, binary);
  for (int k = n & ~7; k < n; ++k) {
    binary = binary && p[k] < 2;
    bits |= std::uint64_t{p[k] != 0} << k;
  }
  return bits;
}

/// The first n <= 64 elements of another response mask as bits, the rest taken as 0.
inline std::uint64_t wide_elements_to_bits(void const* data, element_type type, int n, bool& binary) noexcept {
  alignas(64) unsigned char last[64 * 8];
  if (n < 64) {
    std::memset(last, 0, sizeof last);
    std::memcpy(last, data, static_cast<std::size_t>(n * size_of(type)));
    data = last;
  }
  std::uint64_t bits = 0;
  with_word(type, [&](auto zero) {
    using word = decltype(zero);
    constexpr auto sign = static_cast<word>(word{1} << (8 * sizeof(word) - 1));
    word const other_zero = type <= element_type::bf16 ? sign : zero;  // -0
    bits = words_to_bits(data, static_cast<word>(bits_of_one(type)), other_zero, binary);
  });
  return bits;
}
/// The first n <= 64 elements of a dense response mask as bits; `binary` becomes false where one is neither 0 nor 1.
CPPO_ALWAYS_INLINE std::uint64_t elements_to_bits(void const* data, element_type type, int n, bool& binary) noexcept {
  auto const* const bytes = static_cast<std::uint8_t const*>(data);
  if (size_of(type) != 1) return wide_elements_to_bits(data, type, n, binary);
  return n == 64 ? bytes_to_bits(bytes, binary) : few_bytes_to_bits(bytes, n, binary);
}
/// The lowest n <= 64 bits as elements of 2, 4 or 8 bytes, 0 and 1.
inline void bits_to_wide_elements(void* out, element_type type, std::uint64_t bits, int n) noexcept {
  with_word(type, [&](auto zero) {
    using word = decltype(zero);
    alignas(64) word last[64];
    bits_to_words(n < 64 ? last : out, bits, static_cast<word>(bits_of_one(type)));
    if (n < 64) std::memcpy(out, last, static_cast<std::size_t>(n) * sizeof(word));
  });
}
/// The lowest n <= 64 bits as dense elements, 0 and 1.
CPPO_ALWAYS_INLINE void bits_to_elements(void* out, element_type type, std::uint64_t bits, int n) noexcept {
  if (size_of(type) == 1) bits_to_bytes(static_cast<std::uint8_t*>(out), bits, n);
  else bits_to_wide_elements(out, type, bits, n);
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
