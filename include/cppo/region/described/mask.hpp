/// @file
/// A mask whose clauses are data: the library's own, combined by &, | and !.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/mask/leaves.hpp>
#include <cppo/mask/prefix_budget.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/response_within.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/region/described/budget.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// What a step of a described mask does: it pushes what a clause keeps, or combines what was pushed.
enum class mask_step : std::int32_t {
  keep_all, keep_none, toward_rollout, ratio_within, divergence_within, prefix_budget, response_max_within,
  response_mean_within, both, either, negated,
};

/// A mask as data: its clauses and operators in postfix order, which is the order in which they are evaluated. It keeps
/// what the mask written out keeps, and has its excess, bit for bit.
///
class described_mask {
 public:
  static constexpr int capacity = 32;  ///< clauses and operators
  /// What some clause may ask for.
  static constexpr needs needed = needs::prefix_budget | needs::prefix_values | needs::response;
  static constexpr bool may_hold_any_clause = true;  ///< which it does hold is known at run time
  /// A clause or an operator. `low` and `high` are the clause's numbers; one that takes a single number has it twice.
  struct step {
    mask_step what = mask_step::keep_all;
    double low = 0.0, high = 0.0;
    /// True if all members are equal.
    friend constexpr bool operator==(step const&, step const&) noexcept = default;
  };

  /// A mask without clauses: add them by `append`.
  constexpr described_mask() noexcept = default;
  /// Appends a step. False if there is no room, no operand for an operator, or a second prefix budget: the mask is as
  /// before.
  constexpr bool append(step s) noexcept {
    int const taken = operands(s.what);
    if (size_ == capacity || taken > depth_) return false;
    if (s.what == mask_step::prefix_budget && has_budget()) return false;
    steps_[size_++] = s;
    depth_ += 1 - taken;
    classify();
    return true;
  }
  /// True if the steps leave exactly one mask.
  constexpr bool complete() const noexcept { return depth_ == 1; }
  /// Number of steps.
  CPPO_HOST_DEVICE constexpr int size() const noexcept { return size_; }
  /// Step k, in postfix order.
  CPPO_HOST_DEVICE constexpr step const& operator[](int k) const noexcept { return steps_[k]; }
  /// The number of masks that a step combines.
  CPPO_HOST_DEVICE static constexpr int operands(mask_step s) noexcept {
    return s == mask_step::both || s == mask_step::either ? 2 : s == mask_step::negated ? 1 : 0;
  }
  /// True if there is a prefix budget, negated or not.
  CPPO_HOST_DEVICE constexpr bool has_budget() const noexcept { return budget_ >= 0; }
  /// The initial slack of the prefix budget; 0 without one.
  CPPO_HOST_DEVICE constexpr double slack() const noexcept { return has_budget() ? steps_[budget_].low : 0.0; }
  /// True if a clause of this kind stands under no negation.
  CPPO_HOST_DEVICE constexpr bool has(clause k) const noexcept { return of_kind(k).count > 0; }
  /// True if a clause decides by the maximum or the mean of D over a response, negated or not.
  constexpr bool asks_for_response() const noexcept {
    for (int k = 0; k < size_; ++k) {
      if (kind_of(steps_[k].what) == clause::response) return true;
    }
    return false;
  }
  /// Checks the numbers of every clause, from left to right. `source` is what gives delta_b.
  CPPO_HOST_DEVICE constexpr parameter_check check(described_budget const& source) const noexcept {
    for (int k = 0; k < size_; ++k) {
      parameter_check const p = check(steps_[k], source);
      if (!p) return p;
    }
    return true;
  }
  /// True if a threshold masks nothing, where no D is above `largest`.
  constexpr bool out_of_reach(double largest) const noexcept {
    for (int k = 0; k < size_; ++k) {
      step const& s = steps_[k];
      bool const bounds = kind_of(s.what) == clause::divergence || kind_of(s.what) == clause::response;
      if (bounds && (s.low >= largest || s.high >= largest)) return true;
    }
    return false;
  }

  /// True if the mask has a usual shape: `toward_rollout |` at most one clause of each other kind, under &; or the same
  /// without `toward_rollout`.
  CPPO_HOST_DEVICE constexpr bool is_usual() const noexcept { return usual_; }
  /// True if the token is kept, evaluated at once. Pre: `is_usual()`.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask keeps_usual(token<V> const& t) const noexcept {
    auto kept = V(0) <= V(0);
    if (ratio_.count > 0) kept = kept & clauses_keep<clause::ratio>(t);
    if (divergence_.count > 0) kept = kept & clauses_keep<clause::divergence>(t);
    if (budget_ >= 0) kept = kept & t.within_prefix_budget();
    if (response_.count > 0) kept = kept & clauses_keep<clause::response>(t);
    if (toward_.count > 0) kept = kept | toward_rollout(t);
    return kept;
  }
  /// True if the token is kept, step by step.
  template <class V>
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr typename V::mask operator()(token<V> const& t) const noexcept {
    typename V::mask stack[capacity / 2 + 1];
    int top = 0;
    for (int k = 0; k < size_; ++k) {
      step const& s = steps_[k];
      top += 1 - operands(s.what);
      typename V::mask& m = stack[top - 1];
      switch (s.what) {
        case mask_step::both: m = m & stack[top]; break;
        case mask_step::either: m = m | stack[top]; break;
        case mask_step::negated: m = !m; break;
        default: m = leaf(s, t);
      }
    }
    return stack[0];
  }
  /// How far beyond its boundary the token is.
  template <class V>
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr V excess(token<V> const& t) const noexcept {
    V stack[capacity / 2 + 1];
    typename V::mask kept[capacity / 2 + 1];
    int top = 0;
    for (int k = 0; k < size_; ++k) {
      step const& s = steps_[k];
      top += 1 - operands(s.what);
      V& x = stack[top - 1];
      typename V::mask& m = kept[top - 1];
      switch (s.what) {
        case mask_step::both: m = m & kept[top], x = max(x, stack[top]); break;
        case mask_step::either: m = m | kept[top], x = min(x, stack[top]); break;
        case mask_step::negated: m = !m, x = select(m, V(0), detail::excess_limit<V>()); break;
        default: m = leaf(s, t), x = leaf_excess(s, t, m);
      }
    }
    return stack[0];
  }
  /// True where the clause of kind K keeps the token, of which there is none or one under no negation.
  template <clause K, class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask clauses_keep(token<V> const& t) const noexcept {
    group const& g = of_kind(K);
    if (g.count == 0) return V(0) <= V(0);
    step const& s = at(g);
    if constexpr (K == clause::toward) return toward_rollout(t);
    else if constexpr (K == clause::ratio) return ratio_within_t(s.low, s.high)(t);
    else if constexpr (K == clause::divergence) return divergence_within_t(s.low, s.high)(t);
    else if constexpr (K == clause::budget) return t.within_prefix_budget();
    else return response_keeps(s, t);
  }
  /// True where every clause of a kind keeps the token; those under a negation are of none.
  template <class V>
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr typename V::mask all_keep(clause kind, token<V> const& t) const noexcept {
    auto kept = V(0) <= V(0);
    for (int k = 0; k < size_; ++k) {
      if (plain_[k] && kind_of(steps_[k].what) == kind) kept = kept & leaf(steps_[k], t);
    }
    return kept;
  }
  /// True if there is one threshold on Z_t, under no negation.
  CPPO_HOST_DEVICE constexpr bool has_one_threshold() const noexcept { return divergence_.count == 1; }
  /// The threshold on Z_t. Pre: `has_one_threshold()`.
  template <class V>
  CPPO_HOST_DEVICE constexpr V threshold(token<V> const& t) const noexcept {
    return divergence_within_t(at(divergence_).low, at(divergence_).high).threshold(t);
  }
  /// True if both masks are made of the same steps.
  friend constexpr bool operator==(described_mask const& a, described_mask const& b) noexcept {
    bool same = a.size_ == b.size_;
    for (int k = 0; same && k < a.size_; ++k) same = a.steps_[k] == b.steps_[k];
    return same;
  }

 private:
  /// The clauses of one kind that stand under no negation.
  struct group {
    int count = 0, first = 0;
  };

  CPPO_HOST_DEVICE static constexpr clause kind_of(mask_step s) noexcept {
    switch (s) {
      case mask_step::toward_rollout: return clause::toward;
      case mask_step::ratio_within: return clause::ratio;
      case mask_step::divergence_within: return clause::divergence;
      case mask_step::prefix_budget: return clause::budget;
      case mask_step::response_max_within:
      case mask_step::response_mean_within: return clause::response;
      default: return clause::other;
    }
  }
  CPPO_HOST_DEVICE static constexpr parameter_check check(step const& s, described_budget const& source) noexcept {
    switch (s.what) {
      case mask_step::ratio_within: return ratio_within_t(s.low, s.high).check();
      case mask_step::divergence_within: return divergence_within_t(s.low, s.high).check();
      case mask_step::prefix_budget: return prefix_budget_t<described_budget>(s.low, source).check();
      case mask_step::response_max_within: return response_max_within_t(s.low).check();
      case mask_step::response_mean_within: return response_mean_within_t(s.low).check();
      default: return true;
    }
  }
  CPPO_HOST_DEVICE constexpr group const& of_kind(clause k) const noexcept {
    switch (k) {
      case clause::toward: return toward_;
      case clause::ratio: return ratio_;
      case clause::divergence: return divergence_;
      case clause::budget: return plain_budget_;
      case clause::response: return response_;
      default: return none_;
    }
  }
  CPPO_HOST_DEVICE constexpr step const& at(group const& g) const noexcept { return steps_[g.first]; }

  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr typename V::mask leaf(step const& s,
                                                                             token<V> const& t) noexcept {
    switch (s.what) {
      case mask_step::toward_rollout: return toward_rollout(t);
      case mask_step::ratio_within: return ratio_within_t(s.low, s.high)(t);
      case mask_step::divergence_within: return divergence_within_t(s.low, s.high)(t);
      case mask_step::prefix_budget: return t.within_prefix_budget();
      case mask_step::response_max_within: return response_max_within_t(s.low)(t);
      case mask_step::response_mean_within: return response_mean_within_t(s.low)(t);
      case mask_step::keep_none: return V(0) < V(0);
      default: return V(0) <= V(0);
    }
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr typename V::mask response_keeps(step const& s,
                                                                                       token<V> const& t) noexcept {
    if (s.what == mask_step::response_max_within) return response_max_within_t(s.low)(t);
    return response_mean_within_t(s.low)(t);
  }
  /// The excess of a clause that keeps the tokens of `kept`.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V leaf_excess(step const& s, token<V> const& t,
                                                                     typename V::mask kept) noexcept {
    switch (s.what) {
      case mask_step::ratio_within: return ratio_within_t(s.low, s.high).excess(t);
      case mask_step::divergence_within: return divergence_within_t(s.low, s.high).excess(t);
      case mask_step::prefix_budget: return prefix_budget_t<described_budget>(s.low, {}).excess(t);
      case mask_step::response_max_within: return response_max_within_t(s.low).excess(t);
      case mask_step::response_mean_within: return response_mean_within_t(s.low).excess(t);
      default: return select(kept, V(0), detail::excess_limit<V>());
    }
  }
  /// Finds, from the steps, everything else that is kept here.
  constexpr void classify() noexcept {
    shape stack[capacity + 1] = {};
    int top = 0;
    toward_ = ratio_ = divergence_ = plain_budget_ = response_ = {};
    budget_ = -1;
    for (int k = 0; k < size_; ++k) {
      mask_step const s = steps_[k].what;
      plain_[k] = true;
      if (s == mask_step::prefix_budget) budget_ = k;
      top += 1 - operands(s);
      shape& x = stack[top - 1];
      if (operands(s) == 2) x = combined(s, x, stack[top]);
      else if (operands(s) == 0) x = {k, s == mask_step::toward_rollout, is_conjunct(s), false};
      else x = {x.first}, leave_out(x.first, k);
    }
    for (int k = 0; k < size_; ++k) enter(k);
    bool const single = toward_.count <= 1 && ratio_.count <= 1 && divergence_.count <= 1 && response_.count <= 1;
    usual_ = top == 1 && (stack[0].conjunction || stack[0].whole) && single;
  }
  /// What the steps of an operand are: its first step, and whether it is `toward_rollout`, a conjunction of other
  /// clauses, or the first | the second.
  struct shape {
    int first = 0;
    bool toward = false, conjunction = false, whole = false;
  };
  static constexpr bool is_conjunct(mask_step s) noexcept {
    return s != mask_step::toward_rollout && s != mask_step::keep_none;
  }
  static constexpr shape combined(mask_step s, shape const& x, shape const& y) noexcept {
    bool const either = s == mask_step::either;
    return {x.first, false, !either && x.conjunction && y.conjunction,
            either && ((x.toward && y.conjunction) || (x.conjunction && y.toward))};
  }
  constexpr void leave_out(int first, int last) noexcept {
    for (int k = first; k <= last; ++k) plain_[k] = false;
  }
  constexpr void enter(int k) noexcept {
    if (!plain_[k]) return;
    switch (kind_of(steps_[k].what)) {
      case clause::toward: return count(toward_, k);
      case clause::ratio: return count(ratio_, k);
      case clause::divergence: return count(divergence_, k);
      case clause::budget: return count(plain_budget_, k);
      case clause::response: return count(response_, k);
      default: return;
    }
  }
  static constexpr void count(group& g, int k) noexcept {
    if (g.count++ == 0) g.first = k;
  }

  step steps_[capacity] = {};
  bool plain_[capacity] = {};  ///< under no negation
  int size_ = 0, depth_ = 0, budget_ = -1;
  group toward_, ratio_, divergence_, plain_budget_, response_, none_;
  bool usual_ = false;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
