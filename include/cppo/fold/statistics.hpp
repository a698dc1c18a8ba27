/// @file
/// The statistics of a fold, each read from its `fold_state`: `group(mean(reward))` is a range of a statistic.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/fold_state.hpp>
#include <cppo/quantity/arithmetic.hpp>
#include <cppo/quantity/inputs.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// The sum of the items; 0 of none.
struct summed {
  static constexpr bool is_linear = true;  ///< a token's part in it has a slope
  /// Read from the state.
  CPPO_HOST_DEVICE static constexpr double value(fold_state const& s) noexcept { return s.sum.value(); }
};
/// Their mean; 0 of none.
struct averaged {
  static constexpr bool is_linear = true;  ///< a token's part in it has a slope
  /// Read from the state.
  CPPO_HOST_DEVICE static constexpr double value(fold_state const& s) noexcept { return s.mean(); }
};
/// The smallest; 0 of none.
struct smallest {
  /// Read from the state.
  CPPO_HOST_DEVICE static constexpr double value(fold_state const& s) noexcept { return s.count > 0 ? s.least : 0.0; }
};
/// The largest; 0 of none.
struct largest {
  /// Read from the state.
  CPPO_HOST_DEVICE static constexpr double value(fold_state const& s) noexcept { return s.count > 0 ? s.most : 0.0; }
};

/// How many there are.
struct counted {
  /// Read from the state.
  CPPO_HOST_DEVICE static constexpr double value(fold_state const& s) noexcept { return static_cast<double>(s.count); }
};
/// A power of two above their distances from the mean.
struct unit_of_distance {
  /// Read from the state.
  CPPO_HOST_DEVICE static constexpr double value(fold_state const& s) noexcept { return s.unit_of_distance(); }
};
/// A power of two above their sizes.
struct unit_of_size {
  /// Read from the state.
  CPPO_HOST_DEVICE static constexpr double value(fold_state const& s) noexcept { return s.unit_of_size(); }
};

/// A statistic of Q that no range has been given yet.
template <class Kind, class Q>
struct statistic_of {
  static constexpr bool is_unfinished = true;  ///< no number before a range takes it
  using kind = Kind;           ///< which statistic
  using left_type = Q;         ///< of what
  using right_type = constant; ///< nothing
  static constexpr needs needed = detail::needs_of<Q>;  ///< the quantity's
  Q left;                      ///< of what
  constant right{0.0};         ///< nothing
  /// Checks the quantity.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

/// Statistic Kind of Q.
template <class Kind, class Q>
constexpr auto statistic_over(Q q) noexcept {
  return statistic_of<Kind, detail::quantity_of<Q>>{detail::as_quantity(q)};
}

}  // namespace quantities

/// The exact sum of q, rounded once; 0 of no item. Values saturate at +-1000, or are refused where a status can say so.
template <detail::quantity_operand Q>
constexpr auto sum(Q q) noexcept {
  return quantities::statistic_over<quantities::summed>(q);
}
/// The mean of q; 0 of no item. The mean of equal values is that value, to the bit.
template <detail::quantity_operand Q>
constexpr auto mean(Q q) noexcept {
  return quantities::statistic_over<quantities::averaged>(q);
}
/// The smallest q; 0 of no item.
template <detail::quantity_operand Q>
constexpr auto least(Q q) noexcept {
  return quantities::statistic_over<quantities::smallest>(q);
}
/// The largest q; 0 of no item.
template <detail::quantity_operand Q>
constexpr auto most(Q q) noexcept {
  return quantities::statistic_over<quantities::largest>(q);
}
/// How many items the mask keeps; `count(keep_all)` is their number.
template <token_mask M>
constexpr auto count(M mask) noexcept {
  return cppo::sum(where(mask, 1, 0));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
