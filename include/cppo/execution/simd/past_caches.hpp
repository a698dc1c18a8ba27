/// @file
/// Stores that pass the caches by: for large outputs that are not read again soon.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/config.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// 64 bytes to a multiple of 64, past the caches where the target can.
CPPO_ALWAYS_INLINE void stream_line(char* to, char const* from) noexcept {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
#elif defined(__AVX__)
  for (int k = 0; k < 64; k += 32) {
    __m256i const x = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from + k));
    _mm256_stream_si256(reinterpret_cast<__m256i*>(to + k), x);
  }
#elif defined(__SSE2__)
  for (int k = 0; k < 64; k += 16) {
    __m128i const x = _mm_loadu_si128(reinterpret_cast<__m128i const*>(from + k));
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + k), x);
  }
#else
  std::memcpy(to, from, 64);
#endif
}
/// Copies n bytes past the caches: they are not read again soon. `end_of_stream` ends what a thread writes so.
inline void stream_bytes(void* to, void const* from, std::size_t n) noexcept {
  auto* out = static_cast<char*>(to);
  auto const* in = static_cast<char const*>(from);
  std::size_t const apart = (64 - reinterpret_cast<std::uintptr_t>(to) % 64) % 64, head = apart < n ? apart : n;
  std::memcpy(out, in, head);
  std::size_t k = head;
  for (; k + 64 <= n; k += 64) stream_line(out + k, in + k);
  std::memcpy(out + k, in + k, n - k);
}
CPPO_ALWAYS_INLINE void end_of_stream() noexcept {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
