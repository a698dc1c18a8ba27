/// @file
/// A rule as data: a trust region, its loss and its penalty, made of the library's own parts. One type for all of them.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/region.hpp>
#include <cppo/described_rule/checks.hpp>
#include <cppo/described_rule/clauses.hpp>
#include <cppo/described_rule/fold.hpp>
#include <cppo/described_rule/writer.hpp>
#include <cppo/described_rule/written.hpp>

namespace cppo { inline namespace CPPO_ABI {

class described_rule;

/// A rule as data: it decides, weighs, differentiates and reports what the composition written out does, bit for bit,
/// on every executor. Trivially copyable: it holds no pointer, and is a kernel's argument.
///
/// `parse_rule(text)` makes one of text, `to_text(rule)` writes it, and it can be made of any region, with its loss and
/// penalty, that consists of the library's own parts. It holds up to 128 nodes, 32 numbers and 16 folds, at most 3 of
/// them one inside the other.
///
/// A call that runs it needs <cppo/rules.hpp> too, for the folds.
class described_rule {
 public:
  using divergence_type = named_divergence;         ///< any that has a name
  using weight_type = described_weight;             ///< uniform or linear, in any order
  using mask_type = detail::rule_clauses;           ///< the library's clauses, comparisons among them
  using gate_type = described_gate;                 ///< hard or reciprocal
  using surrogate_type = detail::rule_loss;         ///< the loss of a token that is kept
  using penalty_type = detail::rule_loss;           ///< the loss of every token, kept or not
  static constexpr bool is_soft = true;             ///< its gate may be soft
  static constexpr bool walks_together = true;      ///< on registers: nodes are looked at once for a group
  static constexpr bool has_prefix_budget = true;   ///< its mask may hold a prefix budget
  static constexpr bool has_own_surrogate = true;   ///< see `owns_surrogate`
  static constexpr int folds = detail::rule_program::most_folds;  ///< values of folds that it may have
  static constexpr int fold_levels = 1;             ///< of the type; the value is turned from level to level
  /// What some rule of this type needs.
  static constexpr needs needed =
      needs::prefix_budget | needs::prefix_values | needs::response | needs::quantile;

  /// Keeps every token, with the loss -A rho.
  constexpr described_rule() noexcept : described_rule(described_region()) {}
  /// The same rule as data. It must consist of the library's own parts, and fit: see `fits`.
  template <class D, class W, class M, class G, class S, class P>
  explicit constexpr described_rule(region<D, W, M, G, S, P> const& r) noexcept {
    detail::rule_draft draft;
    draft.take(r);
    *this = described_rule(draft);
  }
  /// A described region as a rule.
  explicit constexpr described_rule(described_region const& r) noexcept {
    detail::rule_draft draft;
    draft.take(r);
    *this = described_rule(draft);
  }
  /// What was put together.
  explicit constexpr described_rule(detail::rule_draft const& d) noexcept
      : divergence_(d.divergence), weight_(d.weight), budget_(d.budget), gate_(d.gate),
        reports_only_(d.reports_only) {
    detail::rule_writer writer(d, program_);
    fits_ = writer.write();
    if (!program_.holds(detail::rule_op::prefix_budget)) budget_ = {};
    mask_ = mask_type(program_);
    asks_ = detail::needs_of_rule(program_, budget_, gate_);
  }

  CPPO_HOST_DEVICE constexpr named_divergence const& divergence() const noexcept { return divergence_; }  ///< D
  CPPO_HOST_DEVICE constexpr described_weight const& weight() const noexcept { return weight_; }  ///< weight schedule
  CPPO_HOST_DEVICE constexpr mask_type const& mask() const noexcept { return mask_; }              ///< its clauses
  CPPO_HOST_DEVICE constexpr described_gate const& gate() const noexcept { return gate_; }        ///< gate
  CPPO_HOST_DEVICE constexpr described_budget const& budget() const noexcept { return budget_; }  ///< gives delta_b
  /// The loss of a token that is kept. It refers to this rule.
  CPPO_HOST_DEVICE constexpr surrogate_type surrogate() const noexcept { return {&program_, program_.loss}; }
  /// The loss of every token. It refers to this rule.
  CPPO_HOST_DEVICE constexpr penalty_type penalty() const noexcept { return {&program_, program_.penalty}; }
  /// What it computes.
  CPPO_HOST_DEVICE constexpr detail::rule_program const& program() const noexcept { return program_; }
  /// The same rule, of whose mask a part is the mask.
  constexpr described_rule with_mask(detail::rule_part const& part) const noexcept {
    described_rule r = *this;
    r.program_.mask = part;
    r.mask_ = mask_type(r.program_);
    return r;
  }
  /// True if the divergence is for the report alone.
  CPPO_HOST_DEVICE constexpr bool reports_only() const noexcept { return reports_only_; }
  /// True if all that it was made of fitted.
  CPPO_HOST_DEVICE constexpr bool fits() const noexcept { return fits_; }
  /// True if the loss is another than -A rho M, which `loss_options::surrogate` describes.
  CPPO_HOST_DEVICE constexpr bool owns_surrogate() const noexcept {
    return first_of(program_.loss) != detail::rule_op::ratio_loss || program_.loss.size > 1 || has_penalty();
  }
  /// True if there is a loss that neither mask nor gate touch.
  CPPO_HOST_DEVICE constexpr bool has_penalty() const noexcept {
    return first_of(program_.penalty) != detail::rule_op::nothing || program_.penalty.size > 1;
  }
  /// True if this rule needs one of `wanted`.
  CPPO_HOST_DEVICE constexpr bool asks_for(needs wanted) const noexcept {
    return any(asks_, wanted);
  }
  /// The first parameter out of range, in the order divergence, weight, budget, program.
  constexpr parameter_check check() const noexcept {
    parameter_check const room{fits_, "fits() of a described_rule", 0.0,
                               "1, which is at most 128 nodes, 32 numbers, and 16 folds in 3 levels: write the rule "
                               "out as a type"};
    bool const drifts = asks_for(needs_of_mask);
    parameter_check const sees{!(reports_only_ && drifts), "the mask of a described_rule with reports_only", 1.0,
                               "without sums, means and maxima of D: it sees no divergence"};
    return detail::first_fault({room, divergence_.check(), weight_.check(), budget_.check(),
                                detail::check_program(program_), sees});
  }

  /// The number of values of its folds, of their levels, and whether one takes more than a response.
  /// @{
  CPPO_HOST_DEVICE constexpr int values() const noexcept { return program_.fold_count; }
  CPPO_HOST_DEVICE constexpr int levels() const noexcept { return program_.levels(); }
  constexpr bool reads_batch() const noexcept { return program_.reads_batch(); }
  /// @}
  /// The level of folds that `each_value_at` and `each_state_at` call for, from 1.
  /// @{
  CPPO_HOST_DEVICE constexpr int turned_to() const noexcept { return level_; }
  CPPO_HOST_DEVICE constexpr void turn_to(int level) noexcept { level_ = static_cast<std::uint8_t>(level); }
  /// @}
  /// Calls f(fold) for each value of the folds of that level; for one of each state.
  /// @{
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <int, class F>
  CPPO_HOST_DEVICE constexpr void each_value_at(F const& f) const noexcept {
    for (int k = 0; k < program_.fold_count; ++k) {
      if (program_.folds[k].level == level_) detail::with_fold(program_, k, f);
    }
  }
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <int, class F>
  CPPO_HOST_DEVICE constexpr void each_state_at(F const& f) const noexcept {
    for (int k = 0; k < program_.fold_count; ++k) {
      if (program_.folds[k].level == level_ && program_.folds[k].opens) detail::with_fold(program_, k, f);
    }
  }
  /// @}
  /// How many numbers depend on the position alone; writes number k of them for the positions 1, 2, ..., `count`.
  /// @{
  constexpr int count_of_positions() const noexcept { return program_.of_position_count; }
  template <class V>
  void number_positions(int k, index_t count, typename V::value_type* out) const noexcept {
    detail::rule_quantity{&program_, program_.of_positions[k]}.template of_positions<V>(count, out);
  }
  /// @}
  /// True if what is folded at that level is the log ratio, whatever the statistics.
  constexpr bool folds_log_ratios() const noexcept { return program_.folds_log_ratios(level_); }

  /// True if the token is kept.
  template <class V>
  CPPO_HOST_DEVICE constexpr typename V::mask keeps(token<V> const& t) const noexcept {
    return where_seen(t, [this](token<V> const& s) {
      detail::rule_walk<V, detail::with_excess::no> walk(program_, &s, 1);
      walk.run_mask();
      return walk.kept(0);
    });
  }
  /// How far beyond its boundary the token is. [Eq. 19]
  template <class V>
  CPPO_HOST_DEVICE constexpr V excess(token<V> const& t) const noexcept {
    return where_seen(t, [this](token<V> const& s) {
      detail::rule_walk<V, detail::with_excess::yes> walk(program_, &s, 1);
      walk.run_mask();
      return walk.excess(0);
    });
  }
  /// The factor on the token's loss, where `kept` is what `keeps(t)` has returned.
  template <class V>
  CPPO_HOST_DEVICE constexpr V gate_value(token<V> const& t, typename V::mask kept) const noexcept {
    if (!gate_.is_soft()) return select(kept, V(1), V(0));
    V const x = excess(t);
    return select(kept, V(1), select(x < detail::excess_limit<V>(), gate_(x), V(0)));
  }
  /// delta_b of a response from its statistics, brought into [0, 1000]; NaN counts as 0. 0 without a prefix budget.
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve_budget(Statistics const& statistics) const noexcept {
    if (!mask_.has_budget()) return 0.0;
    double const b = budget_.resolve(statistics);
    return b > 0.0 ? (b < divergence_limit ? b : divergence_limit) : 0.0;
  }
  /// c_t: the smaller of the threshold on Z_t and of `room`; 1000 if there is neither. [Eq. 8]
  template <class V>
  CPPO_HOST_DEVICE constexpr V threshold(token<V> const& t, V room) const noexcept {
    V const c = mask_.has_budget() ? room : V(divergence_limit);
    if (!mask_.has_one_threshold()) return c;
    double const* const n = numbers_of(detail::rule_op::divergence_within);
    return min(c, divergence_within_t(n[0], n[1]).threshold(t));
  }
  /// Calls f(decision, mask of the tokens with that decision) for each decision that the mask can come to, given
  /// `keeps(t)`.
  template <class V, class F>
  CPPO_HOST_DEVICE constexpr void each_decision(token<V> const& t, typename V::mask kept, F const& f) const noexcept {
    where_seen(t, [&](token<V> const& s) {
      detail::rule_walk<V, detail::with_excess::no> walk(program_, &s, 1);
      if (mask_.has_any()) walk.run_mask();
      each_decision(walk, 0, kept, f);
    });
  }
  /// The same of token u of a walk through the mask.
  template <class V, class F>
  CPPO_HOST_DEVICE constexpr void each_decision(detail::rule_walk<V, detail::with_excess::no> const& walk, int u,
                                                typename V::mask kept, F const& f) const noexcept {
    if (!mask_.has_any()) return f(decision::masked_other, !kept), f(decision::kept, kept);
    auto const keeps = [&](auto k) CPPO_INLINE_LAMBDA { return walk.kept_by(k(), u); };
    detail::each_decision_by(mask_, keeps, kept, f);
  }
  /// A walk through the mask for `count` tokens, at most `walked_together<V>`.
  template <class V>
  CPPO_HOST_DEVICE constexpr auto walk(token<V> const* t, int count) const noexcept {
    return detail::rule_walk<V, detail::with_excess::no>(program_, t, count);
  }
  /// True if its mask keeps every token.
  CPPO_HOST_DEVICE constexpr bool keeps_all() const noexcept {
    return program_.mask.size == 1 && first_of(program_.mask) == detail::rule_op::keep_all;
  }
  /// The number of the token's `decision`, given `keeps(t)`.
  template <class V>
  CPPO_HOST_DEVICE constexpr V decided_by(token<V> const& t, typename V::mask kept) const noexcept {
    V code(0);
    each_decision(t, kept, [&code](decision d, auto taken) { code = select(taken, V(static_cast<int>(d)), code); });
    return code;
  }
  /// The initial slack delta of the prefix budget; 0 without one.
  CPPO_HOST_DEVICE constexpr double budget_slack() const noexcept {
    double const* const n = numbers_of(detail::rule_op::prefix_budget);
    return n != nullptr ? n[0] : 0.0;
  }
  /// The token as mask, gate and surrogate see it: without a divergence that is for the report alone.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr token<V> seen(token<V> const& t) const noexcept {
    token<V> as_seen = t;  // a large object: copied once
    if (reports_only_) [[unlikely]] as_seen.hide_divergence();
    return as_seen;
  }
  /// True if both are made of the same parts with the same numbers.
  friend constexpr bool operator==(described_rule const& a, described_rule const& b) noexcept {
    return a.divergence_ == b.divergence_ && a.weight_ == b.weight_ && a.budget_ == b.budget_ && a.gate_ == b.gate_ &&
           a.reports_only_ == b.reports_only_ && a.fits_ == b.fits_ && a.program_ == b.program_;
  }
  /// Calls f(argument) for each input that a part of the rule reads.
  template <class F>
  friend constexpr void each_input_of(described_rule const& r, F const& f) {
    detail::each_input(r.divergence(), f);
    detail::each_input_of_program(r.program_, f);
  }

 private:
  /// f(the token as `seen(t)` is), copied only if something is hidden.
  template <class V, class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr auto where_seen(token<V> const& t, F const& f) const {
    if (reports_only_) [[unlikely]] return f(seen(t));
    return f(t);
  }
  static constexpr needs needs_of_mask = needs::prefix_budget | needs::response;
  CPPO_HOST_DEVICE constexpr detail::rule_op first_of(detail::rule_part const& p) const noexcept {
    return program_.begin(p)->what;
  }
  /// The numbers of the first clause of this kind in the mask that is under no negation, or of the prefix budget.
  CPPO_HOST_DEVICE constexpr double const* numbers_of(detail::rule_op what) const noexcept {
    detail::rule_node const* const nodes = program_.begin(program_.mask);
    for (int k = 0; k < program_.mask.size; ++k) {
      bool const counts = nodes[k].counted != clause::other || what == detail::rule_op::prefix_budget;
      if (nodes[k].what == what && counts) return program_.numbers + nodes[k].number;
    }
    return nullptr;
  }

  detail::rule_program program_;
  named_divergence divergence_ = no_divergence;
  described_weight weight_;
  described_budget budget_;
  described_gate gate_;
  mask_type mask_;             // of the program, found once
  needs asks_ = needs::none;
  bool reports_only_ = false, fits_ = true;
  std::uint8_t level_ = 1;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
