/// @file
/// Checks the numbers of a rule as data, by the structs that evaluate its nodes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/draft.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

constexpr bool is_comparison(rule_op what) noexcept {
  return what == rule_op::at_most || what == rule_op::at_least || what == rule_op::below || what == rule_op::above;
}
/// Checks the numbers of a node, of whose operands the constant ones are given.
constexpr parameter_check check_node(rule_op what, double const* numbers,
                                     double const* const (&constants)[3]) noexcept {
  using quantities::constant;
  if (what == rule_op::constant) return constant{numbers[0]}.check();
  return with_row(what, [&](auto, auto row) -> parameter_check {
    using R = decltype(row);
    constexpr without_slope any{};
    constexpr known_number<float_lane> sloped{};
    if constexpr (R::takes.count == 0) {
      if constexpr (requires { R::made(numbers); }) return parameters_of(R::made(numbers));
      else return true;
    } else if constexpr (R::takes.count == 3 && R::takes.of[0] == operand::number) {
      if (constants[1] != nullptr && constants[2] != nullptr)
        return parameters_of(node_of<R>(numbers, sloped, constant{*constants[1]}, constant{*constants[2]}));
      return parameters_of(node_of<R>(numbers, sloped, any, any));
    } else if constexpr (R::takes.count == 2 && R::takes.of[1] == operand::number && R::gives != operand::mask) {
      if (constants[1] == nullptr) return true;
      constant const second{*constants[1]};
      if constexpr (R::takes.of[0] == operand::loss) return parameters_of(node_of<R>(numbers, nothing, second));
      else return parameters_of(node_of<R>(numbers, sloped, second));
    } else if constexpr (R::numbers > 0) {
      return parameters_of(node_of<R>(numbers, sloped));
    } else {
      return true;
    }
  });
}
/// The order of two bounds of `between`, of which each is null unless it is a number.
constexpr parameter_check check_order(double const* low, double const* high) noexcept {
  using quantities::constant;
  if (low == nullptr || high == nullptr) return true;
  return interval_check(constant{*low}, constant{*high}, "between(q, low, high)");
}
/// Checks nodes in postfix order, of which at(k) is one and `numbers` are their numbers.
template <class At>
constexpr parameter_check check_nodes(int count, At const& at, double const* numbers) noexcept {
  double const* waiting[rule_program::most_nodes + 1] = {};  // of a number it, of a comparison its bound
  int top = 0;
  parameter_check found;
  for (int k = 0; k < count && found; ++k) {
    auto const& n = at(k);
    int taken = 0;
    with_row(n.what, [&](auto, auto row) { taken = decltype(row)::takes.count; });
    double const* constants[3] = {};
    for (int i = 0; i < taken; ++i) constants[i] = waiting[top - taken + i];
    found = check_node(n.what, numbers + n.number, constants);
    bool const bounds = n.what == rule_op::both && n.which == rule_node::bounds;
    if (found && bounds) found = check_order(constants[0], constants[1]);
    top -= taken;
    waiting[top++] = n.what == rule_op::constant ? numbers + n.number : is_comparison(n.what) ? constants[1] : nullptr;
  }
  return found;
}
/// Checks the numbers of a piece, without those of what it folds. One that is too large for a program is passed over.
constexpr parameter_check check_piece(rule_draft const& of, rule_piece const& p) noexcept {
  if (p.size > rule_program::most_nodes) return true;
  return check_nodes(p.size, [&](int k) -> draft_node const& { return of[p.first + k]; }, of.numbers());
}
/// Checks the order of two clauses, each a comparison with a bound. Those of a draft that is full are passed over.
constexpr parameter_check check_clauses(rule_draft const& of, rule_piece const& low, rule_piece const& high) noexcept {
  if (!of.fits() || low.size < 3 || high.size < 3) return true;
  auto const bound = [&of](rule_piece const& p) {
    draft_node const& n = of[p.first + p.size - 2];
    return n.what == rule_op::constant ? of.numbers() + n.number : nullptr;
  };
  return check_order(bound(low), bound(high));
}
/// Checks the numbers of a program.
constexpr parameter_check check_program(rule_program const& of) noexcept {
  auto const at = [&of](int k) -> rule_node const& { return of.nodes[k]; };
  parameter_check found = check_nodes(of.node_count, at, of.numbers);
  for (int k = 0; k < of.fold_count && found; ++k) {
    rule_fold const& f = of.folds[k];
    if (!is_plain(f.statistic)) found = check_statistic(f.statistic, of.numbers[f.number]);
  }
  return found;
}

/// What a rule with these parts asks of the prefix and of the whole response.
constexpr needs needs_of_rule(rule_program const& of, described_budget const& budget,
                              described_gate const& gate) noexcept {
  needs mine = needs::none;
  if (of.holds(rule_op::prefix_budget)) {
    mine = mine | needs::prefix_budget;
    if (gate.is_soft()) mine = mine | needs::prefix_values;
    if (budget.calibrated()) mine = mine | needs::quantile;
  }
  bool const of_response = of.holds(rule_op::response_max_within) || of.holds(rule_op::response_mean_within);
  return of_response ? mine | needs::response : mine;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
