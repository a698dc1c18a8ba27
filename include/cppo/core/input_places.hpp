/// @file
/// Where a batch keeps its inputs: the arguments that are inputs, numbered without gaps.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/status.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {
/// The number of places for inputs in a batch, and the place of an input. Top-K lists have one, and do not use it.
inline constexpr int input_places = static_cast<int>(argument::offsets) + 2;
CPPO_HOST_DEVICE constexpr int place_of(argument input) noexcept {
  int const younger = static_cast<int>(argument::entropy) - static_cast<int>(argument::offsets);
  return static_cast<int>(input) - (input >= argument::entropy ? younger : 0);
}
/// The input of a place.
CPPO_HOST_DEVICE constexpr argument input_at(int place) noexcept {
  int const younger = static_cast<int>(argument::entropy) - static_cast<int>(argument::offsets);
  return static_cast<argument>(place + (place >= static_cast<int>(argument::offsets) ? younger : 0));
}
/// True if the argument is an input of a batch.
CPPO_HOST_DEVICE constexpr bool is_input(argument a) noexcept {
  return (a != argument::none && a < argument::offsets) || a == argument::entropy || a == argument::reference_log_prob;
}
}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
