/// @file
/// The steps of a mask that is data, and what is known of them before a token is seen.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/budget.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/leaves.hpp>
#include <cppo/mask/prefix_budget.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/response_within.hpp>
#include <cppo/mask/toward_rollout.hpp>

#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

/// What a step of a described mask does: it pushes what a clause keeps, or combines what was pushed.
enum class mask_step : std::int32_t {
  keep_all, keep_none, toward_rollout, ratio_within, divergence_within, prefix_budget, response_max_within,
  response_mean_within, both, either, negated,
};

namespace detail {

/// The names of the clauses, by step. `to_text` writes them, and the table reads them.
constexpr std::string_view name_of(mask_step s) noexcept {
  switch (s) {
    case mask_step::keep_all: return "keep_all";
    case mask_step::keep_none: return "keep_none";
    case mask_step::toward_rollout: return "toward_rollout";
    case mask_step::ratio_within: return "ratio_within";
    case mask_step::divergence_within: return "divergence_within";
    case mask_step::prefix_budget: return "prefix_budget";
    case mask_step::response_max_within: return "response_max_within";
    case mask_step::response_mean_within: return "response_mean_within";
    case mask_step::both: return "all_of";
    case mask_step::either: return "any_of";
    case mask_step::negated: return "none_of";
  }
  return {};
}

/// The steps of a mask in postfix order, and their clauses by kind.
class mask_steps {
 public:
  static constexpr int capacity = 32;  ///< clauses and operators
  static constexpr int deepest = capacity / 2 + 1;  ///< masks that wait for an operator, one more than there can be
  /// A clause or an operator. `low` and `high` are the clause's numbers; one that takes a single number has it twice.
  struct step {
    mask_step what = mask_step::keep_all;
    double low = 0.0, high = 0.0;
    /// True if all members are equal.
    friend constexpr bool operator==(step const&, step const&) noexcept = default;
  };

  /// Appends a step. False if there is no room, no operand for an operator, or a second prefix budget: the steps are
  /// as before.
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
  CPPO_HOST_DEVICE constexpr bool complete() const noexcept { return depth_ == 1; }
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
  CPPO_HOST_DEVICE constexpr bool asks_for_response() const noexcept {
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
  /// True if a threshold masks nothing, where no D is above `largest`. `source` is what gives delta_b.
  constexpr bool out_of_reach(double largest, described_budget const& source) const noexcept {
    if (has_budget() && source.out_of_reach(largest)) return true;
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
  /// True if there is one threshold on Z_t, under no negation.
  CPPO_HOST_DEVICE constexpr bool has_one_threshold() const noexcept { return of_kind(clause::divergence).count == 1; }
  /// True if both are the same steps.
  friend constexpr bool operator==(mask_steps const& a, mask_steps const& b) noexcept {
    bool same = a.size_ == b.size_;
    for (int k = 0; same && k < a.size_; ++k) same = a.steps_[k] == b.steps_[k];
    return same;
  }

 protected:
  /// The clauses of one kind that stand under no negation.
  struct group {
    int count = 0, first = 0;
  };
  CPPO_HOST_DEVICE constexpr group const& of_kind(clause k) const noexcept { return groups_[static_cast<int>(k)]; }
  /// The first clause of a kind that stands under no negation. Pre: there is one.
  CPPO_HOST_DEVICE constexpr step const& first_of(clause k) const noexcept { return steps_[of_kind(k).first]; }
  /// The kind under which clause k is counted: `other` under a negation.
  CPPO_HOST_DEVICE constexpr clause counted_as(int k) const noexcept { return counted_[k]; }
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

  /// f(clause) for what a step is.
  template <class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr void with_clause(step const& s, F const& f) noexcept {
    switch (s.what) {
      case mask_step::toward_rollout: return f(toward_rollout_t{});
      case mask_step::ratio_within: return f(ratio_within_t(s.low, s.high));
      case mask_step::divergence_within: return f(divergence_within_t(s.low, s.high));
      case mask_step::prefix_budget: return f(prefix_budget_t<described_budget>(s.low, {}));
      case mask_step::response_max_within: return f(response_max_within_t(s.low));
      case mask_step::response_mean_within: return f(response_mean_within_t(s.low));
      case mask_step::keep_none: return f(keep_none_t{});
      default: return f(keep_all_t{});
    }
  }

 private:
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
  /// Finds, from the steps, everything else that is kept here.
  CPPO_SELDOM constexpr void classify() noexcept {
    shape stack[capacity + 1] = {};
    int top = 0;
    for (group& g : groups_) g = {};
    budget_ = -1;
    for (int k = 0; k < size_; ++k) {
      mask_step const s = steps_[k].what;
      counted_[k] = kind_of(s);
      if (s == mask_step::prefix_budget) budget_ = k;
      top += 1 - operands(s);
      shape& x = stack[top - 1];
      if (operands(s) == 2) x = combined(s, x, stack[top]);
      else if (operands(s) == 0) x = {k, s == mask_step::toward_rollout, is_conjunct(s), false};
      else x = {x.first}, leave_out(x.first, k);
    }
    bool single = true;
    for (int k = 0; k < size_; ++k) {
      group& g = groups_[static_cast<int>(counted_[k])];
      if (g.count++ == 0) g.first = k;
      single = single && (g.count == 1 || counted_[k] == clause::other);
    }
    usual_ = top == 1 && (stack[0].conjunction || stack[0].whole) && single;
  }
  /// What the steps of an operand are: its first step, and whether it is `toward_rollout`, a conjunction of other
  /// clauses, or the first | the second.
  struct shape {
    int first = 0;
    bool toward = false, conjunction = false, whole = false;
  };
  static constexpr bool is_conjunct(mask_step s) noexcept {
    return s == mask_step::keep_all || (kind_of(s) != clause::other && s != mask_step::toward_rollout);
  }
  static constexpr shape combined(mask_step s, shape const& x, shape const& y) noexcept {
    bool const either = s == mask_step::either;
    return {x.first, false, !either && x.conjunction && y.conjunction,
            either && ((x.toward && y.conjunction) || (x.conjunction && y.toward))};
  }
  constexpr void leave_out(int first, int last) noexcept {
    for (int k = first; k <= last; ++k) counted_[k] = clause::other;
  }

  step steps_[capacity] = {};
  clause counted_[capacity] = {};  ///< the kind, `other` under a negation
  int size_ = 0, depth_ = 0, budget_ = -1;
  group groups_[6] = {};  ///< by kind
  bool usual_ = false;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
