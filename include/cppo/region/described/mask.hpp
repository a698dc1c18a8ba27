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
  /// True if the token is kept, evaluated at once. `budget`: has_budget(). Pre: `is_usual()`.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask keeps_usual(token<V> const& t,
                                                                                bool budget) const noexcept {
    auto kept = V(0) <= V(0);
    if (ratio_.count > 0) kept = kept & clauses_keep<clause::ratio>(t);
    if (divergence_.count > 0) kept = kept & clauses_keep<clause::divergence>(t);
    if (budget) kept = kept & t.within_prefix_budget();
    if (response_.count > 0) kept = kept & clauses_keep<clause::response>(t);
    if (toward_.count > 0) kept = kept | toward_rollout(t);
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
  /// What a walk through the steps finds out.
  enum class with_excess : bool { no, yes };
  template <class V, int N>
  struct walked {
    typename V::mask kept[N];         ///< kept
    typename V::mask clauses[5][N];   ///< by kind: kept by every clause that stands under no negation
    V excess[N];                      ///< how far beyond the boundary, where it is asked for
  };
  /// Decides N registers of tokens, step by step.
  template <with_excess Excess, class V, int N>
  CPPO_HOST_DEVICE CPPO_SELDOM constexpr void walk(token<V> const* t, walked<V, N>& out) const noexcept {
    constexpr bool far = Excess == with_excess::yes;
    for (auto& kind : out.clauses) {
      for (auto& kept : kind) kept = V(0) <= V(0);
    }
    V ratio[N];  // found once for all clauses that ask for it
    for (int u = 0; u < N; ++u) ratio[u] = t[u].ratio();
    typename V::mask kept[capacity / 2 + 1][N];
    V excess[far ? capacity / 2 + 1 : 1][N];
    int top = 0;
    for (int k = 0; k < size_; ++k) {
      step const& s = steps_[k];
      top += 1 - operands(s.what);
      auto* const m = kept[top - 1];
      V* const x = excess[far ? top - 1 : 0];
      if (operands(s.what) > 0) {
        combine<V, N, far>(s.what, m, kept[top], x, excess[far ? top : 0]);
        continue;
      }
      if (s.what == mask_step::ratio_within) {
        ratio_within_t const within(s.low, s.high);
        CPPO_UNROLL(4)
        for (int u = 0; u < N; ++u) {
          m[u] = within.holds(ratio[u]);
          if constexpr (far) x[u] = within.excess_of(ratio[u]);
        }
      } else {
        each_leaf(s, [&](auto const& leaf) CPPO_INLINE_LAMBDA {
          CPPO_UNROLL(4)
          for (int u = 0; u < N; ++u) {
            m[u] = leaf(t[u]);
            if constexpr (far) x[u] = excess_of_clause(leaf, t[u], m[u]);
          }
        });
      }
      if (clause const kind = kind_of(s.what); plain_[k] && kind != clause::other) {
        auto* const all = out.clauses[static_cast<int>(kind)];
        CPPO_UNROLL(4)
        for (int u = 0; u < N; ++u) all[u] = all[u] & m[u];
      }
    }
    for (int u = 0; u < N; ++u) out.kept[u] = kept[0][u];
    if constexpr (far) for (int u = 0; u < N; ++u) out.excess[u] = excess[0][u];
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

  /// f(clause) for what a step is, but for `ratio_within`.
  template <class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr void each_leaf(step const& s, F const& f) noexcept {
    switch (s.what) {
      case mask_step::toward_rollout: return f(toward_rollout);
      case mask_step::divergence_within: return f(divergence_within_t(s.low, s.high));
      case mask_step::prefix_budget: return f(prefix_budget_t<described_budget>(s.low, {}));
      case mask_step::response_max_within: return f(response_max_within_t(s.low));
      case mask_step::response_mean_within: return f(response_mean_within_t(s.low));
      case mask_step::keep_none: return f(keep_none);
      default: return f(keep_all);
    }
  }
  template <class M, class V, class Kept>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V excess_of_clause(M const& m, token<V> const& t,
                                                                          Kept kept) noexcept {
    if constexpr (detail::has_excess<M, V>) return m.excess(t);
    else return select(kept, V(0), detail::excess_limit<V>());
  }
  /// Combines the masks and excesses of two operands into the first, or negates one.
  template <class V, int N, bool Far>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr void combine(mask_step s, typename V::mask* m,
                                                                    typename V::mask const* n, V* x,
                                                                    V const* y) noexcept {
    CPPO_UNROLL(4)
    for (int u = 0; u < N; ++u) {
      m[u] = s == mask_step::both ? m[u] & n[u] : s == mask_step::either ? m[u] | n[u] : !m[u];
      if constexpr (Far) {
        x[u] = s == mask_step::both     ? max(x[u], y[u])
               : s == mask_step::either ? min(x[u], y[u])
                                        : select(m[u], V(0), detail::excess_limit<V>());
      }
    }
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr typename V::mask response_keeps(step const& s,
                                                                                       token<V> const& t) noexcept {
    if (s.what == mask_step::response_max_within) return response_max_within_t(s.low)(t);
    return response_mean_within_t(s.low)(t);
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
