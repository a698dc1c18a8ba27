/// @file
/// What each part of a trust region must offer. `docs/concepts.md` explains each part.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/token.hpp>

#include <concepts>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

// Each requirement has a name, so that a compiler that refuses a part says which one is not met.

/// A value that may be copied byte by byte, as a kernel argument is.
template <class P>
concept trivially_copyable_value = std::is_trivially_copyable_v<P>;

/// Masks made of two masks, and of one. Their parts are checked one by one, too.
/// @{
template <class M>
concept composite = requires { typename M::first_type; typename M::second_type; };
template <class M>
concept negation = requires { typename M::negated_type; };
/// @}
/// A comparison or quantity made of two operands, `left` and `right`. It is one clause, not two.
template <class P>
concept made_of_operands = requires { typename P::left_type; typename P::right_type; };

// `requires { P::needed; }` alone would also hold for a member that is not static.
template <class P>
concept declares_needs = !requires { requires std::is_member_pointer_v<decltype(&P::needed)>; } &&
                         requires { typename std::integral_constant<needs, P::needed>; };
template <class P>
concept declares_clause = !requires { requires std::is_member_pointer_v<decltype(&P::kind)>; } &&
                          requires { typename std::integral_constant<clause, P::kind>; };
template <class P>
concept checks_with_names = requires(P const& p) { { p.check() } -> std::convertible_to<parameter_check>; };
template <class P>
concept checks_itself = checks_with_names<P> || requires(P const& p) { static_cast<bool>(p.check()); };
template <class P>
concept declares_input = requires(P const& p) { { p.reads() } -> std::convertible_to<argument>; };

/// True if each optional member of a part is as it must be. Without this check, a wrong one would be passed over.
template <class P>
concept members_fit = (checks_itself<P> || !requires(P& p) { p.check(); }) &&
                      (declares_input<P> || !requires(P& p) { p.reads(); });

template <class D>
concept names_largest = requires(D const& d) { { d.largest() } -> std::convertible_to<double>; };
template <class D>
concept largest_fits = names_largest<D> || !requires(D& d) { d.largest(); };
/// The largest D that a divergence says it has, or 1000, the largest there is.
template <class D>
constexpr double largest_divergence(D const& d) noexcept {
  if constexpr (names_largest<D>) return d.largest();
  else return divergence_limit;
}

/// What a part needs; `none` if it declares nothing.
template <class P>
inline constexpr needs needs_of = needs::none;
template <declares_needs P>
inline constexpr needs needs_of<P> = P::needed;

/// The clause under which a mask is counted; `other` if it declares none.
template <class P>
inline constexpr clause clause_of = clause::other;
template <declares_clause P>
inline constexpr clause clause_of<P> = P::kind;

/// The lent input of this name, if a part must say that it reads it.
consteval lent_inputs input_named(argument reads) noexcept {
  switch (reads) {
    case argument::divergence: return lent_inputs::divergence;
    case argument::top_k:
    case argument::token_id: return lent_inputs::top_k;
    case argument::entropy: return lent_inputs::entropy;
    case argument::reference_log_prob: return lent_inputs::reference;
    default: return lent_inputs::none;
  }
}
/// The lent inputs that a part may ask a token for: those that `reads()` names. If the name is known at run time only,
/// it may be the lent divergence or the lists.
template <class P>
consteval lent_inputs lent_to() noexcept {
  if constexpr (composite<P>) return lent_to<typename P::first_type>() | lent_to<typename P::second_type>();
  else if constexpr (negation<P>) return lent_to<typename P::negated_type>();
  else if constexpr (made_of_operands<P>) return lent_to<typename P::left_type>() | lent_to<typename P::right_type>();
  else if constexpr (!declares_input<P>) return lent_inputs::none;
  else if constexpr (requires { typename std::integral_constant<argument, P::reads()>; })
    return input_named(P::reads());
  else if constexpr (std::is_empty_v<P> && requires { typename std::integral_constant<argument, P{}.reads()>; })
    return input_named(P{}.reads());
  else return lent_inputs::either;
}

// The lanes on which parts are checked, and the functions that make the compiler check the parts' bodies.
template <class M>
using mask_probe = lane<probe_register<needs_of<M>, lent_to<M>(), divergence_is::known>>;
/// The lane on which a mask's `excess` is checked. It may ask for S and W as numbers even if the mask does not declare
/// `needs::prefix_values`.
template <class M>
using excess_probe = lane<probe_register<needs_of<M> | needs::prefix_values, lent_to<M>(), divergence_is::known>>;
template <class D>
using divergence_probe = lane<probe_register<needs::none, lent_to<D>(), divergence_is::unknown>>;
/// The lane for parts that see no token: weights, gates, and divergences of two numbers.
using plain_probe = lane<probe_register<needs::none, lent_inputs::none, divergence_is::unknown>>;

template <class P, class... Args>
constexpr auto ask_call(P const& p, Args const&... args) { return p(args...); }
template <class P, class... Args>
constexpr auto ask_at(P const& p, Args const&... args) { return p.at(args...); }
template <class P, class... Args>
constexpr auto ask_between(P const& p, Args const&... args) { return p.between(args...); }
template <class M, class V>
constexpr auto ask_excess(M const& m, token<V> const& t) { return m.excess(t); }
template <class Q, class V>
  requires requires(Q const& q, token<V> const& t) { q.slope(t); }
constexpr auto ask_slope(Q const& q, token<V> const& t) { return q.slope(t); }
template <class M, class V>
constexpr auto ask_threshold(M const& m, token<V> const& t) { return m.threshold(t); }
template <class B, class Statistics>
constexpr auto ask_resolve(B const& b, Statistics const& s) { return b.resolve(s); }

/// A mask that the library made of masks which have been checked.
template <class M>
concept made_of_masks = requires { requires M::made_of_masks; };
template <class M>
concept mask_not_number = !std::is_arithmetic_v<M>;
template <class M>
concept const_call_operator = requires(M const& m, token<mask_probe<M>> const& t) { m(t); };
template <class M>
concept returns_mask_of_lanes = requires(M const& m, token<mask_probe<M>> const& t) {
  m(t);
  { detail::ask_call(m, t) } -> std::same_as<typename mask_probe<M>::mask>;
};
/// True if the mask has no `excess`, or one that returns a lane.
template <class M>
concept excess_fits = !requires(M& m, token<excess_probe<M>> const& t) { m.excess(t); } ||
                      requires(M const& m, token<excess_probe<M>> const& t) {
  m.excess(t);
  { detail::ask_excess(m, t) } -> std::same_as<excess_probe<M>>;
};
template <class D>
concept measures_tokens = requires(D const& d, token<divergence_probe<D>> const& t) {
  d.at(t);
  { detail::ask_at(d, t) } -> std::same_as<divergence_probe<D>>;
};
/// `at` is used where a divergence has both.
template <class D>
concept measures_numbers = !requires(D const& d, token<divergence_probe<D>> const& t) { d.at(t); } &&
                         requires(D const& d, plain_probe x) {
  d.between(x, x);
  { detail::ask_between(d, x, x) } -> std::same_as<plain_probe>;
};

}  // namespace detail

/// A mask: `m(token)` keeps the token or not and returns a mask of lanes. It is a template over the lane type. What it
/// asks of the token it must have declared; see `token`.
template <class M>
concept token_mask = detail::mask_not_number<M> &&
                     detail::trivially_copyable_value<M> &&
                     (detail::made_of_masks<M> || (detail::const_call_operator<M> &&
                                                   detail::returns_mask_of_lanes<M> &&
                                                   detail::excess_fits<M> &&
                                                   detail::members_fit<M>));

/// A divergence: how far pi is from mu at a token. It has `between(log_p, log_q)` if two numbers suffice, else
/// `at(token)`, which may ask for the inputs and what follows from them alone.
template <class D>
concept divergence_score = detail::trivially_copyable_value<D> &&
                           (detail::measures_tokens<D> || detail::measures_numbers<D>) &&
                           detail::members_fit<D> &&
                           detail::largest_fits<D>;

/// A weight: how much a position counts. `at(position, T)` is in (0, 1] and depends on t and T alone. The last lanes
/// may lie past T; their weight is not used, but must be computable.
template <class W>
concept weight_schedule = detail::trivially_copyable_value<W> && detail::members_fit<W> &&
                          requires(W const& w, position<detail::plain_probe> t, index_t n) {
  w.at(t, n);
  { detail::ask_at(w, t, n) } -> std::same_as<detail::plain_probe>;
};

namespace detail {
/// The statistics with which a budget is checked that declares `Declared`.
template <needs Declared>
struct probe_statistics {
  CPPO_HOST_DEVICE constexpr index_t length() const noexcept { return 1; }
  CPPO_HOST_DEVICE constexpr double max_divergence() const noexcept {
    static_assert(any(Declared, needs::response), "max_divergence() needs a declaration: write `static constexpr "
                                                  "cppo::needs needed = cppo::needs::response;` into the budget");
    return 0.0;
  }
  CPPO_HOST_DEVICE constexpr double mean_divergence() const noexcept {
    static_assert(any(Declared, needs::response), "mean_divergence() needs a declaration: write `static constexpr "
                                                  "cppo::needs needed = cppo::needs::response;` into the budget");
    return 0.0;
  }
  // uncovered: named in the unevaluated operand of a concept alone, where no call is made
  CPPO_HOST_DEVICE constexpr double quantile(double) const noexcept {
    static_assert(any(Declared, needs::quantile), "quantile(q) needs a declaration: write `static constexpr "
                                                  "cppo::needs needed = cppo::needs::quantile;` into the budget");
    return 0.0;
  }
};
}  // namespace detail

/// A budget: the delta_b of a response. `resolve(statistics)` is called once per response. It may ask for
/// `statistics.length()`, which is T; for `max_divergence()` and `mean_divergence()`, of D over the response, if
/// `needed` holds `needs::response`; and for `quantile(q)`, an interpolated order statistic of D, if it holds
/// `needs::quantile`.
template <class B>
concept budget = detail::trivially_copyable_value<B> && detail::members_fit<B> &&
                 requires(B const& b, detail::probe_statistics<detail::needs_of<B>> const& s) {
  b.resolve(s);
  { detail::ask_resolve(b, s) } -> std::convertible_to<double>;
};

/// A gate: the share g(x) of the update that survives at excess x >= 0. g(x) = 1 for x <= 1; for x > 1, g does not rise
/// and x g(x) <= 1. [App. C]
template <class G>
concept gate = detail::trivially_copyable_value<G> && detail::members_fit<G> &&
               requires(G const& g, detail::plain_probe x) {
  g(x);
  { detail::ask_call(g, x) } -> std::same_as<detail::plain_probe>;
};

namespace detail {

template <class M, class V>
concept has_excess = requires(M const& m, token<V> const& t) { { m.excess(t) } -> std::same_as<V>; };

/// The first parameter of a part that is out of range, if there is one. A part without `check()` is in range.
template <class P>
CPPO_HOST_DEVICE constexpr parameter_check parameters_of(P const& p) noexcept {
  if constexpr (checks_with_names<P>) return p.check();
  else if constexpr (checks_itself<P>) return static_cast<bool>(p.check());
  else return true;
}

/// Calls f(argument) for each input that p, or a part of p, reads beside the log-probs and the advantage.
template <class P, class F>
constexpr void each_input(P const& p, F const& f) {
  if constexpr (composite<P>) each_input(p.first, f), each_input(p.second, f);
  else if constexpr (negation<P>) each_input(p.inner, f);
  else if constexpr (made_of_operands<P>) each_input(p.left, f), each_input(p.right, f);
  else if constexpr (declares_input<P>) f(static_cast<argument>(p.reads()));
}

/// D of a token, on one lane or many.
template <class D, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V divergence_of(D const& d, token<V> const& t) noexcept {
  if constexpr (requires { d.at(t); }) return d.at(t);
  else return d.between(t.log_prob(), t.rollout_log_prob());
}
/// The weights of a response of T tokens, as a function of the position. A weight may offer `for_length(T)` to compute
/// once what does not depend on t.
template <class W>
CPPO_HOST_DEVICE constexpr auto schedule_for(W const& w, index_t length) noexcept {
  if constexpr (requires { w.for_length(length); }) return w.for_length(length);
  else return [w, length](auto t) { return w.at(t, length); };
}
/// True if the divergence can be evaluated on V.
template <class D, class V>
concept measures_on =
    requires(D const& d, token<V> const& t) { d.at(t); } || requires(D const& d, V x) { d.between(x, x); };
/// True if the divergence may ask for Top-K lists.
template <class D>
inline constexpr bool reads_lists = holds(lent_to<D>(), lent_inputs::top_k);
/// True if the divergence costs more than the rest of a token, or reads lists: executors with registers compute it in a
/// pass of its own. A divergence of yours says the first by `static constexpr bool is_costly = true;`.
template <class D>
inline constexpr bool measured_apart = reads_lists<D>;
template <class D>
  requires requires { requires D::is_costly; }
inline constexpr bool measured_apart<D> = true;

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
