/// @file
/// The values of folds as a token reads them: a number for each token, or one for its response.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The values of the folds of a rule for the tokens of one response. That of slot s is at `data[s * stride + rank]`
/// where it differs from token to token, else at `data[s * stride]`, repeated for as many lanes as any register has.
template <class Real>
struct fold_values {
  Real const* data = nullptr;
  index_t stride = 0;
  Real const* of_positions = nullptr;  ///< a number that depends on the position alone, for 1, 2, ...; or null
  index_t of_positions_stride = 0;     ///< from there to the next number that does

  /// Number k of those at a position; null where none is there.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr Real const* of_position(int k, index_t at) const noexcept {
    return of_positions != nullptr ? of_positions + k * of_positions_stride + (at - 1) : nullptr;
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
