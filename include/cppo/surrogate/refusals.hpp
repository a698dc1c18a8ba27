/// @file
/// Sentences for values that stand where a surrogate should and are none, as core/refusals.hpp has them for parts.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/refusals.hpp>
#include <cppo/surrogate/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

template <class S>
consteval misuse misuse_of_surrogate() noexcept {
  using V = mask_probe<S>;
  if constexpr (token_surrogate<S>) return misuse::none;
  else {
    constexpr ways_to_call called{.as_it_must = requires(S const& s, token<V> const& t) { s(t); },
                                  .not_const = requires(S& s, token<V> const& t) { s(t); },
                                  .by_reference = requires(S& s, token<V>& t) { s(t); },
                                  .on_one_type = requires(S& s, token<float_lane>& t) { s(t); }};
    return why_not<S>(any_part<S>, called);
  }
}

/// A surrogate, or a value given in place of one.
struct surrogate_argument {
  template <class S>
  constexpr surrogate_argument(S const&) noexcept {
    constexpr misuse wrong = misuse_of_surrogate<S>();
    static_assert(is_not<wrong, misuse::number>,
                  "a number is no surrogate: write cppo::ratio_form, clipped(0.8, 1.2) or another one");
    static_assert(is_not<wrong, misuse::other_part>,
                  "this is a part of another kind, not a surrogate: objective takes a region and a surrogate, in this "
                  "order, and where(mask, s, p) a mask and two surrogates");
    static_assert(is_not<wrong, misuse::owns>,
                  "a surrogate is copied byte by byte, as a kernel argument is: no vector or string in it, but a "
                  "pointer to what outlives the call");
    static_assert(is_not<wrong, misuse::wrong_member>,
                  "check() of a surrogate is const and returns a bool or a cppo::parameter_check, reads() is const and "
                  "returns a cppo::argument");
    static_assert(is_not<wrong, misuse::not_const>,
                  "operator() of a surrogate must be const: `template <class V> constexpr cppo::surrogate_value<V> "
                  "operator()(cppo::token<V> const& t) const`");
    static_assert(is_not<wrong, misuse::by_reference>, "a surrogate takes the token as `cppo::token<V> const&`");
    static_assert(is_not<wrong, misuse::not_generic>,
                  "a surrogate must take tokens on lanes of any type: `template <class V> constexpr "
                  "cppo::surrogate_value<V> operator()(cppo::token<V> const& t) const`");
    static_assert(is_not<wrong, misuse::unusable>,
                  "a surrogate is a struct that is called with a token: `template <class V> constexpr "
                  "cppo::surrogate_value<V> operator()(cppo::token<V> const& t) const`, public");
    static_assert(is_not<wrong, misuse::wrong_result>,
                  "operator() of a surrogate returns a cppo::surrogate_value<V>{loss, slope}: a quantity q becomes one "
                  "by score_form(q) or penalty(q, beta)");
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
