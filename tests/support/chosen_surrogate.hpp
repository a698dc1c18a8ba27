/// @file
/// One of several surrogates, chosen at run time, so that a region is compiled once for all of them.
#pragma once

#include <cppo/surrogate/surrogate.hpp>

/// One of two surrogates.
template <class S, class P>
struct chosen_surrogate {
  using left_type = S;
  using right_type = P;
  static constexpr bool made_of_surrogates = true;
  static constexpr cppo::needs needed = cppo::detail::needs_of<S> | cppo::detail::needs_of<P>;
  S left;
  P right;
  bool is_left;
  template <class V>
  constexpr cppo::surrogate_value<V> operator()(cppo::token<V> const& t) const noexcept {
    return is_left ? left(t) : right(t);
  }
  constexpr cppo::parameter_check check() const noexcept {
    return is_left ? cppo::detail::parameters_of(left) : cppo::detail::parameters_of(right);
  }
};

/// The surrogate of this number, from 0.
template <class S>
constexpr S pick_surrogate(int, S last) noexcept {
  return last;
}
template <class S, class... Rest>
constexpr auto pick_surrogate(int which, S first, Rest... rest) noexcept {
  auto const others = pick_surrogate(which - 1, rest...);
  return chosen_surrogate<S, std::remove_const_t<decltype(others)>>{first, others, which == 0};
}
