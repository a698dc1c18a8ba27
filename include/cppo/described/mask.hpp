/// @file
/// A mask whose clauses are data: the library's own, combined by &, | and !.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/steps.hpp>

#include <cstddef>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Whether a walk through the steps finds the excess too.
enum class with_excess : bool { no, yes };

/// What a walk through the steps of a mask finds out of N registers of tokens.
template <class V, std::size_t N>
struct walked_tokens {
  typename V::mask kept[N];         ///< kept
  typename V::mask clauses[5][N];   ///< by kind: kept by every clause that stands under no negation
  V excess[N];                      ///< how far beyond the boundary, where it is asked for
};

/// Masks and excesses that wait for an operator, of N registers each.
template <class V, std::size_t N, with_excess Excess>
struct waiting_masks {
  static constexpr bool far = Excess == with_excess::yes;
  typename V::mask kept[mask_steps::deepest][N];
  V excess[far ? mask_steps::deepest : 1][N];

  /// Combines the two masks at the top, or negates the one there. `top` is its place afterwards.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void combine(mask_step s, int top) noexcept {
    auto* const m = kept[top];
    V* const x = excess[far ? top : 0];
    CPPO_UNROLL(4)
    for (std::size_t u = 0; u < N; ++u) {
      auto const& n = kept[top + 1][u];
      m[u] = s == mask_step::both ? m[u] & n : s == mask_step::either ? m[u] | n : !m[u];
      if constexpr (far) {
        V const y = excess[top + 1][u];
        x[u] = s == mask_step::both     ? max(x[u], y)
               : s == mask_step::either ? min(x[u], y)
                                        : select(m[u], V(0), excess_limit<V>());
      }
    }
  }
  /// Sets the mask at the top to what a clause keeps. `rho`: that of the tokens.
  template <class Clause>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void set(Clause const& c, token<V> const* t, V const* rho,
                                                         int top) noexcept {
    CPPO_UNROLL(4)
    for (std::size_t u = 0; u < N; ++u) {
      if constexpr (std::is_same_v<Clause, ratio_within_t>) {
        kept[top][u] = c.holds(rho[u]);
        if constexpr (far) excess[top][u] = c.excess_of(rho[u]);
      } else {
        kept[top][u] = c(t[u]);
        if constexpr (far) excess[top][u] = excess_of(c, t[u]);
      }
    }
  }
};

}  // namespace detail

/// A mask as data: its clauses and operators in postfix order, which is the order in which they are evaluated. It keeps
/// what the mask written out keeps, and has its excess, bit for bit.
class described_mask : public detail::mask_steps {
 public:
  /// What some clause may ask for.
  static constexpr needs needed = needs::prefix_budget | needs::prefix_values | needs::response;
  static constexpr bool may_hold_any_clause = true;  ///< which it does hold is known at run time
  using with_excess = detail::with_excess;           ///< whether a walk finds the excess too
  template <class V, std::size_t N>
  using walked = detail::walked_tokens<V, N>;        ///< what a walk finds out

  /// True if the token is kept, evaluated at once. `budget`: has_budget(). Pre: `is_usual()`.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask keeps_usual(token<V> const& t,
                                                                                bool budget) const noexcept {
    auto kept = V(0) <= V(0);
    if (has(clause::ratio)) kept = kept & clauses_keep<clause::ratio>(t);
    if (has(clause::divergence)) kept = kept & clauses_keep<clause::divergence>(t);
    if (budget) kept = kept & t.within_prefix_budget();
    if (has(clause::response)) kept = kept & clauses_keep<clause::response>(t);
    if (has(clause::toward)) kept = kept | toward_rollout(t);
    return kept;
  }
  /// True if the token is kept.
  template <class V>
  CPPO_HOST_DEVICE constexpr typename V::mask operator()(token<V> const& t) const noexcept {
    walked<V, 1> w;
    walk<with_excess::no>(&t, w);
    return w.kept[0];
  }
  /// How far beyond its boundary the token is.
  template <class V>
  CPPO_HOST_DEVICE constexpr V excess(token<V> const& t) const noexcept {
    walked<V, 1> w;
    walk<with_excess::yes>(&t, w);
    return w.excess[0];
  }
  /// Decides N registers of tokens, step by step.
  template <with_excess Excess, class V, std::size_t N>
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr void walk(token<V> const* t, walked<V, N>& out) const noexcept {
    detail::waiting_masks<V, N, Excess> waiting;
    V rho[N];  // found once for all clauses that ask for it
    for (std::size_t u = 0; u < N; ++u) {
      rho[u] = t[u].ratio();
      for (auto& kind : out.clauses) kind[u] = V(0) <= V(0);
    }
    int top = -1;
    for (int k = 0; k < size(); ++k) {
      step const& s = (*this)[k];
      top += 1 - operands(s.what);
      if (operands(s.what) > 0) {
        waiting.combine(s.what, top);
        continue;
      }
      with_clause(s, [&](auto const& c) CPPO_INLINE_LAMBDA { waiting.set(c, t, rho, top); });
      if (clause const kind = kind_of(s.what); is_plain(k) && kind != clause::other) {
        auto* const all = out.clauses[static_cast<int>(kind)];
        for (std::size_t u = 0; u < N; ++u) all[u] = all[u] & waiting.kept[top][u];
      }
    }
    for (std::size_t u = 0; u < N; ++u) {
      out.kept[u] = waiting.kept[0][u];
      out.excess[u] = Excess == with_excess::yes ? waiting.excess[0][u] : V(0);
    }
  }
  /// True where the clause of kind K keeps the token, of which there is none or one under no negation.
  template <clause K, class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask clauses_keep(token<V> const& t) const noexcept {
    if (!has(K)) return V(0) <= V(0);
    step const& s = first_of(K);
    if constexpr (K == clause::toward) return toward_rollout(t);
    else if constexpr (K == clause::ratio) return ratio_within_t(s.low, s.high)(t);
    else if constexpr (K == clause::divergence) return divergence_within_t(s.low, s.high)(t);
    else if constexpr (K == clause::budget) return t.within_prefix_budget();
    else return response_keeps(s, t);
  }
  /// The threshold on Z_t. Pre: `has_one_threshold()`.
  template <class V>
  CPPO_HOST_DEVICE constexpr V threshold(token<V> const& t) const noexcept {
    step const& s = first_of(clause::divergence);
    return divergence_within_t(s.low, s.high).threshold(t);
  }

 private:
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr typename V::mask response_keeps(step const& s,
                                                                                       token<V> const& t) noexcept {
    if (s.what == mask_step::response_max_within) return response_max_within_t(s.low)(t);
    return response_mean_within_t(s.low)(t);
  }
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
