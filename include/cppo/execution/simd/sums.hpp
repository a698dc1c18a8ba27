/// @file
/// The sums of a report on registers: the bits of `lane_sums`.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/report_sums.hpp>
#include <cppo/execution/simd/tokens.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// One sum. What holds nothing yet is not written, since most responses that are short have one chunk.
class simd_sum {
  using V = simd_lane;
  using ops = simd_ops;
  static constexpr int width = lane_sums<float>::width;
  static_assert(width % simd_size == 0);

 public:
  simd_sum() noexcept { begin(); }

  /// Adds register u of a group.
  CPPO_ALWAYS_INLINE void add(int u, V x) noexcept {
    int const at = u * simd_size % width;
    ops::save(partial_ + at, (V::from_raw(ops::load(partial_ + at)) + x).raw());
  }
  /// Ends the first chunk, or a later one.
  /// @{
  void settle_first() noexcept {
    for (int j = 0; j < width; ++j) lanes_[j] = 0.0 + static_cast<double>(partial_[j]);
    begin();
  }
  void settle() noexcept {
    for (int j = 0; j < width; ++j) lanes_[j] += static_cast<double>(partial_[j]);
    begin();
  }
  /// @}
  /// The sum, once the last chunk is ended.
  double total() const noexcept {
    double t[8];
    for (int j = 0; j < 8; ++j) t[j] = lanes_[j] + lanes_[j + 8];
    for (int j = 0; j < 4; ++j) t[j] += t[j + 4];
    return (t[0] + t[2]) + (t[1] + t[3]);
  }

 private:
  void begin() noexcept {
    for (int j = 0; j < width; j += simd_size) ops::save(partial_ + j, ops::broadcast(0.0F));
  }

  alignas(64) float partial_[width];
  alignas(64) double lanes_[width];
};

/// The sums of a response. Those of hard gates are counted, not summed.
class simd_sums {
 public:
  CPPO_ALWAYS_INLINE simd_sum& of(report_term t) noexcept { return sums_[static_cast<int>(t)]; }
  /// Ends a chunk.
  void settle(gate_kind gates) noexcept {
    for (int t = 0; t < report_terms; ++t) {
      if (!summed(t, gates)) continue;
      if (settled_) sums_[t].settle();
      else sums_[t].settle_first();
    }
    settled_ = true;
  }
  /// The totals, once the last chunk is ended.
  void totals(gate_kind gates, double (&to)[report_terms]) const noexcept {
    for (int t = 0; t < report_terms; ++t) to[t] = summed(t, gates) ? sums_[t].total() : 0.0;
  }

 private:
  static bool summed(int term, gate_kind gates) noexcept {
    return gates == gate_kind::soft || term != static_cast<int>(report_term::gate);
  }

  simd_sum sums_[report_terms];
  bool settled_ = false;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
