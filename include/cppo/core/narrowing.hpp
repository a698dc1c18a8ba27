/// @file
/// What a number loses when it is stored in an output of fewer bits than the call's arithmetic.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/numeric.hpp>
#include <cppo/core/view.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// True if `store` of a Real as `type` can turn a number that is neither infinite nor 0 into one that is.
template <class Real>
CPPO_HOST_DEVICE constexpr bool narrows(element_type type) noexcept {
  return type == element_type::f16 || type == element_type::bf16 || (type == element_type::f32 && sizeof(Real) > 4);
}

/// The magnitudes for which that happens. `store` rounds to float first, so the bits of a float's magnitude decide.
struct narrowing {
  std::uint32_t infinite = 0x7f800000U;  ///< from here on infinity
  std::uint32_t zero = 0;                ///< up to here 0

  /// Pre: `narrows<Real>(type)`.
  CPPO_HOST_DEVICE explicit constexpr narrowing(element_type type) noexcept {
    if (type == element_type::f16) infinite = 0x477ff000U, zero = 0x33000000U;    // 65520, 2^-25
    if (type == element_type::bf16) infinite = 0x7f7f8000U, zero = 0x00008000U;  // 2^128 - 2^119, 2^-134
  }
  /// True if x is finite, and infinite once stored.
  template <class Real>
  CPPO_HOST_DEVICE constexpr bool overflows(Real x) const noexcept {
    return magnitude(x) >= infinite && x >= -special<Real>::largest && x <= special<Real>::largest;
  }
  /// True if x is not 0, and 0 once stored.
  template <class Real>
  CPPO_HOST_DEVICE constexpr bool vanishes(Real x) const noexcept {
    return magnitude(x) <= zero && x != Real(0);
  }

 private:
  template <class Real>
  CPPO_HOST_DEVICE static constexpr std::uint32_t magnitude(Real x) noexcept {
    return bits_as<std::uint32_t>(static_cast<float>(x)) & 0x7fffffffU;
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
