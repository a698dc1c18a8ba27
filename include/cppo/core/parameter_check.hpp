/// @file
/// What a part of a trust region, or a set of options, says of its parameters: all in range, or which one is not.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <initializer_list>

namespace cppo { inline namespace CPPO_ABI {

/// What `check()` returns. A bool will do too, but names nothing:
///
///     cppo::parameter_check check() const {
///       return {rate >= 0.0 && rate <= 1.0, "my_weight(rate)", rate, "in [0, 1]: 0 weighs every position the same"};
///     }
///
/// The texts must outlive every status made of them: string literals do.
struct [[nodiscard]] parameter_check {
  bool in_range = true;         ///< true if all are in range
  char const* name = nullptr;   ///< the parameter, as its caller writes it
  double value = 0.0;           ///< its value
  char const* range = nullptr;  ///< what it must be, "in (0, 1]", and after a colon what to do

  /// In range or not, without a name.
  CPPO_HOST_DEVICE constexpr parameter_check(bool good = true) noexcept : in_range(good) {}
  /// The same, with the name, value and range of the parameter.
  CPPO_HOST_DEVICE constexpr parameter_check(bool good, char const* parameter, double found,
                                             char const* must_be) noexcept
      : in_range(good), name(parameter), value(found), range(must_be) {}
  /// True if all parameters are in range.
  CPPO_HOST_DEVICE explicit constexpr operator bool() const noexcept { return in_range; }
};

namespace detail {

/// First member of options that are written by name. `{0.1, 0.2}`, whose meaning would depend on the order, does not
/// compile.
struct by_name {
  constexpr by_name() noexcept {}
};

/// The first check that is not in range, if there is one.
CPPO_HOST_DEVICE constexpr parameter_check first_fault(std::initializer_list<parameter_check> checks) noexcept {
  for (parameter_check const& c : checks) {
    if (!c) return c;
  }
  return {};
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
