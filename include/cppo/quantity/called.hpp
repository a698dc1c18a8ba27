/// @file
/// Parts under the name of the function that has made them of others: a status names what its caller wrote.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace quantities {

/// A part P with bounds, which a status calls `Words::name`, as whoever wrote the function that has made it knows them.
/// What P bounds keeps its own names. It takes no more room than P, and does what P does.
template <class Words, class P>
struct called : P {
  /// Checks P.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    parameter_check const bounded = what_is_bounded();
    if (!bounded.in_range) return bounded;
    parameter_check found = P::check();
    if (!found.in_range && found.name != nullptr) found.name = Words::name;
    return found;
  }

 private:
  CPPO_HOST_DEVICE constexpr parameter_check what_is_bounded() const noexcept {
    if constexpr (detail::composite<P>) return detail::parameters_of(this->first.left);
    else return detail::parameters_of(this->left);
  }
};
/// The part under that name.
template <class Words, class P>
constexpr called<Words, P> call_it(P const& part) noexcept {
  return {part};
}

}}}  // namespace cppo::quantities

#include <cppo/macros_on.inc>
