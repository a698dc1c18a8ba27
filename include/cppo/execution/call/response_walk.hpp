/// @file
/// The slots of one response, one after the other: which hold a token, and at which position.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/token_decision.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The slots of one response, which do not depend on the region.
template <class Real>
class response_walk {
 public:
  constexpr response_walk(checked_call<Real> const& t, index_t b) noexcept
      : call_(t), b_(b), slots_(t.batch.shape().slots(b)), count_(count_response(t, b)), traces_(wanted_trace(t)) {}

 protected:
  constexpr slot look(index_t i) const noexcept {
    if (count_.bad == 0) return call_.batch.active(b_, i) != 0 ? slot::token : slot::excluded;
    status why;
    slot const s = inspect_slot(call_, b_, i, why);
    return s == slot::bad && call_.bad_input == on_bad_input::exclude ? slot::excluded : s;
  }

  /// The position of the token in slot i, before which there are `before` tokens.
  constexpr index_t place_of(index_t i, index_t before) const noexcept {
    return (call_.by_column() ? i : before) + 1;
  }

  checked_call<Real> const& call_;
  index_t b_;
  index_t slots_;
  response_count count_;
  trace_values traces_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
