/// @file
/// A budget computed from the response's own divergences.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// How a calibrated budget is computed. The defaults are the paper's.
struct calibration {
  double quantile = 0.9;         ///< q, in [0, 1]
  double scale = 1.0;            ///< k, not negative
  double ceiling_factor = 2.0;   ///< at least 1
};

/// delta_b = clamp(k quantile_q(D_1 .. D_T), floor, ceiling_factor * floor) [Eq. 22]. D_t is unweighted and t runs over
/// the valid tokens. A response without valid tokens has the floor. Cost: a pass over the response before its mask.
class calibrated_budget_t {
 public:
  /// A quantile of D over the whole response.
  static constexpr needs needed = needs::quantile;

  /// Use `calibrated_budget`.
  CPPO_HOST_DEVICE constexpr calibrated_budget_t(double floor, calibration c) noexcept
      : floor_(floor), calibration_(c) {}
  /// The smallest delta_b.
  CPPO_HOST_DEVICE constexpr double floor() const noexcept { return floor_; }
  /// How delta_b is computed.
  CPPO_HOST_DEVICE constexpr calibration const& how() const noexcept { return calibration_; }
  /// Checks floor and calibration.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    calibration const& c = calibration_;
    double const ceiling = floor_ * c.ceiling_factor;
    return detail::first_fault({
        {floor_ >= 0.0 && floor_ <= divergence_limit, "calibrated_budget(floor, ...)", floor_,
         "in [0, 1000]: it is the delta_b of calibrated_cppo"},
        {c.quantile >= 0.0 && c.quantile <= 1.0, "calibration::quantile", c.quantile, "in [0, 1]: 0.9 is the paper's"},
        {c.scale >= 0.0 && c.scale <= divergence_limit, "calibration::scale", c.scale,
         "in [0, 1000]: 1 is the paper's"},
        {c.ceiling_factor >= 1.0, "calibration::ceiling_factor", c.ceiling_factor, "1 or more: 2 is the paper's"},
        {ceiling <= divergence_limit, "calibration::ceiling_factor times the floor", ceiling,
         "at most 1000: lower the floor or the factor"}});
  }
  /// delta_b of a response.
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve(Statistics const& response) const noexcept {
    if (response.length() == 0) return floor_;
    calibration const& c = calibration_;
    double const ceiling = floor_ * c.ceiling_factor;
    if constexpr (requires { response.clamped_quantile(c.quantile, c.scale, floor_, ceiling); }) {
      return response.clamped_quantile(c.quantile, c.scale, floor_, ceiling);
    }
    double const wanted = c.scale * response.quantile(c.quantile);
    // equivalent: what equals the floor is the floor
    return wanted < floor_ ? floor_ : wanted > ceiling ? ceiling : wanted;
  }

 private:
  double floor_;
  calibration calibration_;
};

/// Calibrated budget with the given floor. [Eq. 22]
constexpr calibrated_budget_t calibrated_budget(double floor, calibration c = {}) noexcept {
  return calibrated_budget_t(floor, c);
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
