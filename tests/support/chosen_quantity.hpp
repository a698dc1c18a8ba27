/// @file
/// One of several quantities, chosen at run time, so that a region is compiled once for all of them.
#pragma once

#include <cppo/quantity/quantity.hpp>

/// One of two quantities.
template <class Q, class R>
struct chosen_quantity {
  using left_type = Q;
  using right_type = R;
  static constexpr bool made_of_quantities = true;
  static constexpr cppo::needs needed = cppo::detail::needs_of<Q> | cppo::detail::needs_of<R>;
  Q left;
  R right;
  bool is_left;
  template <class V>
  constexpr V operator()(cppo::token<V> const& t) const noexcept {
    return is_left ? left(t) : right(t);
  }
  constexpr cppo::parameter_check check() const noexcept {
    return is_left ? cppo::detail::parameters_of(left) : cppo::detail::parameters_of(right);
  }
};

/// The quantity of this number, from 0.
template <class Q>
constexpr Q pick_quantity(int, Q last) noexcept {
  return last;
}
template <class Q, class... Rest>
constexpr auto pick_quantity(int which, Q first, Rest... rest) noexcept {
  auto const others = pick_quantity(which - 1, rest...);
  return chosen_quantity<Q, std::remove_const_t<decltype(others)>>{first, others, which == 0};
}
