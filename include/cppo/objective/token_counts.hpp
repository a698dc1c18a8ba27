/// @file
/// The part of a report that is counted token by token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// Counts of the valid tokens of a call, or of a part of it, and of numbers that its outputs could not hold: those of
/// every output lent as floating-point numbers, above all `loss` and `gradient`. `Count` is an integer type.
///
/// A token teaches if its weighted advantage, which is advantage times token weight, is not 0. The others have loss and
/// gradient 0 whether they are kept or masked: for example those of a GRPO group with equal rewards.
template <class Count>
struct token_counts {
  Count kept = 0;               ///< M_t = 1
  Count kept_toward = 0;        ///< kept in a region with the toward-mu clause, and moving toward mu
  Count masked_ratio = 0;       ///< masked by a ratio interval
  Count masked_divergence = 0;  ///< masked, w_t D_t > delta
  Count masked_budget = 0;      ///< masked by the prefix budget, and by no threshold on w_t D_t [Fig. 7]
  Count masked_response = 0;    ///< masked with the whole response
  Count masked_other = 0;       ///< masked by a clause of the user's own
  Count clamped = 0;            ///< tokens whose log ratio was clamped
  Count capped = 0;             ///< tokens whose ratio was capped
  Count teaching_tokens = 0;    ///< tokens that teach: advantage times token weight is not 0
  Count teaching_kept = 0;      ///< kept tokens that teach
  Count teaching_toward = 0;    ///< `kept_toward` that teach
  Count masked_high = 0;  ///< masked, teaches, A > 0 and rho > 1: under `ppo`, those above 1 + epsilon_high
  Count masked_low = 0;   ///< masked, teaches, A < 0 and rho < 1: under `ppo`, those below 1 - epsilon_low
  Count held = 0;         ///< kept, teaches, and the slope of its surrogate is 0; counted under `objective(...)` alone
  Count not_finite = 0;         ///< tokens whose loss or gradient is not finite although their input is
  Count stored_infinite = 0;    ///< finite numbers that became infinite in an output of fewer bits
  Count stored_zero = 0;        ///< numbers other than 0 that became 0 in an output of fewer bits

  /// Calls f(name, member) for each count; given several objects, f(name, members).
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class F, class... Counts>
  CPPO_HOST_DEVICE static constexpr void each_token_count(F const& f, Counts&... of) {
    f("kept", of.kept...);
    f("kept_toward", of.kept_toward...);
    f("masked_ratio", of.masked_ratio...);
    f("masked_divergence", of.masked_divergence...);
    f("masked_budget", of.masked_budget...);
    f("masked_response", of.masked_response...);
    f("masked_other", of.masked_other...);
    f("clamped", of.clamped...);
    f("capped", of.capped...);
    f("teaching_tokens", of.teaching_tokens...);
    f("teaching_kept", of.teaching_kept...);
    f("teaching_toward", of.teaching_toward...);
    f("masked_high", of.masked_high...);
    f("masked_low", of.masked_low...);
    f("held", of.held...);
    f("not_finite", of.not_finite...);
    f("stored_infinite", of.stored_infinite...);
    f("stored_zero", of.stored_zero...);
  }
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
