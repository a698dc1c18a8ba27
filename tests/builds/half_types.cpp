// Other people's half types give the bits of the library's own: the compiler's, the standard library's and, with
// -DCUDA_HALF, CUDA's.
#include <cppo/cppo.hpp>

#if defined(CUDA_HALF)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cppo/core/cuda_half.hpp>
#endif
#if __has_include(<stdfloat>)
#include <stdfloat>
#endif

#include <cstdio>
#include <cstring>

using namespace cppo;

namespace {

constexpr int slots = 40;

/// The same call with inputs and outputs of T and of Own, of the same bits.
template <class T, class Own>
bool same_bits(char const* what) {
  static_assert(element_traits<T>::value == element_traits<Own>::value && sizeof(T) == sizeof(Own));
  Own pi[slots], mu[slots], a[slots], want[slots], got[slots];
  auto const round = [](float x) {
    if constexpr (std::is_same_v<Own, cppo::half>) return to_half(x);
    else return to_bfloat16(x);
  };
  for (int i = 0; i < slots; ++i) {
    pi[i] = round(-0.2F - 0.01F * static_cast<float>(i * 7 % 23));
    mu[i] = round(-0.2F - 0.01F * static_cast<float>(i * 5 % 19));
    a[i] = round(i % 3 == 0 ? -1.0F : 1.0F);
  }
  T t_pi[slots], t_mu[slots], t_a[slots], t_got[slots];
  std::memcpy(static_cast<void*>(t_pi), pi, sizeof pi);
  std::memcpy(static_cast<void*>(t_mu), mu, sizeof mu);
  std::memcpy(static_cast<void*>(t_a), a, sizeof a);
  auto const own = rollout_batch(padded(2, slots / 2), log_prob(pi), rollout_log_prob(mu), advantage(a));
  auto const other = rollout_batch(padded(2, slots / 2), log_prob(t_pi), rollout_log_prob(t_mu), advantage(t_a));
  bool const called = policy_loss(seq, own, presets::dense_base(), {.gradient = want}).ok() &&
                      policy_loss(seq, other, presets::dense_base(), {.gradient = t_got}).ok();
  std::memcpy(got, static_cast<void const*>(t_got), sizeof got);
  bool const good = called && std::memcmp(want, got, sizeof got) == 0;
  std::printf("%s: %s\n", what, good ? "the same bits" : "other bits");
  return good;
}

}  // namespace

int main() {
  bool good = true;
#if defined(__FLT16_MANT_DIG__) && (defined(__clang__) || __GNUC__ >= 13)
  good = same_bits<_Float16, cppo::half>("_Float16") && good;
#endif
#if defined(__clang__) && __clang_major__ >= 17 && defined(__x86_64__)
  good = same_bits<__bf16, cppo::bfloat16>("__bf16") && good;
#endif
#if defined(__STDCPP_FLOAT16_T__)
  good = same_bits<std::float16_t, cppo::half>("std::float16_t") && good;
#endif
#if defined(__STDCPP_BFLOAT16_T__)
  good = same_bits<std::bfloat16_t, cppo::bfloat16>("std::bfloat16_t") && good;
#endif
#if defined(CUDA_HALF)
  good = same_bits<__half, cppo::half>("__half") && good;
  good = same_bits<__nv_bfloat16, cppo::bfloat16>("__nv_bfloat16") && good;
#endif
  return good ? 0 : 1;
}
