/// @file
/// One budget for every response.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// delta_b as given, in [0, 1000]. The paper uses it for post-trained models.
class fixed_budget_t {
 public:
  /// Use `fixed_budget`.
  CPPO_HOST_DEVICE explicit constexpr fixed_budget_t(double delta_b) noexcept : delta_b_(delta_b) {}
  /// delta_b as given.
  CPPO_HOST_DEVICE constexpr double delta_b() const noexcept { return delta_b_; }
  /// Checks that delta_b is in [0, 1000].
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return {delta_b_ >= 0.0 && delta_b_ <= divergence_limit, "fixed_budget(delta_b)", delta_b_,
            "in [0, 1000]: 0 leaves a prefix only the initial slack delta"};
  }
  /// True if no mean of D can exceed delta_b, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept { return delta_b_ >= largest; }
  /// delta_b.
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve(Statistics const&) const noexcept {
    return delta_b_;
  }

 private:
  double delta_b_;
};

/// The same prefix-average budget delta_b, in [0, 1000], for every response.
constexpr fixed_budget_t fixed_budget(double delta_b) noexcept { return fixed_budget_t(delta_b); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
