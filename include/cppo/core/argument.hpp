/// @file
/// The arguments of a call by name, and where a batch keeps those that are inputs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <cstdint>

namespace cppo { inline namespace CPPO_ABI {

/// An argument of a call, or what belongs to one: what a status is about.
enum class argument : std::int32_t {
  none, log_prob, rollout_log_prob, advantage, response_mask, divergence, token_weight, top_k, token_id,
  offsets, loss, gradient, mask, gate, trace, region, options, carry, report, layout, response_of, order_of, tensor,
  entropy, reference_log_prob,  // inputs; logs hold the numbers of what stands before
  reward, group_id, value, bootstrap_value,  // inputs of advantages
  logits,
};

/// The name of an argument as the API spells it.
CPPO_HOST_DEVICE constexpr char const* name(argument a) noexcept {
  constexpr char const* names[] = {"",       "log_prob", "rollout_log_prob", "advantage", "response_mask",
                                   "divergence_values", "token_weight", "top_k", "token_id", "cu_seqlens", "loss",
                                   "gradient", "mask", "gate", "trace", "region", "options", "carries", "report",
                                   "layout", "response_of", "order_of", "tensor", "entropy", "reference_log_prob",
                                   "reward", "group_id", "value", "bootstrap_value", "logits"};
  auto const i = static_cast<std::uint32_t>(a);
  return i < sizeof names / sizeof *names ? names[i] : "";
}

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
