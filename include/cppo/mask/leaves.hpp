/// @file
/// The leaves of a mask, which are the clauses it is combined from: how many of a kind there are, and which.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/combinators.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

template <class B>
concept source_of_budget = budget<std::remove_cvref_t<B>>;

/// True if every leaf of kind K keeps the token; true if there is none. Leaves under a negation are of kind `other`.
template <clause K, class M, class V>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto clauses_keep(M const& m, token<V> const& t) noexcept {
  if constexpr (composite<M>) return clauses_keep<K>(m.first, t) & clauses_keep<K>(m.second, t);
  else if constexpr (clause_of<M> == K) return m(t);
  else return V(0) <= V(0);  // equivalent: both hold in every lane
}

/// Finds leaves of kind K. Those under a negation are of kind `other`.
template <clause K>
struct of_kind {
  static constexpr bool under_negation = false;
  template <class M>
  static constexpr bool fits = clause_of<M> == K;
};
/// Finds the prefix budget, wherever it stands: its sums are needed under a negation too.
struct is_prefix_budget {
  static constexpr bool under_negation = true;
  template <class M>
  static constexpr bool fits = clause_of<M> == clause::budget && requires(M const& m) {
    { m.delta() } -> std::convertible_to<double>;
    { m.source() } -> source_of_budget;
  };
};
/// Finds leaves that bound Z_t by a number. A user's own clause of kind `divergence` need not have one.
struct divergence_threshold {
  static constexpr bool under_negation = false;
  template <class M>
  static constexpr bool fits =
      clause_of<M> == clause::divergence && requires(M const& m, token<mask_probe<M>> const& t) {
        m.threshold(t);
        { detail::ask_threshold(m, t) } -> std::same_as<mask_probe<M>>;
      };
};

/// A mask whose clauses are known at run time: any of the library's may be there.
template <class M>
concept open_to_clauses = requires { requires M::may_hold_any_clause; };

/// The number of leaves of a mask that `Find` finds.
template <class M, class Find>
consteval int leaves() {
  if constexpr (open_to_clauses<M>) return 1;
  else if constexpr (composite<M>)
    return leaves<typename M::first_type, Find>() + leaves<typename M::second_type, Find>();
  else if constexpr (negation<M> && Find::under_negation) return leaves<typename M::negated_type, Find>();
  else return Find::template fits<M> ? 1 : 0;
}
/// The number of leaves of kind K of a mask.
template <class M, clause K>
consteval int leaves() {
  return leaves<M, of_kind<K>>();
}

/// True if the mask holds a leaf of kind K.
template <clause K, class M>
CPPO_HOST_DEVICE constexpr bool holds_clause(M const& m) noexcept {
  if constexpr (open_to_clauses<M>) return m.has(K);
  else return leaves<M, K>() > 0;
}

/// True if a threshold of the mask masks nothing, where no D is above `largest`; or one of a mask in a surrogate.
template <class M>
constexpr bool out_of_reach(M const& m, double largest) noexcept {
  if constexpr (composite<M>) return out_of_reach(m.first, largest) || out_of_reach(m.second, largest);
  else if constexpr (negation<M>) return out_of_reach(m.inner, largest);
  else if constexpr (requires { m.out_of_reach(largest); }) return m.out_of_reach(largest);
  else if constexpr (made_of_operands<M>) return out_of_reach(m.left, largest) || out_of_reach(m.right, largest);
  else return false;
}

/// The leaf that `Find` finds. Pre: there is one.
template <class Find, class M>
CPPO_HOST_DEVICE constexpr auto const& leaf(M const& m) noexcept {
  if constexpr (composite<M>) {
    if constexpr (leaves<typename M::first_type, Find>() > 0) return leaf<Find>(m.first);
    else return leaf<Find>(m.second);
  } else if constexpr (negation<M>) {
    return leaf<Find>(m.inner);
  } else {
    static_assert(Find::template fits<M>);
    return m;
  }
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
