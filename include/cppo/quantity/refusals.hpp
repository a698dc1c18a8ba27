/// @file
/// Sentences for values that stand where a quantity should and are none, as core/refusals.hpp has them for parts.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/refusals.hpp>
#include <cppo/quantity/quantity.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

template <class Q>
consteval misuse misuse_of_quantity() noexcept {
  using V = mask_probe<Q>;
  if constexpr (quantity_operand<Q>) return misuse::none;
  else {
    constexpr ways_to_call called{.as_it_must = requires(Q const& q, token<V> const& t) { q(t); },
                                  .not_const = requires(Q& q, token<V> const& t) { q(t); },
                                  .by_reference = requires(Q& q, token<V>& t) { q(t); },
                                  .on_one_type = requires(Q& q, token<float_lane>& t) { q(t); }};
    return why_not<Q>(any_part<Q>, called);
  }
}

/// A quantity, or a value given in place of one.
struct quantity_argument {
  template <class Q>
  constexpr quantity_argument(Q const&) noexcept {
    constexpr misuse wrong = misuse_of_quantity<Q>();
    static_assert(is_not<wrong, misuse::number>, "a bool is no quantity: write a number, such as 1.0");
    static_assert(is_not<wrong, misuse::other_part>,
                  "this is a part of another kind, not a quantity: write a quantity such as cppo::ratio, a number, or "
                  "where(mask, 1, 0) for a mask; a divergence may stand for its value unless it reads lists");
    static_assert(is_not<wrong, misuse::owns>,
                  "a quantity is copied byte by byte, as a kernel argument is: no vector or string in it, but a pointer"
                  " to what outlives the call");
    static_assert(is_not<wrong, misuse::wrong_member>,
                  "check() of a quantity is const and returns a bool or a cppo::parameter_check, reads() is const and "
                  "returns a cppo::argument");
    static_assert(is_not<wrong, misuse::not_const>,
                  "operator() of a quantity must be const: `template <class V> constexpr V operator()(cppo::token<V> "
                  "const& t) const`");
    static_assert(is_not<wrong, misuse::by_reference>, "a quantity takes the token as `cppo::token<V> const&`");
    static_assert(is_not<wrong, misuse::not_generic>,
                  "a quantity must take tokens on lanes of any type: `template <class V> constexpr V "
                  "operator()(cppo::token<V> const& t) const`");
    static_assert(is_not<wrong, misuse::unusable>,
                  "a quantity is a struct that is called with a token: `template <class V> constexpr V "
                  "operator()(cppo::token<V> const& t) const`, public");
    static_assert(is_not<wrong, misuse::wrong_result>,
                  "operator() of a quantity returns a V, the lane of the token: no float, no double, no mask");
  }
};

/// Says what is wrong with a value that is to be differentiated.
template <class Q>
constexpr void must_have_slope() noexcept {
  static_assert(!quantity_operand<Q> || differentiable_operand<Q>,
                "this is differentiated, and has no slope: give it `template <class V> constexpr V "
                "slope(cppo::token<V> const& t) const`, its derivative by log pi of the token, or a quantity made of "
                "those that have one; score_form(q) and q * surrogate hold q constant");
}
/// A quantity with a slope, or a value given in place of one.
struct differentiable_argument : quantity_argument {
  template <class Q>
  constexpr differentiable_argument(Q const& q) noexcept : quantity_argument(q) {
    must_have_slope<Q>();
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
