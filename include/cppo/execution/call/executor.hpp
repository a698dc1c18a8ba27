/// @file
/// The concept `executor`: what a call asks of the place where it runs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/report_sums.hpp>

#include <concepts>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// E runs calls in Real under Region.
template <class E, class Real, class Region>
concept runs_calls = requires(E const& e, rollout_batch_view<Real> const& batch, loss_outputs const& outputs,
                              loss_options const& options, task<Real, Region>& t, checked_call<Real> const& call,
                              report* wanted) {
  { e.check_memory(batch, outputs, options) } -> std::same_as<status>;
  { e.arithmetic_holds(call) } -> std::same_as<bool>;
  { e.run_call(t, wanted) } -> std::same_as<status>;
};

/// E has what `host_executor<E>` asks of it: the loop over the responses, and a count of the valid tokens of one.
template <class E, class Real, class Region>
concept runs_on_host = requires(E const& e, task<Real, Region> const& t, checked_call<Real> const& call, index_t b) {
  { e.execute(t) } -> std::same_as<outcome_fold>;
  { e.count_tokens(call, b) } -> std::same_as<index_t>;
};

}  // namespace detail

/// Where a call runs. `policy_loss` asks an executor, in this order:
///
///     status check_memory(batch, outputs, options) const   ok if it can reach everything that was lent
///     bool arithmetic_holds(call) const                    true if arithmetic keeps the contract there
///     status run_call(task, report*) const                 runs the call, once all is checked
///
/// each for calls in float and in double, and under any region; `call` is the `task` without its region. Post: the bits
/// of `seq`. What runs on the calling host derives from `host_executor<itself>`, which has all three. It brings
/// `execute(task)`, the loop over the responses, and may bring its own `count_tokens(call, b)`.
template <class E>
concept executor =
    detail::runs_calls<E, float, detail::open_region> && detail::runs_calls<E, double, detail::open_region>;

}}  // namespace cppo

#include <cppo/macros_on.inc>
