/// @file
/// The paper's weight: early tokens are bounded harder than late ones.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// w_t = 1 - (1 - w_min)(t - 1)/(T - 1): from 1 at the first token to w_min at the last; T = 1 gives 1. [Eq. 9]
///
/// The slope is formed in double and rounded once; the product with t - 1 is rounded before it is subtracted. So w_t is
/// off by a rounding error near 1, 1e-7 in float: with a w_min below that, w_t may be 0 or just below.
class linear_weight_t {
 public:
  /// Use `linear_weight`.
  CPPO_HOST_DEVICE explicit constexpr linear_weight_t(double w_min) noexcept : w_min_(w_min) {}
  /// Weight of the last token.
  CPPO_HOST_DEVICE constexpr double w_min() const noexcept { return w_min_; }
  /// Checks that w_min is in (0, 1].
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return {w_min_ > 0.0 && w_min_ <= 1.0, "linear_weight(w_min)", w_min_,
            "in (0, 1]: 1 weighs every position the same"};
  }
  /// The weights of one response, as a function of t.
  struct line {
    double slope;  ///< (1 - w_min)/(T - 1)
    /// w_t.
    template <class V>
    CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(position<V> t) const noexcept {
      return V(1) - V(slope) * t.before();
    }
  };
  /// The weights of a response of `length` tokens; the division is done once.
  CPPO_HOST_DEVICE constexpr line for_length(index_t length) const noexcept {
    return {length > 1 ? (1.0 - w_min_) / static_cast<double>(length - 1) : 0.0};
  }
  /// w_t.
  template <class V>
  CPPO_HOST_DEVICE constexpr V at(position<V> t, index_t length) const noexcept {
    return for_length(length)(t);
  }

 private:
  double w_min_;
};

/// The linear weight that falls from 1 to w_min, in (0, 1]. [Eq. 9]
constexpr linear_weight_t linear_weight(double w_min) noexcept { return linear_weight_t(w_min); }

}}  // namespace cppo

#include <cppo/macros_on.inc>
