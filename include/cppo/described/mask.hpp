/// @file
/// A mask whose clauses are data: the library's own, combined by &, | and !.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/steps.hpp>

#include <cstddef>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Whether a walk through the steps finds the excess too.
enum class with_excess : bool { no, yes };

/// One token, as a walk through the steps of a mask asks about it. A group of registers offers the same; what its
/// clauses keep are the bits of a word.
template <class V>
struct asked_token {
  using truth = typename V::mask;  ///< what a clause keeps
  using number = V;                ///< how far beyond a boundary
  token<V> const& t;

  CPPO_HOST_DEVICE static constexpr truth always() noexcept { return V(0) <= V(0); }
  template <class Clause>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr truth keeps(Clause const& c) const noexcept { return c(t); }
  template <class Clause>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr number excess(Clause const& c) const noexcept {
    return excess_of(c, t);
  }
  /// The excess under a mask that has none of its own.
  CPPO_HOST_DEVICE static constexpr number excess_unless(truth kept) noexcept {
    return select(kept, V(0), excess_limit<V>());
  }
};

/// What a walk through the steps of a mask finds out.
template <class Asked>
struct walked_steps {
  typename Asked::truth kept;        ///< kept
  typename Asked::truth clauses[6];  ///< by kind: kept by every clause that stands under no negation
  typename Asked::number excess;     ///< how far beyond the boundary, where it is asked for
};

/// What waits for an operator in such a walk.
template <class Asked, with_excess Excess>
struct waiting_masks {
  static constexpr bool far = Excess == with_excess::yes;
  typename Asked::truth kept[mask_steps::deepest];
  typename Asked::number excess[far ? mask_steps::deepest : 1];
  int top = -1;
  template <class Clause>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void push(Asked const& tokens, Clause const& c) noexcept {
    kept[++top] = tokens.keeps(c);
    if constexpr (far) excess[top] = tokens.excess(c);
  }
  /// Combines the two masks at the top, or negates the one there.
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void combine(mask_step s) noexcept {
    if (s == mask_step::negated) {
      kept[top] = !kept[top];
      if constexpr (far) excess[top] = Asked::excess_unless(kept[top]);
      return;
    }
    --top;
    kept[top] = s == mask_step::both ? kept[top] & kept[top + 1] : kept[top] | kept[top + 1];
    if constexpr (far) {
      auto &x = excess[top], &y = excess[top + 1];
      if (s == mask_step::both) x = max(x, y);
      else x = min(x, y);
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

  /// True if both are the same steps.
  friend constexpr bool operator==(described_mask const&, described_mask const&) noexcept = default;
  /// True if the token is kept, evaluated at once. Pre: `is_usual()`, and there is no prefix budget.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask keeps_usual(token<V> const& t) const noexcept {
    auto kept = V(0) <= V(0);
    if (has(clause::ratio)) kept = kept & clauses_keep<clause::ratio>(t);
    if (has(clause::divergence)) kept = kept & clauses_keep<clause::divergence>(t);
    if (has(clause::response)) kept = kept & clauses_keep<clause::response>(t);
    if (has(clause::toward)) kept = kept | toward_rollout_t{}(t);
    return kept;
  }
  /// True if the token is kept.
  template <class V>
  CPPO_HOST_DEVICE constexpr typename V::mask operator()(token<V> const& t) const noexcept {
    return walk<with_excess::no>(detail::asked_token<V>{t}).kept;
  }
  /// How far beyond its boundary the token is.
  template <class V>
  CPPO_HOST_DEVICE constexpr V excess(token<V> const& t) const noexcept {
    return walk<with_excess::yes>(detail::asked_token<V>{t}).excess;
  }
  /// Decides tokens, step by step.
  template <with_excess Excess, class Asked>
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr detail::walked_steps<Asked> walk(Asked const& tokens) const noexcept {
    detail::waiting_masks<Asked, Excess> waiting;
    detail::walked_steps<Asked> out;
    for (auto& all : out.clauses) all = Asked::always();
    for (int k = 0; k < size(); ++k) {
      step const& s = (*this)[k];
      if (operands(s.what) > 0) {
        waiting.combine(s.what);
        continue;
      }
      with_clause(s, [&](auto const& c) CPPO_INLINE_LAMBDA { waiting.push(tokens, c); });
      auto& all = out.clauses[static_cast<int>(counted_as(k))];
      all = all & waiting.kept[waiting.top];
    }
    out.kept = waiting.kept[0];
    if constexpr (Excess == with_excess::yes) out.excess = waiting.excess[0];
    return out;
  }
  /// True if `Asked` knows every clause there is.
  template <class Asked>
  static constexpr bool is_answered_by = [] {
    bool all = true;
    for (int k = 0; k < static_cast<int>(mask_step::both); ++k) {
      with_clause({static_cast<mask_step>(k), 1.0, 1.0}, [&](auto const& c) CPPO_INLINE_LAMBDA {
        all = all && Asked::template knows<std::remove_cvref_t<decltype(c)>>;
      });
    }
    return all;
  }();
  /// True where the clause of kind K keeps the token, of which there is none or one under no negation. Pre: there is no
  /// prefix budget.
  template <clause K, class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask clauses_keep(token<V> const& t) const noexcept {
    if (!has(K)) return V(0) <= V(0);
    step const& s = first_of(K);
    if constexpr (K == clause::toward) return toward_rollout_t{}(t);
    else if constexpr (K == clause::ratio) return ratio_within_t(s.low, s.high)(t);
    else if constexpr (K == clause::divergence) return divergence_within_t(s.low, s.high)(t);
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
