/// @file
/// Clauses that keep or mask a whole response (TRM).
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Keeps the whole response iff max_t D_t <= delta. [App. D, TRM-Max]
class response_max_within_t {
 public:
  static constexpr clause kind = clause::response;   ///< the clause it is counted under
  static constexpr needs needed = needs::response;   ///< max D of the whole response
  /// Use `response_max_within`.
  CPPO_HOST_DEVICE explicit constexpr response_max_within_t(double delta) noexcept : delta_(delta) {}
  /// The threshold.
  CPPO_HOST_DEVICE constexpr double delta() const noexcept { return delta_; }
  /// Checks that delta is in [2^-126, 1000].
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::threshold_check(delta_, "response_max_within(delta)");
  }
  /// True if the threshold masks nothing, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept { return delta_ >= largest; }
  /// True if max D <= delta.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return holds(t.response_max());
  }
  /// max D / delta.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return excess_of(t.response_max());
  }
  /// The same of a maximum that is known.
  /// @{
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto holds(V largest) const noexcept {
    return largest <= V(delta_);
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_of(V largest) const noexcept {
    return largest / V(delta_);
  }
  /// @}

 private:
  double delta_;
};

/// Keeps the whole response iff mean_t D_t <= delta. [App. D, TRM-Avg]
///
/// The mean is formed from the exact sum of D_t on the grid 2^-40. delta is rounded to that grid too, so that a mean
/// equal to it is kept.
class response_mean_within_t {
 public:
  static constexpr clause kind = clause::response;   ///< the clause it is counted under
  static constexpr needs needed = needs::response;   ///< mean D of the whole response
  /// Use `response_mean_within`.
  CPPO_HOST_DEVICE explicit constexpr response_mean_within_t(double delta) noexcept : delta_(delta) {}
  /// The threshold.
  CPPO_HOST_DEVICE constexpr double delta() const noexcept { return delta_; }
  /// Checks that delta is in [2^-126, 1000].
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::threshold_check(delta_, "response_mean_within(delta)");
  }
  /// True if the threshold masks nothing, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept { return delta_ >= largest; }
  /// True if mean D <= delta.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto operator()(token<V> const& t) const noexcept {
    return holds(t.response_mean());
  }
  /// mean D / delta.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return excess_of(t.response_mean());
  }
  /// The same of a mean that is known.
  /// @{
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto holds(V mean) const noexcept {
    return mean <= V(detail::on_grid<typename V::value_type>(delta_));
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess_of(V mean) const noexcept {
    return mean / V(delta_);
  }
  /// @}

 private:
  double delta_;
};

/// TRM-Max: keeps the response iff its largest divergence is at most delta. [App. D]
constexpr response_max_within_t response_max_within(double delta) noexcept { return response_max_within_t(delta); }
/// TRM-Avg: keeps the response iff its mean divergence is at most delta. [App. D]
constexpr response_mean_within_t response_mean_within(double delta) noexcept { return response_mean_within_t(delta); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
