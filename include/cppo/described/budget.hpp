/// @file
/// A budget that is data: fixed or calibrated.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/budget/calibrated.hpp>
#include <cppo/budget/fixed.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// delta_b of a response, fixed or calibrated. [Eq. 22]
class described_budget {
 public:
  static constexpr needs needed = needs::quantile;  ///< where it is calibrated

  /// No drift is allowed beyond the initial slack.
  constexpr described_budget() noexcept = default;
  /// The same delta_b for every response.
  constexpr described_budget(fixed_budget_t b) noexcept : delta_b_(b.delta_b()) {}
  /// A budget from the response's own divergences.
  constexpr described_budget(calibrated_budget_t b) noexcept
      : delta_b_(b.floor()), calibration_(b.how()), source_(source::calibrated) {}

  /// True if it asks for a quantile of D.
  CPPO_HOST_DEVICE constexpr bool calibrated() const noexcept { return source_ == source::calibrated; }
  /// delta_b as given: the floor where it is calibrated.
  CPPO_HOST_DEVICE constexpr double delta_b() const noexcept { return delta_b_; }
  /// How it is calibrated.
  CPPO_HOST_DEVICE constexpr calibration const& how() const noexcept { return calibration_; }
  /// Checks the numbers.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return calibrated() ? calibrated_budget_t(delta_b_, calibration_).check() : fixed_budget_t(delta_b_).check();
  }
  /// True if no mean of D can exceed delta_b, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept { return !calibrated() && delta_b_ >= largest; }
  /// delta_b of a response.
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve(Statistics const& response) const noexcept {
    return calibrated() ? calibrated_budget_t(delta_b_, calibration_).resolve(response) : delta_b_;
  }
  /// True if both give every response the same delta_b.
  friend constexpr bool operator==(described_budget const& a, described_budget const& b) noexcept {
    calibration const &c = a.calibration_, &d = b.calibration_;
    return a.delta_b_ == b.delta_b_ && a.source_ == b.source_ && c.quantile == d.quantile &&
           c.scale == d.scale && c.ceiling_factor == d.ceiling_factor;
  }

 private:
  enum class source : std::uint8_t { fixed, calibrated };
  double delta_b_ = 0.0;
  calibration calibration_{};
  source source_ = source::fixed;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
