/// @file
/// The ranges of folds, and how many folds a quantity or mask holds, one inside the other.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

#include <type_traits>
#include <utility>

namespace cppo { inline namespace CPPO_ABI {

/// Which items a fold takes, seen from the item that reads it.
enum class fold_range : std::uint8_t {
  before,    ///< the earlier tokens of the response
  upto,      ///< the earlier tokens and itself
  from,      ///< itself and the later tokens
  response,  ///< all tokens of the response
  group,     ///< all responses to the same prompt
  batch,     ///< all items of the batch
};

namespace detail {

/// A fold.
template <class P>
concept is_fold = requires { requires P::is_fold; };

/// How many folds are one inside the other: 0 without any. A fold of level n is known after n passes.
template <class P>
consteval int level_of() noexcept {
  int level = 0;
  if constexpr (composite<P>) {
    int const first = level_of<typename P::first_type>(), second = level_of<typename P::second_type>();
    level = first > second ? first : second;
  } else if constexpr (negation<P>) {
    level = level_of<typename P::negated_type>();
  } else if constexpr (made_of_operands<P>) {
    int const left = level_of<typename P::left_type>(), right = level_of<typename P::right_type>();
    level = left > right ? left : right;
  }
  return level + (is_fold<P> ? 1 : 0);
}

/// Calls pass(level) for each level of the folds of a region, in order, while it returns true. Of a region whose levels
/// are known at run time the type has one level, and the value is turned to one level after the other.
template <class Region, class Pass>
constexpr void each_level_while(Region& region, Pass const& pass) {
  if constexpr (requires { region.turn_to(1); }) {
    bool more = true;
    for (int level = 1; more && level <= region.levels(); ++level) {
      region.turn_to(level);
      more = pass(std::integral_constant<int, 1>{});
    }
  } else {
    [&]<int... Before>(std::integer_sequence<int, Before...>) {
      static_cast<void>((pass(std::integral_constant<int, Before + 1>{}) && ...));
    }(std::make_integer_sequence<int, Region::fold_levels>{});
  }
}
/// The same for all levels: what pass(level) returns is not looked at.
template <class Region, class Pass>
constexpr void each_level(Region& region, Pass const& pass) {
  each_level_while(region, [&pass](auto level) { return static_cast<void>(pass(level)), true; });
}
/// True in the pass for the first level.
template <int Level, class Region>
CPPO_HOST_DEVICE constexpr bool is_first_level([[maybe_unused]] Region const& region) noexcept {
  if constexpr (requires { region.turned_to(); }) return region.turned_to() == 1;
  else return Level == 1;
}
/// The number of values that the folds of this region have, at most.
template <class Region>
CPPO_HOST_DEVICE constexpr int values_of_folds([[maybe_unused]] Region const& region) noexcept {
  if constexpr (requires { region.levels(); }) return region.values();
  else if constexpr (requires { Region::folds; }) return Region::folds;
  else return 0;
}
/// True if what a response gets under this region may depend on other responses.
template <class Region>
constexpr bool reads_batch([[maybe_unused]] Region const& region) noexcept {
  if constexpr (requires { region.levels(); }) return region.reads_batch();
  else if constexpr (requires { Region::reads_batch; }) return Region::reads_batch;
  else return false;
}
/// The largest of three levels.
consteval int deepest(int a, int b, int c) noexcept {
  int const d = a > b ? a : b;
  return c > d ? c : d;
}
/// How many folds P holds.
template <class P>
consteval int folds_in() noexcept {
  int here = is_fold<P> ? 1 : 0;
  if constexpr (level_of<P>() == 0) return 0;
  else if constexpr (composite<P>) return folds_in<typename P::first_type>() + folds_in<typename P::second_type>();
  else if constexpr (negation<P>) return folds_in<typename P::negated_type>();
  else return here + folds_in<typename P::left_type>() + folds_in<typename P::right_type>();
}

/// True if P holds a fold over more than one response.
template <class P>
consteval bool folds_more_than_a_response() noexcept {
  if constexpr (level_of<P>() == 0) return false;
  else if constexpr (composite<P>) {
    return folds_more_than_a_response<typename P::first_type>() ||
           folds_more_than_a_response<typename P::second_type>();
  } else if constexpr (negation<P>) {
    return folds_more_than_a_response<typename P::negated_type>();
  } else {
    bool here = false;
    if constexpr (is_fold<P>) here = P::range >= fold_range::group;
    return here || folds_more_than_a_response<typename P::left_type>() ||
           folds_more_than_a_response<typename P::right_type>();
  }
}

// In slots.hpp, for regions that have folds.
template <class P>
constexpr P with_slots(P p) noexcept;
template <int Level, class P, class F>
CPPO_HOST_DEVICE constexpr void each_value_at(P const& p, int& next, F const& f) noexcept;
template <int Level, class P, class F>
CPPO_HOST_DEVICE constexpr void each_state_at(P const& p, int& next, F const& f) noexcept;

}  // namespace detail

}}  // namespace cppo

#include <cppo/macros_on.inc>
