/// @file
/// Which clauses the mask of a program holds.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/program.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The clauses of a rule's mask, of which it is known at run time which there are.
class rule_clauses {
 public:
  static constexpr bool may_hold_any_clause = true;
  static constexpr bool reads_any_input = true;
  constexpr rule_clauses() noexcept = default;
  CPPO_HOST_DEVICE constexpr explicit rule_clauses(rule_program const& of) noexcept {
    rule_node const* const nodes = of.begin(of.mask);
    for (int k = 0; k < of.mask.size; ++k) {
      rule_node const& n = nodes[k];
      if (n.counted != clause::other) kinds_ |= bit(n.counted);
      thresholds_ += n.what == rule_op::divergence_within && n.counted != clause::other ? 1 : 0;
      if (n.what == rule_op::prefix_budget) budget_ = true;
    }
  }
  CPPO_HOST_DEVICE constexpr bool has(clause k) const noexcept { return (kinds_ & bit(k)) != 0; }
  CPPO_HOST_DEVICE constexpr bool has_any() const noexcept { return kinds_ != 0; }
  CPPO_HOST_DEVICE constexpr bool has_budget() const noexcept { return budget_; }
  CPPO_HOST_DEVICE constexpr bool has_one_threshold() const noexcept { return thresholds_ == 1; }

 private:
  CPPO_HOST_DEVICE static constexpr unsigned bit(clause k) noexcept { return 1U << static_cast<unsigned>(k); }
  unsigned kinds_ = 0;
  int thresholds_ = 0;
  bool budget_ = false;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
