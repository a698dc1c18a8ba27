/// @file
/// How an executor goes over rows of logits: on which lanes, and on which threads.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/threads.hpp>
#include <cppo/execution/seq.hpp>
#include <cppo/execution/simd/executor.hpp>
#include <cppo/logits/row_pass.hpp>

#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD && !defined(__CUDA_ARCH__)
#include <cppo/execution/simd.hpp>
#include <cppo/execution/simd/half_registers.hpp>
#endif

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The lanes on which an executor reads logits, and if their arithmetic keeps the contract. That of `simd` is there
/// where CPPO_USE_XSIMD is 1.
template <class Executor>
struct logit_lanes;
template <>
struct logit_lanes<seq_t> {
  using type = float_lane;
  static bool keep_arithmetic() noexcept { return scalars_keep_arithmetic(); }
};

#if defined(CPPO_USE_XSIMD) && CPPO_USE_XSIMD && !defined(__CUDA_ARCH__)
template <>
struct logit_lanes<simd_t> {
  using type = simd_lane;
  static bool keep_arithmetic() noexcept { return registers_keep_arithmetic(); }
};
template <>
struct logit_register<simd_lane> {
  CPPO_ALWAYS_INLINE static simd_lane read(void const* in, element_type type) noexcept {
    return widened<simd_lane>(in, type);
  }
  static void copy(float* out, void const* in, element_type type, int n) noexcept { widen(out, in, type, n); }
  CPPO_ALWAYS_INLINE static std::uint64_t above(simd_lane const (&logit)[4], simd_lane bound) noexcept {
    simd_lane::mask const masks[4] = {logit[0] > bound, logit[1] > bound, logit[2] > bound, logit[3] > bound};
    return lane_bits(masks);
  }
};
#endif

/// An executor that runs on the calling host and reads logits.
template <class E>
concept reads_logits = runs_on_this_host<E> && sizeof(logit_lanes<E>) > 0;

/// Logits that are worth a thread: some 200 us of work.
inline constexpr index_t logits_worth_a_thread = index_t{1} << 20;

/// Calls f(i) for every row i < rows of so many columns, on the executor's threads, which take one row after the other.
/// f keeps what it finds by row, so that nothing depends on the threads.
template <class E, class F>
void over_rows(E const& executor, index_t rows, index_t columns, F const& f) {
  int n = 1;
  if constexpr (std::derived_from<E, simd_t>) {
    index_t const least = executor.least_slots();
    n = least > 0 ? useful_threads(executor.threads(), rows, rows, least)
                  : useful_threads(executor.threads(), rows, rows * columns, logits_worth_a_thread);
  }
  std::atomic<index_t> next{0};
  auto const work = [&] {
    for (index_t i = next++; i < rows; i = next++) f(i);
  };
  joined_threads<std::thread> others;
  if (n > 1) others.start(n - 1, work);
  work();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
