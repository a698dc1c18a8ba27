/// @file
/// Decides the last tokens of a response, which are fewer than a group; where groups write their outputs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/group.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Decides the last tokens of a response, which are fewer than a group. Not inlined.
template <with_report Report, class Known>
[[gnu::noinline]] std::uint64_t decide_tail(token_lanes const& in, index_t first, int live, Known& with,
                                            simd_counts& counts, simd_reporter& reporter, chunk_outputs const& out) {
  return token_group<Report, lanes_hold::some, Known>(with, in, 0, first, live).decide(out, counts, reporter);
}

/// Where groups write what goes to `to`: hard gates nowhere, since they are made of the mask afterwards; past the
/// caches only where registers are aligned.
CPPO_ALWAYS_INLINE chunk_outputs outputs_of_groups(chunk_outputs to, gate_kind gates) noexcept {
  if (gates == gate_kind::hard) to.gate = nullptr;
  if constexpr (can_stream) {
    to.far = to.far && reinterpret_cast<std::uintptr_t>(to.gradient) % (simd_size * sizeof(float)) == 0;
  }
  return to;
}

/// Decides the `live` tokens of a chunk from token k on, which are fewer than a group and the first of them at position
/// `first`, and writes their masks as bits to `kept`.
template <with_report Report, class Known>
CPPO_ALWAYS_INLINE void decide_rest(token_lanes const& in, int k, int live, index_t first, Known& with,
                                    simd_counts& counts, simd_reporter& reporter, chunk_outputs const& out,
                                    std::uint64_t* kept) {
  if (live == 0) return;
  // Copies: nothing points to what the loop over whole groups keeps in registers.
  Known last = with;
  simd_counts some = counts;
  group_tail tail(in, k, live, out);
  kept[k / 64] |= decide_tail<Report>(tail.in, first, live, last, some, reporter, tail.out) << (k % 64);
  with.input = last.input;
  if constexpr (reports(Report)) counts = some;
  tail.write();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
