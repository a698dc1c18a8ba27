/// @file
/// The states of folds on registers: a chunk's terms added at once, or one after the other where each token's value is
/// asked for. Nothing here depends on a region.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/tokens.hpp>
#include <cppo/fold/fold_state.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A chunk's terms of one fold, and room for what is loaded past the last.
struct chunk_terms {
  alignas(64) float at[chunk_room];
};

/// True if n terms are on the grid, or `besides`.
inline bool inside_grid(float const* terms, int n, float besides) noexcept {
  simd_lane::mask good = simd_lane(0) <= simd_lane(0);
  int k = 0;
  for (; k + simd_size <= n; k += simd_size) {
    simd_lane const x = lanes_at(terms, k);
    good = good & ((abs(x) <= simd_lane(divergence_limit)) | (x == simd_lane(besides)));
  }
  bool all = simd_ops::every(good.raw());
  for (; k < n; ++k) all = all && ((terms[k] >= -1000.0F && terms[k] <= 1000.0F) || terms[k] == besides);
  return all;
}

/// The state of n terms, at most those of a chunk.
inline fold_state state_of(float const* terms, int n) noexcept {
  static_assert(chunk_size / simd_size <= 64, "32 bits hold the limbs of 64 terms in a lane");
  fold_state all;
  simd_ops::ints high(std::int32_t{0}), low(std::int32_t{0});
  simd_lane least(std::numeric_limits<float>::infinity()), most = -least;
  int k = 0;
  for (; k + simd_size <= n; k += simd_size) {
    simd_lane const x = lanes_at(terms, k);
    simd_ops::ints up, rest;
    simd_ops::to_grid(x.raw(), up, rest);
    high = high + up;
    low = low + rest;
    least = min(x, least);
    most = max(x, most);
  }
  if (k > 0) {
    all = {exact_sum{wide_sum(high), wide_sum(low)}, k, -static_cast<double>(largest_lane(-least)) + 0.0,
           static_cast<double>(largest_lane(most)) + 0.0};
  }
  for (; k < n; ++k) all = all + fold_state::of(terms[k]);
  return all;
}

/// Writes what `Statistic` is before each of n terms, and adds them to the state. `out` may be where the terms are.
template <class Statistic>
void scan_before(fold_state& state, float const* terms, int n, float* out,
                 Statistic how = {}) noexcept {
  for (int k = 0; k < n; ++k) {
    float const x = terms[k];
    out[k] = static_cast<float>(how.value(state));
    state = state + fold_state::of(x);
  }
}
/// The same up to each of them.
template <class Statistic>
void scan_upto(fold_state& state, float const* terms, int n, float* out,
               Statistic how = {}) noexcept {
  for (int k = 0; k < n; ++k) {
    state = state + fold_state::of(terms[k]);
    out[k] = static_cast<float>(how.value(state));
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
