/// @file
/// Error messages for values that are given as a part and are none. The compiler shows the cause at the call.
///
/// A function that takes a part has two overloads. One takes parts and is constrained by their concept. The other takes
/// an argument of this file and is chosen where the first does not fit: it says what is wrong, and returns something
/// usable, so that no other error follows.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What can be wrong with a value given as a part.
enum class misuse {
  none, number, other_part, owns, wrong_member, not_const, by_reference, not_generic, unusable, wrong_result,
  wrong_excess,
};

template <auto A, decltype(A) B>
inline constexpr bool is_not = A != B;

template <class R>
concept shaped_like_region = requires { typename R::divergence_type; typename R::mask_type; };
/// A divergence, a weight or a budget, which are known by the name of a member; or a region.
template <class P>
concept part_with_names = divergence_score<P> || weight_schedule<P> || budget<P> || shaped_like_region<P>;
// Masks and gates may be generic lambdas, whose bodies must not be compiled with arguments of the other kind.
template <class P>
concept called_as_gate = requires(P const& p, plain_probe x) { p(x); };
/// A part of any kind, or a region.
template <class P>
concept any_part = part_with_names<P> || token_mask<P> || (!const_call_operator<P> && gate<P>);
template <class P>
concept part_other_than_gate = part_with_names<P> || (!called_as_gate<P> && token_mask<P>);

/// The ways in which the member that makes a value a part can be called.
struct ways_to_call {
  bool as_it_must;     ///< correctly: then its result is wrong
  bool not_const;      ///< only on a value that is not const
  bool by_reference;   ///< only with arguments that are not const
  bool on_one_type;    ///< only with lanes of one type, or with plain numbers
  consteval bool any() const noexcept { return as_it_must || not_const || by_reference || on_one_type; }
};

/// Why P is not a part of the wanted kind. `wrong` is the reason if its member can be called.
template <class P>
consteval misuse why_not(bool is_other_part, ways_to_call called, misuse wrong = misuse::wrong_result) noexcept {
  if (std::is_arithmetic_v<P> || std::is_enum_v<P>) return misuse::number;
  if (is_other_part) return misuse::other_part;
  if (!trivially_copyable_value<P>) return misuse::owns;
  if (!members_fit<P> || !largest_fits<P>) return misuse::wrong_member;
  if (called.as_it_must) return wrong;
  if (called.not_const) return misuse::not_const;
  if (called.by_reference) return misuse::by_reference;
  return called.on_one_type ? misuse::not_generic : misuse::unusable;
}

template <class M>
consteval misuse misuse_of_mask() noexcept {
  using V = mask_probe<M>;
  if constexpr (token_mask<M>) return misuse::none;
  else {
    constexpr ways_to_call called{.as_it_must = const_call_operator<M>,
                                  .not_const = requires(M& m, token<V> const& t) { m(t); },
                                  .by_reference = requires(M& m, token<V>& t) { m(t); },
                                  .on_one_type = requires(M& m, token<float_lane>& t) { m(t); }};
    return why_not<M>(any_part<M>, called, returns_mask_of_lanes<M> ? misuse::wrong_excess : misuse::wrong_result);
  }
}

template <class D>
consteval misuse misuse_of_divergence() noexcept {
  using V = divergence_probe<D>;
  using U = plain_probe;
  constexpr bool in_floats = requires(D& d, float x) { d.between(x, x); };
  if constexpr (divergence_score<D>) return misuse::none;
  else {
    constexpr ways_to_call by_token{.as_it_must = requires(D const& d, token<V> const& t) { d.at(t); },
                                    .not_const = requires(D& d, token<V> const& t) { d.at(t); },
                                    .by_reference = requires(D& d, token<V>& t) { d.at(t); },
                                    .on_one_type = requires(D& d, token<float_lane>& t) { d.at(t); }};
    constexpr ways_to_call by_numbers{.as_it_must = requires(D const& d, U x) { d.between(x, x); },
                                      .not_const = requires(D& d, U x) { d.between(x, x); },
                                      .by_reference = requires(D& d, U& x) { d.between(x, x); },
                                      .on_one_type = in_floats || requires(D& d, float_lane x) { d.between(x, x); }};
    return why_not<D>(any_part<D>, by_token.any() ? by_token : by_numbers);
  }
}

template <class W>
consteval misuse misuse_of_weight() noexcept {
  using at = position<plain_probe>;
  constexpr bool in_numbers = requires(W& w, index_t n) { w.at(n, n); };
  if constexpr (weight_schedule<W>) return misuse::none;
  else {
    constexpr ways_to_call called{.as_it_must = requires(W const& w, at t, index_t n) { w.at(t, n); },
                                  .not_const = requires(W& w, at t, index_t n) { w.at(t, n); },
                                  .by_reference = requires(W& w, at& t, index_t& n) { w.at(t, n); },
                                  .on_one_type = in_numbers ||
                                                 requires(W& w, position<float_lane> t, index_t n) { w.at(t, n); }};
    return why_not<W>(any_part<W>, called);
  }
}

template <class G>
consteval misuse misuse_of_gate() noexcept {
  using V = plain_probe;
  constexpr bool in_floats = requires(G& g, float x) { g(x); };
  if constexpr (gate<G>) return misuse::none;
  else {
    constexpr ways_to_call called{.as_it_must = called_as_gate<G>,
                                  .not_const = requires(G& g, V x) { g(x); },
                                  .by_reference = requires(G& g, V& x) { g(x); },
                                  .on_one_type = in_floats || requires(G& g, float_lane x) { g(x); }};
    return why_not<G>(part_other_than_gate<G>, called);
  }
}

template <class B>
consteval misuse misuse_of_budget() noexcept {
  using S = probe_statistics<needs_of<B>>;
  if constexpr (budget<B>) return misuse::none;
  else {
    constexpr ways_to_call called{.as_it_must = requires(B const& b, S const& s) { b.resolve(s); },
                                  .not_const = requires(B& b, S const& s) { b.resolve(s); },
                                  .by_reference = requires(B& b, S& s) { b.resolve(s); },
                                  .on_one_type = false};
    return why_not<B>(any_part<B>, called);
  }
}

// Each of these refuses a value that is no part of its kind.

/// A mask, or a value given in place of one.
struct mask_argument {
  constexpr mask_argument() noexcept = default;  // not given
  template <class M>
  constexpr mask_argument(M const&) noexcept {
    constexpr misuse wrong = misuse_of_mask<M>();
    static_assert(is_not<wrong, misuse::number>,
                  "a number is no mask: write a clause, such as cppo::divergence_within(0.15) or ratio_within(0.8, "
                  "1.2)");
    static_assert(is_not<wrong, misuse::other_part>,
                  "this is a part of another kind, not a mask: masks are combined with masks, and trust_region takes a"
                  " divergence, a weight and a mask");
    static_assert(is_not<wrong, misuse::owns>,
                  "a mask is copied byte by byte, as a kernel argument is: no vector or string in it, but a pointer to"
                  " what outlives the call");
    static_assert(is_not<wrong, misuse::wrong_member>,
                  "check() of a mask is const and returns a bool or a cppo::parameter_check, reads() is const and "
                  "returns a cppo::argument");
    static_assert(is_not<wrong, misuse::not_const>,
                  "operator() of a mask must be const: `template <class V> constexpr auto operator()(cppo::token<V> "
                  "const& t) const`");
    static_assert(is_not<wrong, misuse::by_reference>, "a mask takes the token as `cppo::token<V> const&`");
    static_assert(is_not<wrong, misuse::not_generic>,
                  "a mask must take tokens on lanes of any type: `template <class V> constexpr auto "
                  "operator()(cppo::token<V> const& t) const`");
    static_assert(is_not<wrong, misuse::unusable>,
                  "a mask is a struct that is called with a token: `template <class V> constexpr auto "
                  "operator()(cppo::token<V> const& t) const`, public");
    static_assert(is_not<wrong, misuse::wrong_result>,
                  "operator() of a mask returns what a comparison of lanes gives, a `typename V::mask`: no bool, no "
                  "number");
    static_assert(is_not<wrong, misuse::wrong_excess>,
                  "excess(t) of a mask is const, takes a `cppo::token<V> const&` of any lanes V and returns a V");
  }
};

/// A divergence, or a value given in place of one.
struct divergence_argument {
  template <class D>
  constexpr divergence_argument(D const&) noexcept {
    constexpr misuse wrong = misuse_of_divergence<D>();
    static_assert(is_not<wrong, misuse::number>,
                  "a number is no divergence: write cppo::binary_tv, or another measure");
    static_assert(is_not<wrong, misuse::other_part>,
                  "this is a part of another kind, not a divergence: trust_region takes a divergence, a weight and a "
                  "mask, in this order");
    static_assert(is_not<wrong, misuse::owns>,
                  "a divergence is copied byte by byte, as a kernel argument is: no vector or string in it, but a "
                  "pointer to what outlives the call");
    static_assert(is_not<wrong, misuse::wrong_member>,
                  "check() of a divergence is const and returns a bool or a cppo::parameter_check, reads() is const "
                  "and returns a cppo::argument, largest() is const and returns a double");
    static_assert(is_not<wrong, misuse::not_const>, "at(t) and between(log_p, log_q) of a divergence must be const");
    static_assert(is_not<wrong, misuse::by_reference>,
                  "a divergence takes `cppo::token<V> const&`, or two lanes by value");
    static_assert(is_not<wrong, misuse::not_generic>,
                  "a divergence must take lanes of any type: `template <class V> constexpr V between(V log_p, V log_q)"
                  " const`, or `at(cppo::token<V> const& t)`");
    static_assert(is_not<wrong, misuse::unusable>,
                  "a divergence has the member `template <class V> constexpr V between(V log_p, V log_q) const`, or "
                  "`at(cppo::token<V> const& t)`, public");
    static_assert(is_not<wrong, misuse::wrong_result>,
                  "at(t) and between(log_p, log_q) of a divergence return a V, the lane they are given: no float, no "
                  "double");
  }
};

/// A weight, or a value given in place of one.
struct weight_argument {
  template <class W>
  constexpr weight_argument(W const&) noexcept {
    constexpr misuse wrong = misuse_of_weight<W>();
    static_assert(is_not<wrong, misuse::number>,
                  "a number is no weight: write cppo::uniform_weight or linear_weight(0.8)");
    static_assert(is_not<wrong, misuse::other_part>,
                  "this is a part of another kind, not a weight: trust_region takes a divergence, a weight and a mask,"
                  " in this order");
    static_assert(is_not<wrong, misuse::owns>,
                  "a weight is copied byte by byte, as a kernel argument is: no vector or string in it, but a pointer "
                  "to what outlives the call");
    static_assert(is_not<wrong, misuse::wrong_member>,
                  "check() of a weight is const and returns a bool or a cppo::parameter_check, reads() is const and "
                  "returns a cppo::argument");
    static_assert(is_not<wrong, misuse::not_const>, "at(t, T) of a weight must be const");
    static_assert(is_not<wrong, misuse::by_reference>,
                  "at of a weight takes `cppo::position<V>` and `cppo::index_t` by value");
    static_assert(is_not<wrong, misuse::not_generic>,
                  "a weight must take positions on lanes of any type: `template <class V> constexpr V "
                  "at(cppo::position<V> t, cppo::index_t T) const`");
    static_assert(is_not<wrong, misuse::unusable>,
                  "a weight has the member `template <class V> constexpr V at(cppo::position<V> t, cppo::index_t T) "
                  "const`, public");
    static_assert(is_not<wrong, misuse::wrong_result>,
                  "at(t, T) of a weight returns a V, the lanes of `cppo::position<V>`: no float, no double");
  }
};

/// A gate, or a value given in place of one.
struct gate_argument {
  template <class G>
  constexpr gate_argument(G const&) noexcept {
    constexpr misuse wrong = misuse_of_gate<G>();
    static_assert(is_not<wrong, misuse::number>,
                  "a number is no gate: write cppo::reciprocal_gate, or a gate of your own");
    static_assert(is_not<wrong, misuse::other_part>,
                  "this is a part of another kind, not a gate: softened takes a region and a gate, in this order");
    static_assert(is_not<wrong, misuse::owns>,
                  "a gate is copied byte by byte, as a kernel argument is: no vector or string in it, but a pointer to"
                  " what outlives the call");
    static_assert(is_not<wrong, misuse::wrong_member>,
                  "check() of a gate is const and returns a bool or a cppo::parameter_check, reads() is const and "
                  "returns a cppo::argument");
    static_assert(is_not<wrong, misuse::not_const>,
                  "operator() of a gate must be const: `template <class V> constexpr V operator()(V x) const`");
    static_assert(is_not<wrong, misuse::by_reference>, "a gate takes the excess by value: `operator()(V x) const`");
    static_assert(is_not<wrong, misuse::not_generic>,
                  "a gate must take lanes of any type: `template <class V> constexpr V operator()(V x) const`");
    static_assert(is_not<wrong, misuse::unusable>,
                  "a gate is a struct that is called with an excess: `template <class V> constexpr V operator()(V x) "
                  "const`, public");
    static_assert(is_not<wrong, misuse::wrong_result>,
                  "operator() of a gate returns a V, the lane it is given: no float, no double, no mask");
  }
};

/// A budget, or a value given in place of one.
struct budget_argument {
  template <class B>
  constexpr budget_argument(B const&) noexcept {
    constexpr misuse wrong = misuse_of_budget<B>();
    static_assert(is_not<wrong, misuse::other_part>,
                  "this is a part of another kind, not a budget: write prefix_budget(delta, delta_b), or a budget such"
                  " as cppo::calibrated_budget(0.02)");
    static_assert(is_not<wrong, misuse::owns>,
                  "a budget is copied byte by byte, as a kernel argument is: no vector or string in it, but a pointer "
                  "to what outlives the call");
    static_assert(is_not<wrong, misuse::wrong_member>,
                  "check() of a budget is const and returns a bool or a cppo::parameter_check, reads() is const and "
                  "returns a cppo::argument");
    static_assert(is_not<wrong, misuse::not_const>, "resolve(statistics) of a budget must be const");
    static_assert(is_not<wrong, misuse::by_reference>,
                  "resolve of a budget takes the statistics as `Statistics const&`");
    static_assert(is_not<wrong, misuse::unusable> && is_not<wrong, misuse::number>,
                  "a budget has the member `template <class Statistics> constexpr double resolve(Statistics const& s) "
                  "const`, public");
    static_assert(is_not<wrong, misuse::wrong_result>, "resolve(statistics) of a budget returns a double");
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
