/// @file
/// Which clause of a rule's mask refuses how many tokens, of a rule as data.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/rule.hpp>
#include <cppo/rules/clauses.hpp>

#include <vector>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// A clause of the mask of a program, and what it says of each slot.
struct rule_clause {
  rule_part part;
  clause kind;          ///< under which a report counts it
  bool negated;         ///< it stands under an odd number of negations
  std::vector<std::uint8_t> says;
};
/// Calls f(part, kind, negated) for each clause of what ends with node `last`, from left to right.
template <class F>
constexpr void each_clause(rule_program const& of, int last, F const& f, bool negated = false) {
  rule_node const& n = of.nodes[last];
  if (n.what == rule_op::negated) return each_clause(of, last - 1, f, !negated);
  if (n.what != rule_op::both && n.what != rule_op::either) return f(of.part_to(last), n.counted, negated);
  each_clause(of, of.before(last - 1), f, negated);
  each_clause(of, last - 1, f, negated);
}
/// What the mask that ends with node `last` says where clause k is holds(k); `next`: the number of its first clause.
template <class Holds>
constexpr bool says(rule_program const& of, int last, Holds const& holds, std::size_t& next) {
  rule_op const what = of.nodes[last].what;
  if (what == rule_op::negated) return !says(of, last - 1, holds, next);
  if (what != rule_op::both && what != rule_op::either) return holds(next++);
  bool const first = says(of, of.before(last - 1), holds, next), second = says(of, last - 1, holds, next);
  return what == rule_op::both ? first && second : first || second;
}

/// The clauses of a rule's mask and what they say. D_t, w_t, folds and the sums before a token do not depend on the
/// mask, so that a clause alone says what it says beside the others.
class rule_votes {
 public:
  explicit rule_votes(described_rule const& rule) : of_(rule) {
    each_clause(of(), last(), [this](rule_part part, clause kind, bool negated) {
      clauses_.push_back({part, kind, negated, {}});
    });
  }
  /// Asks all clauses about `slots` slots by ask(rule, outputs), which makes the call, until one writes nothing. The
  /// status of that one, or else of the whole rule.
  template <class Ask>
  status ask_all(std::size_t slots, Ask const& ask) {
    decided_.resize(slots);
    status s = ask(of_, loss_outputs{.trace = {.decision = decided_}});
    for (rule_clause& c : clauses_) {
      if (s.nothing_written()) break;
      c.says.resize(slots);
      status const of_clause = ask(of_.with_mask(c.part), loss_outputs{.mask = c.says});
      if (of_clause.nothing_written()) s = of_clause;
    }
    return s;
  }
  /// What each clause does.
  std::vector<clause_count> count() const {
    std::vector<clause_count> counts;
    for (std::size_t k = 0; k < clauses_.size(); ++k) counts.push_back(count(k));
    return counts;
  }

 private:
  rule_program const& of() const noexcept { return of_.program(); }
  int last() const noexcept { return of().mask.first + of().mask.size - 1; }
  bool speaks_against(rule_clause const& c, std::size_t slot) const { return (c.says[slot] != 0) == c.negated; }
  /// True if a slot is kept, or would be if clause `turned` spoke for it.
  bool keeps(std::size_t slot, std::size_t turned) const {
    std::size_t next = 0;
    auto const holds = [&](std::size_t k) {
      return k == turned ? !clauses_[k].negated : clauses_[k].says[slot] != 0;
    };
    return says(of(), last(), holds, next);
  }
  clause_count count(std::size_t k) const {
    clause_count n{.kind = clauses_[k].kind};
    for (std::size_t slot = 0; slot < decided_.size(); ++slot) {
      if (decided_[slot] == 0 || !speaks_against(clauses_[k], slot)) continue;
      ++n.refused;
      if (!keeps(slot, clauses_.size()) && keeps(slot, k)) ++n.decided;
    }
    return n;
  }

  described_rule of_;
  std::vector<rule_clause> clauses_;
  std::vector<std::uint8_t> decided_;
};

}  // namespace detail

/// As `count_clauses` of a region that is written out. Cost: a call for each clause, and one. Memory: a byte per slot
/// and clause.
/// @{
template <executor Executor, class Real>
status count_clauses(Executor const& executor, rollout_batch_view<Real> const& batch, described_rule const& rule,
                     std::vector<clause_count>& counts, loss_options const& options = {}) {
  counts.clear();
  detail::rule_votes votes(rule);
  auto const slots = static_cast<std::size_t>(batch.shape().elements());
  status const s = votes.ask_all(slots, [&](described_rule const& asked, loss_outputs const& outputs) {
    return policy_loss(executor, batch, asked, outputs, options);
  });
  if (!s.nothing_written()) counts = votes.count();
  return s;
}
template <executor Executor, class Real>
status count_clauses(Executor const& executor, rollout_batch_view<Real> const& batch, described_region const& region,
                     std::vector<clause_count>& counts, loss_options const& options = {}) {
  return count_clauses(executor, batch, described_rule(region), counts, options);
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
