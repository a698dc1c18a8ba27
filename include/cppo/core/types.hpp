/// @file
/// The index type, what a part of a trust region needs, and what can be decided of a token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/config.hpp>

#include <cstdint>

namespace cppo { inline namespace CPPO_ABI {

/// Every index, extent and stride: signed, 64 bits.
using index_t = std::int64_t;

namespace detail {
/// False, but only once the types are known: for overloads that exist to say what is wrong with a call.
template <class...>
inline constexpr bool never = false;
}  // namespace detail

/// What a part of a trust region needs to know. The needs of a composite are the union of its parts', known at compile
/// time, so that a region never pays for a scan or a pass that nothing asks for.
enum class needs : unsigned {
  none = 0,
  divergence = 1,      ///< D_t (and Z_t = w_t D_t)
  prefix_budget = 2,   ///< the exact test S_t <= delta + delta_b W_{t-1}
  prefix_values = 4,   ///< S and W as numbers
  response = 8,        ///< max and mean of D over the whole response
  quantile = 16,       ///< an order statistic of D over the whole response
};

/// Union of two sets of needs.
CPPO_HOST_DEVICE constexpr needs operator|(needs a, needs b) noexcept {
  return static_cast<needs>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

/// True if `set` holds at least one of `wanted`.
CPPO_HOST_DEVICE constexpr bool any(needs set, needs wanted) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(wanted)) != 0U;
}

/// The clauses a mask is made of. Reports and traces count tokens by them.
enum class clause : std::uint8_t { toward, ratio, divergence, budget, response, other };

/// What was decided of a token, and by which clause.
enum class decision : std::uint8_t {
  excluded = 0,           ///< no token of the response, or rejected input: nothing was computed
  kept = 1,               ///< inside the region
  kept_toward = 2,        ///< moves pi back toward mu, kept whatever its size
  masked_ratio = 3,       ///< importance ratio outside its interval
  masked_divergence = 4,  ///< w_t D_t > delta
  masked_budget = 5,      ///< w_t D_t <= delta, but its prefix is over the budget [Eq. 8]
  masked_response = 6,    ///< the whole response is out
  masked_other = 7,       ///< a user's own clause
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
