/// @file
/// The divergences of one response, from which a budget may ask for order statistics.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/inspection.hpp>
#include <cppo/execution/simd/prefix.hpp>
#include <cppo/execution/simd/selection.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The statistics that a budget may ask of a response. The divergences stay in order.
class simd_statistics : public known_totals {
 public:
  /// Works in `scratch`, which grows as it must.
  simd_statistics(response_summary const& whole, std::vector<float>& scratch) noexcept
      : known_totals(whole), scratch_(scratch) {}

  /// Numbers for the divergences of n tokens, what is written or loaded past them, and as much again to work in.
  static constexpr std::size_t room(index_t n) noexcept {
    constexpr int past = 2 * group_size > selection_word ? 2 * group_size : selection_word;
    return 2 * (static_cast<std::size_t>(n) + past);
  }
  /// Where the divergences of n tokens go.
  float* reserve(index_t n) {
    n_ = n;
    if (scratch_.size() < room(n)) scratch_.resize(room(n));
    return scratch_.data();
  }

  /// Finds the largest divergence and the exact sum.
  void observe(response_summary& whole) const noexcept {
    float const* const d = scratch_.data();
    constexpr index_t most = index_t{32} * simd_size;  // 32 bits hold the limbs of 64 divergences in a lane
    simd_lane top(-divergence_limit);
    index_t i = 0;
    while (i + simd_size <= n_) {
      simd_ops::ints high(std::int32_t{0}), low(std::int32_t{0});
      for (index_t const end = i + most; i < end && i + simd_size <= n_; i += simd_size) {
        simd_lane const x = simd_lane::from_raw(simd_ops::load(d + i));
        simd_ops::ints up, rest;
        simd_ops::to_grid(x.raw(), up, rest);
        high = high + up;
        low = low + rest;
        top = max(x, top);
      }
      whole.divergence_sum = whole.divergence_sum + exact_sum{wide_sum(high), wide_sum(low)};
    }
    float largest = largest_lane(top);
    for (; i < n_; ++i) {
      whole.divergence_sum = whole.divergence_sum + to_grid(d[i]);
      largest = d[i] > largest ? d[i] : largest;
    }
    if (n_ > 0) whole.max_divergence = static_cast<double>(largest) + 0.0;  // never -0
  }

  /// Interpolated quantile.
  double quantile(double q) const noexcept {
    std::copy_n(scratch_.data(), n_, work());
    return cppo::quantile(work(), n_, q);
  }
  /// clamp(scale times the q-quantile, low, high), by counting where it lies outside.
  double clamped_quantile(double q, double scale, double low, double high) const noexcept {
    return simd_clamped_quantile(scratch_.data(), n_, work(), q, scale, low, high);
  }

 private:
  float* work() const noexcept { return scratch_.data() + room(n_) / 2; }

  std::vector<float>& scratch_;
  index_t n_ = 0;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
