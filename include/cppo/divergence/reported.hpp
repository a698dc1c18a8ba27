/// @file
/// A divergence that is measured and decides nothing.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

/// A divergence for the report and the trace alone. The mask and the gate of its region see D_t, Z_t and S_{t-1} as 0.
/// `reporting` makes a region with one.
template <divergence_score D>
struct reported : D {
  static_assert(!std::is_final_v<D>,
                "reporting(region, divergence) derives from the divergence: its struct must not be final");
};

namespace detail {

/// True if a divergence is for the report and the trace alone.
template <class D>
inline constexpr bool reports_only = false;
template <class D>
inline constexpr bool reports_only<reported<D>> = true;

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
