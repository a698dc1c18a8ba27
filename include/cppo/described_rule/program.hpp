/// @file
/// The program of a rule: its mask, its losses and what is folded, in postfix order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/nodes.hpp>
#include <cppo/described_rule/statistics.hpp>

#include <bit>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A node of a program.
struct rule_node {
  static constexpr int bounds = 1;  ///< `which` of the conjunction that `between` makes
  rule_op what = rule_op::nothing;
  std::uint8_t number = 0;  ///< the first of its numbers
  std::uint8_t which = 0;   ///< the fold that it reads, or the divergence that it measures, or `bounds`
  clause counted : 6 = clause::other;  ///< a clause of the mask: the kind it is counted under
  bool sloped : 1 = false;  ///< its slope is asked for
  bool flat : 1 = false;    ///< its slope is 0, whatever those of its operands: it depends on the position alone
  friend constexpr bool operator==(rule_node const&, rule_node const&) noexcept = default;
};
/// Consecutive nodes of a program, in postfix order.
struct rule_part {
  std::uint8_t first = 0, size = 0;
  friend constexpr bool operator==(rule_part const&, rule_part const&) noexcept = default;
};
/// A fold of a program. Its number is the slot of its value.
struct rule_fold {
  fold_range range = fold_range::response;
  fold_statistic statistic = fold_statistic::sum;
  std::uint8_t number = 0;  ///< where its parameter is, if it has one
  std::uint8_t level = 1;   ///< how many folds are one inside the other
  std::uint8_t state = 0;   ///< the state that it is read from
  bool opens = false;       ///< it is the first of its state
  rule_part of;             ///< what is folded
  friend constexpr bool operator==(rule_fold const&, rule_fold const&) noexcept = default;
};

/// A program. All members are data: a kernel's argument.
struct rule_program {
  static constexpr int most_nodes = 128;     ///< of a program, what is folded included
  static constexpr int most_numbers = 32;   ///< of a program; equal ones count once
  static constexpr int most_folds = 16;     ///< values of folds
  static constexpr int most_levels = 3;     ///< folds of a region one inside the other
  static constexpr int deepest = 16;        ///< values that wait for an operation
  static constexpr int most_of_positions = 4;  ///< parts that may be found for each position before the first token

  rule_node nodes[most_nodes] = {};
  double numbers[most_numbers] = {};
  rule_fold folds[most_folds] = {};
  rule_part mask, loss, penalty;
  rule_part of_positions[most_of_positions] = {};  ///< what depends on the position alone, by place; follows from nodes
  std::uint8_t node_count = 0, number_count = 0, fold_count = 0, of_position_count = 0;

  /// The nodes of a part.
  CPPO_HOST_DEVICE constexpr rule_node const* begin(rule_part const& p) const noexcept { return nodes + p.first; }
  /// The node before the first of what ends with node k.
  constexpr int before(int k) const noexcept {
    for (int missing = 1; missing > 0; --k)
      with_row(nodes[k].what, [&](auto, auto row) { missing += decltype(row)::takes.count - 1; });
    return k;
  }
  /// The part that ends with node k.
  constexpr rule_part part_to(int k) const noexcept {
    int const first = before(k) + 1;
    return {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(k + 1 - first)};
  }
  /// The number of folds that are one inside the other.
  CPPO_HOST_DEVICE constexpr int levels() const noexcept {
    int most = 0;
    for (int k = 0; k < fold_count; ++k) most = folds[k].level > most ? folds[k].level : most;
    return most;
  }
  /// True if a fold takes more than a response.
  constexpr bool reads_batch() const noexcept {
    for (int k = 0; k < fold_count; ++k) {
      if (folds[k].range == fold_range::batch) return true;
    }
    return false;
  }
  /// True if what is folded at a level is the log ratio, whatever the statistics.
  constexpr bool folds_log_ratios(int level) const noexcept {
    bool all = true;
    for (int k = 0; k < fold_count; ++k) {
      rule_fold const& f = folds[k];
      bool const plain = f.of.size == 1 && begin(f.of)->what == rule_op::log_ratio;
      all = all && (f.level != level || plain);
    }
    return all;
  }
  /// True if a node of this kind stands anywhere.
  CPPO_HOST_DEVICE constexpr bool holds(rule_op what) const noexcept {
    for (int k = 0; k < node_count; ++k) {
      if (nodes[k].what == what) return true;
    }
    return false;
  }
  /// True if both are the same nodes and numbers, bit by bit.
  friend constexpr bool operator==(rule_program const& a, rule_program const& b) noexcept {
    bool same = a.node_count == b.node_count && a.number_count == b.number_count && a.fold_count == b.fold_count &&
                a.mask == b.mask && a.loss == b.loss && a.penalty == b.penalty;
    for (int k = 0; same && k < a.node_count; ++k) same = a.nodes[k] == b.nodes[k];
    for (int k = 0; same && k < a.fold_count; ++k) same = a.folds[k] == b.folds[k];
    for (int k = 0; same && k < a.number_count; ++k)
      same = std::bit_cast<std::uint64_t>(a.numbers[k]) == std::bit_cast<std::uint64_t>(b.numbers[k]);
    return same;
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
