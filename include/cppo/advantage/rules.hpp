/// @file
/// Advantage rules by name, with their published defaults. Each takes the reward last: `grpo(1e-6, overlong(...))`.
///
/// A group of one has mean 0 and deviation 1 where a rule compares with its group, so that the reward itself is left;
/// under `gpg` its advantage is 0.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/advantage/item.hpp>
#include <cppo/fold/deviation.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// A parameter of a rule: a number with its name and range.
struct parameter {
  static constexpr bool made_of_quantities = true;  ///< nothing to check at compile time
  double number;       ///< the number
  bool in_range;       ///< true if it may be that
  char const* name;    ///< its name
  char const* range;   ///< its range, with a remedy
  /// The number in every lane.
  template <class V>
  constexpr V operator()(token<V> const&) const noexcept {
    return V(number);
  }
  /// Checks the range.
  constexpr parameter_check check() const noexcept { return {in_range, name, number, range}; }
};

/// gamma^(T - t), for a token at position t.
struct discount {
  static constexpr bool made_of_quantities = true;  ///< nothing to check at compile time
  static constexpr bool reads_tokens = true;        ///< it differs from token to token
  double gamma;                                     ///< in (0, 1]
  /// e^((T - t) log gamma).
  template <class V>
  constexpr V operator()(token<V> const& t) const noexcept {
    return exp(log(V(gamma)) * (V(t.length()) - t.at().value()));
  }
  /// True unless it is 1 everywhere.
  constexpr bool differs() const noexcept { return gamma != 1.0; }
  /// Checks gamma.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return {gamma > 0.0 && gamma <= 1.0, "gamma", gamma, "in (0, 1]: 1 does not discount"};
  }
};

}  // namespace quantities

namespace detail {

inline constexpr char const* epsilon_range =
    "0 or more, and finite: 1e-6 keeps quotients finite where rewards are equal";
constexpr quantities::parameter added_number(double epsilon) noexcept {
  return {epsilon, epsilon >= 0.0 && epsilon <= special<double>::largest, "epsilon", epsilon_range};
}
constexpr quantities::parameter divisor_number(double x, char const* name) noexcept {
  return {x, x > 0.0 && x <= special<double>::largest, name, "above 0, and finite: 1 leaves advantages as they are"};
}
/// The number of responses of the group.
template <class Q>
constexpr auto responses_of_group(Q q) noexcept {
  return quantities::folded_as<fold_range::group, quantities::counted>(q);
}
/// `centre`, or 0 in a group of one.
template <class Q, class C>
constexpr auto unless_alone(Q q, C centre) noexcept {
  return cppo::where(at_least(responses_of_group(q), 2), centre, 0);
}
/// Keeps responses whose group's rewards are not all equal.
template <class Q>
constexpr auto group_differs(Q q) noexcept {
  return at_least(group(most(q)), above(group(least(q))));
}

}  // namespace detail

/// How tokens are whitened: public codes differ.
enum class whitening : std::uint8_t {
  population_floor,  ///< max(variance with n, epsilon): OpenRLHF, the authors' code of REINFORCE++
  unbiased_plus,     ///< variance with n - 1, plus epsilon: verl
};

/// q minus its mean over the valid tokens of the batch, over the root of its variance there.
template <whitening Form = whitening::population_floor, detail::quantity_operand Q>
constexpr auto whitened(Q q, double epsilon = 1e-8) noexcept {
  auto tokens = each_token(q);
  auto distance = tokens - batch(mean(tokens));
  if constexpr (Form == whitening::unbiased_plus) {
    return distance / sqrt(batch(variance(tokens)) + detail::added_number(epsilon));
  } else {
    return distance / sqrt(max(batch(population_variance(tokens)), detail::added_number(epsilon)));
  }
}

/// (R - mean) / (deviation + epsilon) over the group, the deviation with n - 1. [GRPO; epsilon is 1e-6 in verl, 1e-4 in
/// TRL and GPG]
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto grpo(double epsilon = 1e-6, Q q = {}) noexcept {
  return (q - detail::unless_alone(q, group(mean(q)))) / (group(deviation(q)) + detail::added_number(epsilon));
}
/// R - mean of the group. [Dr.GRPO; divide the loss by a fixed length: `seq_mean_token_sum_norm`]
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto dr_grpo(Q q = {}) noexcept {
  return q - detail::unless_alone(q, group(mean(q)));
}
/// R - mean of the group's other responses. [RLOO]
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto rloo(Q q = {}) noexcept {
  return q - group(mean_of_others(q));
}
/// R - mean of the group in which a response counts as often as it has tokens. [OPO]
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto opo(Q q = {}) noexcept {
  return q - detail::unless_alone(q, group(weighted_mean(q, response_length)));
}
/// alpha (R - mean of the group) / norm, where alpha is the responses of the batch over those whose group's rewards
/// differ; 0 if none do. [GPG]
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto gpg(double norm = 1.0, Q q = {}) noexcept {
  auto responses = quantities::folded_as<fold_range::batch, quantities::counted>(q);
  auto teaching = batch(count(detail::group_differs(q)));
  return where(at_least(teaching, 1), (responses / teaching) * (q - group(mean(q))), 0) /
         detail::divisor_number(norm, "norm");
}
/// The same with alpha = the responses of the batch over those whose reward is not 0: what verl has under GPG's name.
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto gpg_nonzero(double norm = 1.0, Q q = {}) noexcept {
  auto responses = quantities::folded_as<fold_range::batch, quantities::counted>(q);
  auto nonzero = batch(count(at_least(quantities::abs(detail::as_quantity(q)), above(0))));
  return (responses / max(nonzero, 1)) * dr_grpo(q) / detail::divisor_number(norm, "norm");
}
/// R gamma^(T - t) at token t, whitened over the batch. [REINFORCE++]
template <whitening Form = whitening::population_floor, detail::quantity_operand Q = quantities::reward_t>
constexpr auto reinforce_pp(double gamma = 1.0, double epsilon = 1e-8, Q q = {}) noexcept {
  return whitened<Form>(q * quantities::discount{gamma}, epsilon);
}
/// R - mean of the group at every token, whitened over the batch. [REINFORCE++-baseline]
template <whitening Form = whitening::population_floor, detail::quantity_operand Q = quantities::reward_t>
constexpr auto reinforce_pp_baseline(double epsilon = 1e-8, Q q = {}) noexcept {
  return whitened<Form>(dr_grpo(q), epsilon);
}
/// The reward with DAPO's penalty on length, R + factor clamped((max_length - buffer - T) / buffer, -1, 0). It is a
/// reward for another rule: `grpo(1e-6, overlong(20480, 4096))`. [DAPO]
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto overlong(double max_length, double buffer, double factor = 1.0, Q q = {}) noexcept {
  auto excess = ((max_length - buffer) - response_length) / detail::divisor_number(buffer, "buffer");
  return q + factor * clamped(excess, -1, 0);
}
/// Keeps responses of groups whose rewards are not all equal, and those that are alone in their group. A mask: its
/// value is 1 or 0. [DAPO's dynamic sampling]
template <detail::quantity_operand Q = quantities::reward_t>
constexpr auto dynamic_sampling(Q q = {}) noexcept {
  return any_of(detail::group_differs(q), at_most(detail::responses_of_group(q), 1));
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
