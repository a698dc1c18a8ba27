/// @file
/// Walks the folds inside a quantity or mask, and numbers them: an executor keeps one state for each slot.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/ranges.hpp>

#include <type_traits>
#include <utility>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Calls f(fold) for each fold in p, those inside another one first.
CPPO_CALLS_WHAT_IT_IS_GIVEN
template <class P, class F>
CPPO_HOST_DEVICE constexpr void each_fold(P& p, F const& f) {
  using part = std::remove_const_t<P>;
  if constexpr (level_of<part>() > 0) {
    if constexpr (composite<part>) each_fold(p.first, f), each_fold(p.second, f);
    else if constexpr (negation<part>) each_fold(p.inner, f);
    else each_fold(p.left, f), each_fold(p.right, f);
    if constexpr (is_fold<part>) f(p);
  }
}

/// True if p and q are known to be the same number at every token. Parts of a user's own that hold numbers are not.
template <class P, class Q>
constexpr bool same_part(P const& p, Q const& q) noexcept {
  if constexpr (!std::is_same_v<P, Q>) return false;
  else if constexpr (std::is_empty_v<P>) return true;
  else if constexpr (is_fold<P>) return p.slot == q.slot;
  else if constexpr (std::is_same_v<P, quantities::constant>) return p.number == q.number;
  else if constexpr (composite<P>) return same_part(p.first, q.first) && same_part(p.second, q.second);
  else if constexpr (negation<P>) return same_part(p.inner, q.inner);
  else if constexpr (made_of_operands<P>) return same_part(p.left, q.left) && same_part(p.right, q.right);
  else return false;
}
/// True if a fold's state is of no use to other statistics.
template <class F>
inline constexpr bool keeps_own_state = requires { requires F::statistic::has_own_state; };
/// True if one state serves both folds: the same quantity over the same range.
template <class F, class G>
constexpr bool same_state(F const& f, G const& g) noexcept {
  constexpr bool apart = keeps_own_state<F> || keeps_own_state<G>;
  if constexpr (F::range != G::range) return false;
  else if constexpr (apart && !std::is_same_v<typename F::statistic, typename G::statistic>) return false;
  else if constexpr (apart) return f.left.parameter == g.left.parameter && same_part(f.of(), g.of());
  else return same_part(f.of(), g.of());
}
template <class F>
using statistic_in = typename std::remove_cvref_t<F>::statistic;

/// p with its folds numbered, those inside another one first: states and values from 0. Folds of one quantity over one
/// range share a state, and if they are the same statistic a value too.
template <class P>
constexpr P with_slots(P p) noexcept {
  int states = 0, values = 0;
  each_fold(p, [](auto& f) { f.slot = f.state = -1; });
  each_fold(p, [&](auto& f) {
    int state = states, slot = values;
    each_fold(std::as_const(p), [&](auto const& g) {
      if (g.state < 0 || g.state >= states || !same_state(f, g)) return;
      state = g.state;
      if (std::is_same_v<statistic_in<decltype(f)>, statistic_in<decltype(g)>>) slot = g.slot;
    });
    f.state = state, f.slot = slot;
    states += state == states ? 1 : 0, values += slot == values ? 1 : 0;
  });
  return p;
}

/// The number of states of a numbered p, and that of values.
/// @{
template <class P>
constexpr int states_of(P const& p) noexcept {
  int most = -1;
  each_fold(p, [&most](auto const& f) { most = f.state > most ? f.state : most; });
  return most + 1;
}
template <class P>
constexpr int slots_of(P const& p) noexcept {
  int most = -1;
  each_fold(p, [&most](auto const& f) { most = f.slot > most ? f.slot : most; });
  return most + 1;
}
/// @}

/// The number of a fold's value, and that of its state.
/// @{
struct slot_number {
  template <class Fold>
  CPPO_HOST_DEVICE static constexpr int of(Fold const& f) noexcept {
    return f.slot;
  }
};
struct state_number {
  template <class Fold>
  CPPO_HOST_DEVICE static constexpr int of(Fold const& f) noexcept {
    return f.state;
  }
};
/// @}
/// Calls f(fold) where a number is met for the first time at a level. A class, since of a lambda nvcc would say that it
/// calls what may be for the host alone.
template <int Level, class Number, class F>
struct where_first_met {
  int& next;   ///< the first number that has not been met
  F const& f;  ///< what is called
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Fold>
  CPPO_HOST_DEVICE constexpr void operator()(Fold const& g) const noexcept {
    bool const first = Number::of(g) >= next;
    next = first ? Number::of(g) + 1 : next;
    if constexpr (level_of<Fold>() == Level) {
      if (first) f(g);
    }
  }
};

/// Calls f(fold) for one fold of each value, of those at a level, in a numbered p; f(fold) for one of each state.
/// `next`: the first number that has not been met, 0 before the first of the parts that were numbered together. Numbers
/// are met for the first time in order.
/// @{
CPPO_CALLS_WHAT_IT_IS_GIVEN
template <int Level, class P, class F>
CPPO_HOST_DEVICE constexpr void each_value_at(P const& p, int& next, F const& f) noexcept {
  each_fold(p, where_first_met<Level, slot_number, F>{next, f});
}
CPPO_CALLS_WHAT_IT_IS_GIVEN
template <int Level, class P, class F>
CPPO_HOST_DEVICE constexpr void each_state_at(P const& p, int& next, F const& f) noexcept {
  each_fold(p, where_first_met<Level, state_number, F>{next, f});
}
/// @}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
