/// @file
/// Rules that keep or drop a whole response (TRM).
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps the whole response iff max_t D_t <= delta. [App. D, TRM-Max]
class response_max_within_t {
 public:
  static constexpr clause kind = clause::response;   ///< for diagnostics
  static constexpr needs needed = needs::response;   ///< the whole response first
  /// See `response_max_within`.
  explicit constexpr response_max_within_t(double delta) noexcept : delta_(delta) {}
  /// delta in [2^-126, 1000]?
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::threshold_check(delta_, "response_max_within(delta)");
  }
  /// Is the threshold one that no D up to `largest` exceeds?
  constexpr bool out_of_reach(double largest) const noexcept { return delta_ >= largest; }
  /// max D <= delta
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return t.response_max() <= V(delta_);
  }
  /// max D / delta
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return t.response_max() / V(delta_);
  }

 private:
  double delta_;
};

/// Keeps the whole response iff mean_t D_t <= delta. [App. D, TRM-Avg]
///
/// The mean is formed from an exact sum of D_t on the grid 2^-40, and delta is put on that grid too: inclusive.
class response_mean_within_t {
 public:
  static constexpr clause kind = clause::response;   ///< for diagnostics
  static constexpr needs needed = needs::response;   ///< the whole response first
  /// See `response_mean_within`.
  explicit constexpr response_mean_within_t(double delta) noexcept : delta_(delta) {}
  /// delta in [2^-126, 1000]?
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::threshold_check(delta_, "response_mean_within(delta)");
  }
  /// Is the threshold one that no D up to `largest` exceeds?
  constexpr bool out_of_reach(double largest) const noexcept { return delta_ >= largest; }
  /// mean D <= delta
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return t.response_mean() <= V(detail::on_grid<typename V::value_type>(delta_));
  }
  /// mean D / delta
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return t.response_mean() / V(delta_);
  }

 private:
  double delta_;
};

/// TRM-Max: threshold on the largest divergence of the response.
constexpr response_max_within_t response_max_within(double delta) noexcept { return response_max_within_t(delta); }
/// TRM-Avg: threshold on the mean divergence of the response.
constexpr response_mean_within_t response_mean_within(double delta) noexcept { return response_mean_within_t(delta); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
