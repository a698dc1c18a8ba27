/// @file
/// D of a chunk of tokens in a pass of its own: for divergences that cost much, or that read lists. It depends on the
/// divergence alone, so it is compiled once for all regions that have it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/columns.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The chunks of a response whose D is computed.
struct divergence_pass {
  rollout_batch_view<float> const& batch;
  index_t response;
  number_range<float> log_probs;
};

/// True if the divergence, which may be chosen at run time, may ask for Top-K lists.
template <class D>
bool asks_for_lists(D const& divergence) noexcept {
  if constexpr (requires { divergence.visit([](auto) {}); }) {
    return divergence.visit([](auto d) { return reads_lists<decltype(d)>; });
  } else {
    return reads_lists<D>;
  }
}

/// D from Top-K lists.
template <class D>
bool measure_lists(D const& divergence, divergence_pass const& pass, token_chunk const& chunk, token_lanes const& in,
                   float* out) {
  list_reader const lists(pass.batch, pass.response, pass.log_probs.low, pass.log_probs.high);
  list_tile tile;
  index_t slots[chunk_size];
  chunk.each([&slots](int k, index_t slot) { slots[k] = slot; });
  bool valid = true;
  each_group(chunk, in, [&](token_lanes const& g, int from, int k) {
    for (int u = 0; u < group_registers; ++u) {
      int const first = k + u * simd_size, n = chunk.count - first;
      if (n <= 0 || !valid) break;
      valid = lists.read(slots + first, n < simd_size ? n : simd_size, tile);
      token<simd_lane> t = tokens_at<D>(g, from + u * simd_size);
      t.lend_top_k(tile);
      put_lanes(out + first, 0, divergence_of(divergence, t));
    }
  });
  return valid;
}

/// D of every token of a chunk, written in whole groups. False if the lists that it reads are bad.
template <class D>
[[gnu::noinline]] bool measure_apart(D const& divergence, divergence_pass const& pass, token_chunk const& chunk,
                                     token_lanes const& in, float* out) {
  if constexpr (requires { divergence.visit([](auto) {}); }) {
    return divergence.visit([&](auto d) { return measure_apart(d, pass, chunk, in, out); });
  } else if constexpr (reads_lists<D>) {
    return measure_lists(divergence, pass, chunk, in, out);
  } else {
    each_group(chunk, in, [&](token_lanes const& g, int from, int k) {
      for (int u = 0; u < group_registers; ++u) {
        put_lanes(out + k, u * simd_size, divergence_of(divergence, tokens_at<D>(g, from + u * simd_size)));
      }
    });
    return true;
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
