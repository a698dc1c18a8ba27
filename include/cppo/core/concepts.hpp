/// @file
/// What each part of a trust region must offer; `docs/concepts.md` has a page for each.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/token.hpp>

#include <concepts>
#include <type_traits>

namespace cppo::inline CPPO_ABI {

namespace detail {

// Requirements with names of their own: a compiler that refuses a part says which one is not met.

/// Copied byte by byte, as a kernel argument is.
template <class P>
concept trivially_copyable_value = std::is_trivially_copyable_v<P>;
template <class M>
concept mask_not_number = !std::is_arithmetic_v<M>;
template <class M>
concept const_call_operator = requires(M const& m, token<float_lane> const& t) { m(t); };
template <class M>
concept returns_mask_of_lanes = requires(M const& m, token<float_lane> const& t) {
  { m(t) } -> std::same_as<lane_mask<float>>;
};

}  // namespace detail

/// Keeps a token or not: `m(token)` returns a mask of the token's lanes. Generic over the lane type.
template <class M>
concept token_mask = detail::mask_not_number<M> &&
                     detail::trivially_copyable_value<M> &&
                     detail::const_call_operator<M> &&
                     detail::returns_mask_of_lanes<M>;

/// Measures how far pi is from mu: `between(log_p, log_q)` where two numbers suffice, else `at(token)`.
template <class D>
concept divergence_score = detail::trivially_copyable_value<D> && (
  requires(D const& d, token<float_lane> const& t) { { d.at(t) } -> std::same_as<float_lane>; } ||
  requires(D const& d, float_lane x) { { d.between(x, x) } -> std::same_as<float_lane>; });

/// How much a position counts: `at(position, T)`, in (0, 1], depending on t and T alone. The last lanes may lie past T;
/// their weight is dropped, but must be computable.
template <class W>
concept weight_schedule = detail::trivially_copyable_value<W> &&
                          requires(W const& w, position<float_lane> t, index_t n) {
  { w.at(t, n) } -> std::same_as<float_lane>;
};

namespace detail {
/// Stands for any source of statistics when a budget is checked.
struct any_statistics {
  CPPO_HOST_DEVICE constexpr double quantile(double) const noexcept { return 0.0; }
  response_summary summary;
};
}  // namespace detail

/// The delta_b of a response: `resolve(statistics)`, once per response. `statistics.summary` is a response_summary
/// (its maximum and mean of D are filled in if `needed` holds `needs::response`), `statistics.quantile(q)` an
/// interpolated order statistic of D (declare `needed = needs::quantile` to read it).
template <class B>
concept budget = detail::trivially_copyable_value<B> && requires(B const& b, detail::any_statistics const& s) {
  { b.resolve(s) } -> std::convertible_to<double>;
};

/// How much of a token past the boundary survives: g(x) = 1 for x <= 1, non-increasing, x g(x) <= 1 beyond.
template <class G>
concept gate = detail::trivially_copyable_value<G> && requires(G const& g, float_lane x) {
  { g(x) } -> std::same_as<float_lane>;
};

namespace detail {

template <class P>
concept declares_needs = requires { { P::needed } -> std::convertible_to<needs>; };
template <class P>
concept declares_clause = requires { { P::kind } -> std::convertible_to<clause>; };
template <class P>
concept checks_with_names = requires(P const& p) { { p.check() } -> std::convertible_to<parameter_check>; };
template <class P>
concept checks_itself = checks_with_names<P> || requires(P const& p) { static_cast<bool>(p.check()); };
template <class P>
concept declares_input = requires(P const& p) { { p.reads() } -> std::convertible_to<argument>; };
template <class M, class V>
concept has_excess = requires(M const& m, token<V> const& t) { { m.excess(t) } -> std::same_as<V>; };

/// The largest D that a divergence says it has; else what all are brought to.
template <class D>
constexpr double largest_divergence(D const& d) noexcept {
  if constexpr (requires { { d.largest() } -> std::convertible_to<double>; }) return d.largest();
  else return max_score;
}

/// What a part needs; nothing unless it says so.
template <class P>
inline constexpr needs needs_of = needs::none;
template <declares_needs P>
inline constexpr needs needs_of<P> = P::needed;

/// The kind of a clause; a user's own is `other` unless it says so.
template <class P>
inline constexpr clause clause_of = clause::other;
template <declares_clause P>
inline constexpr clause clause_of<P> = P::kind;

/// Are a part's parameters in range, and which is not? Parts that do not check are in order.
template <class P>
CPPO_HOST_DEVICE constexpr parameter_check parameters_of(P const& p) noexcept {
  if constexpr (checks_with_names<P>) return p.check();
  else if constexpr (checks_itself<P>) return static_cast<bool>(p.check());
  else return true;
}

/// The score's value at a token, one lane or many.
template <class D, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V score(D const& d, token<V> const& t) noexcept {
  if constexpr (requires { d.at(t); }) return d.at(t);
  else return d.between(t.log_prob(), t.rollout_log_prob());
}
/// The weights of a response of T tokens as a function of the position. A schedule may offer `for_length(T)`, to do
/// once what does not depend on t.
template <class W>
CPPO_HOST_DEVICE constexpr auto schedule_for(W const& w, index_t length) noexcept {
  if constexpr (requires { w.for_length(length); }) return w.for_length(length);
  else return [w, length](auto t) { return w.at(t, length); };
}
/// Can the score be evaluated on V at all (Top-K scores exist for one token at a time)?
template <class D, class V>
concept scores_on = requires(D const& d, token<V> const& t) { d.at(t); } || requires(D const& d, V x) { d.between(x, x); };

}  // namespace detail
}  // namespace cppo::inline CPPO_ABI

#include <cppo/macros_on.inc>
