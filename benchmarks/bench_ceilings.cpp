// The bounds on the kernel's speed: memory traffic and exponentials.
#include "bench_api.hpp"

#include <cstring>

#include <xsimd/xsimd.hpp>

namespace {

using floats = xsimd::batch<float>;
constexpr std::int64_t lanes = static_cast<std::int64_t>(floats::size);

template <bool NonTemporal>
void put(float* to, floats x) {
  if constexpr (!NonTemporal) return x.store_unaligned(to);
#if defined(__AVX512F__)
  _mm512_stream_ps(to, x.data);
#elif defined(__AVX__)
  _mm256_stream_ps(to, x.data);
#elif defined(__SSE2__)
  _mm_stream_ps(to, x.data);
#else
  x.store_unaligned(to);
#endif
}

template <bool NonTemporal>
void copy_bytes(std::uint8_t* to, std::uint8_t const* from) {
  if constexpr (!NonTemporal) {
    std::memcpy(to, from, sizeof(floats));
    return;
  }
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), _mm512_loadu_si512(from));
#elif defined(__AVX__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from)));
#elif defined(__SSE2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), _mm_loadu_si128(reinterpret_cast<__m128i const*>(from)));
#else
  std::memcpy(to, from, sizeof(floats));
#endif
}

/// The number of float registers that make one register of bytes.
constexpr int group = 4;

template <bool NonTemporal>
void twin(std::int64_t n, bench_batch const& b, bench_outputs const& o) {
  std::uint8_t ones[sizeof(floats)];
  std::memset(ones, 1, sizeof ones);
  std::int64_t i = 0;
  for (; i + group * lanes <= n; i += group * lanes) {
    for (int k = 0; k < group; ++k) {
      std::int64_t const at = i + k * lanes;
      floats const sum = floats::load_unaligned(b.log_prob + at) + floats::load_unaligned(b.rollout_log_prob + at) +
                         floats::load_unaligned(b.advantage + at);
      put<NonTemporal>(o.gradient + at, sum);
    }
    copy_bytes<NonTemporal>(o.mask + i, b.response_mask != nullptr ? b.response_mask + i : ones);
  }
  for (; i < n; ++i) {
    o.gradient[i] = b.log_prob[i] + b.rollout_log_prob[i] + b.advantage[i];
    o.mask[i] = b.response_mask != nullptr ? b.response_mask[i] : std::uint8_t{1};
  }
#if defined(__SSE2__)
  if constexpr (NonTemporal) _mm_sfence();
#endif
}

}  // namespace

void bench_twin(std::int64_t n, bench_batch const* batch, bench_outputs const* outputs, std::int32_t non_temporal) {
  if (non_temporal != 0) twin<true>(n, *batch, *outputs);
  else twin<false>(n, *batch, *outputs);
}

void bench_exp(float const* in, float* out, std::int64_t n, std::int64_t passes) {
  for (std::int64_t p = 0; p < passes; ++p) {
    for (std::int64_t i = 0; i + lanes <= n; i += lanes)
      xsimd::exp(floats::load_unaligned(in + i)).store_unaligned(out + i);
    asm volatile("" : : "r"(out) : "memory");
  }
}

std::int32_t bench_lanes() { return static_cast<std::int32_t>(lanes); }
