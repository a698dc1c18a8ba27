/// @file
/// The sums of a report on registers: the bits of `lane_sums`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/report_sums.hpp>
#include <cppo/execution/simd/tokens.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One sum. Most responses that are short have one chunk: until it is settled, `lanes_` is not written.
class simd_sum {
  using V = simd_lane;
  using ops = simd_ops;
  static constexpr int width = lane_sums<float>::width;
  static_assert(width % simd_size == 0);

 public:
  simd_sum() noexcept { clear(); }

  /// Adds register u of a group.
  CPPO_ALWAYS_INLINE void add(int u, V x) noexcept {
    int const at = u * simd_size % width;
    ops::save(partial_ + at, (V::from_raw(ops::load(partial_ + at)) + x).raw());
  }
  /// Begins the second chunk, or a later one.
  /// @{
  void settle_first() noexcept {
    for (int j = 0; j < width; ++j) lanes_[j] = 0.0;
    settle();
  }
  void settle() noexcept {
    add_floats(lanes_, partial_);
    clear();
  }
  /// @}
  /// The sum of one chunk, or of several. Of one it may be -0, where it is +0 of several: a report, which adds it to
  /// +0, cannot tell.
  /// @{
  double total_of_one() const noexcept { return tree_sum(partial_); }
  double total() noexcept {
    settle();
    double t[4];
    for (int j = 0; j < 4; ++j) t[j] = (lanes_[j] + lanes_[j + 8]) + (lanes_[j + 4] + lanes_[j + 12]);
    return (t[0] + t[2]) + (t[1] + t[3]);
  }
  /// @}

 private:
  void clear() noexcept {
    for (int j = 0; j < width; j += simd_size) ops::save(partial_ + j, ops::broadcast(0.0F));
  }

  alignas(64) float partial_[width];
  alignas(64) double lanes_[width];
};

/// The sums of a response. Those of hard gates are counted, not summed.
class simd_sums {
 public:
  CPPO_ALWAYS_INLINE simd_sum& of(report_term t) noexcept { return sums_[static_cast<int>(t)]; }
  /// Begins a chunk that is not the first.
  void begin_chunk(gate_kind gates) noexcept {
    for (int t = 0; t < report_terms; ++t) {
      if (!summed(t, gates)) continue;
      if (several_) sums_[t].settle();
      else sums_[t].settle_first();
    }
    several_ = true;
  }
  /// A total, after the last chunk. Called once.
  double total(report_term t) noexcept { return several_ ? of(t).total() : of(t).total_of_one(); }

 private:
  static bool summed(int term, gate_kind gates) noexcept {
    return gates == gate_kind::soft || term != static_cast<int>(report_term::gate);
  }

  simd_sum sums_[report_terms];
  bool several_ = false;  // chunks
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
