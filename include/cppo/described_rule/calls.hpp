/// @file
/// The calls of a rule's text whose arguments have been read: rows of both tables, comparisons and folds.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/checks.hpp>
#include <cppo/described_rule/draft_folds.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The tree of a text, with what its calls make.
class rule_calls : protected rule_folds {
 public:
  using rule_folds::rule_folds;

 protected:
  // ---- calls ----
  /// A call of a function that nodes.hpp has a row of.
  bool call_of_row(int node, rule_arguments const& args, rule_built& out) noexcept {
    if (name_in(node) == "hashed") return hashed(node, args, out);
    for (int i = 0; i < ops; ++i) {
      row_info const row = info_of(static_cast<rule_op>(i));
      placed_arguments to;
      if (row.name != name_in(node) || !place(node, args, row, to, tell::no)) continue;
      return make(node, row, args, to, out);
    }
    placed_arguments to;
    place(node, args, row_for(name_in(node)), to, tell::yes);
    return false;
  }
  bool hashed(int node, rule_arguments const& args, rule_built& out) noexcept {
    std::uint64_t seed = 0;
    if (args.count != 1) return fail(node, "hashed takes a seed: hashed(seed)");
    if (!parts_.read(args.node[0], seed)) return false;
    return out = {rule_word::quantity, draft_.node(rule_op::hashed, {}, {std::bit_cast<double>(seed)})}, true;
  }
  bool make(int node, row_info const& row, rule_arguments const& args, placed_arguments const& to,
            rule_built& out) noexcept {
    rule_piece operands[3];
    double numbers[2] = {};
    double constants[3] = {};
    double const* known[3] = {};
    for (int i = 0; i < row.takes.count; ++i) {
      operands[i] = to.operand[i] >= 0 ? piece_of(args.value[to.operand[i]]) : draft_.node(rule_op::ratio, {});
      if (!draft_.fits() || !draft_.is_constant(operands[i])) continue;
      constants[i] = draft_.number(draft_.root(operands[i]).number);
      known[i] = &constants[i];
    }
    for (int i = 0; i < row.numbers; ++i)
      numbers[i] = to.number[i] >= 0 ? args.value[to.number[i]].number : numbers[i > 0 ? i - 1 : 0];
    if (!draft_.fits()) return false;
    if (row.differentiates && !has_slope(operands[0])) {
      return tree_.fail(to.operand[0] >= 0 ? tree_[args.node[to.operand[0]]].column : tree_[node].column,
                        "this is differentiated, and has no slope: score_form(q) and q * loss hold q constant") >= 0;
    }
    if (!in_range(node, args, given_to(row, to), check_node(row.op, numbers, known))) return false;
    return out = {word_of(row.gives), with_operands(row, operands, numbers)}, true;
  }
  static given_parameters given_to(row_info const& row, placed_arguments const& to) noexcept {
    given_parameters all;
    for (int p = 0; p < row.text.count; ++p) {
      node_parameter const& into = row.text.of[p];
      all.add(into.name, into.what == node_parameter::is::number ? to.number[into.place] : to.operand[into.place]);
    }
    return all;
  }
  rule_piece with_operands(row_info const& row, rule_piece const (&x)[3], double const (&n)[2]) noexcept {
    auto const of = [&](std::initializer_list<rule_piece> all) {
      if (row.numbers == 2) return draft_.node(row.op, all, {n[0], n[1]});
      if (row.numbers == 1) return draft_.node(row.op, all, {n[0]});
      return draft_.node(row.op, all);
    };
    switch (row.takes.count) {
      case 0: return of({});
      case 1: return of({x[0]});
      case 2: return of({x[0], x[1]});
      default: return of({x[0], x[1], x[2]});
    }
  }
  /// A call of a function of table.hpp.
  bool call_of_function(int node, text_row const* row, rule_arguments const& args, rule_built& out) noexcept {
    for (text_row const& other : words_.functions) {
      text_arguments given;
      if (row != nullptr || other.name != name_in(node) || !other.preset.empty()) continue;
      if (place(node, args, other, given, tell::no)) row = &other;
    }
    text_arguments given;
    if (row == nullptr) return place(node, args, *function(name_in(node)), given, tell::yes), false;
    if (row->preset.empty()) (void)place(node, args, *row, given, tell::no);
    if (!take_stand_ins(node, args, *row, given)) return false;
    draft_.found = {};
    out = {row->makes, row->make(draft_, given)};
    given_parameters all;
    for (int p = 0; p < row->parameters(); ++p) all.add(row->takes[p].name, given.given[p] ? given.from[p] : -1);
    if (!draft_.fits() || !in_range(node, args, all, draft_.found)) return false;
    return in_range(node, args, all, row->makes == rule_word::region ? check_region() : check_piece(draft_, out.piece));
  }
  /// Checks what a function has put into the draft.
  parameter_check check_region() noexcept {
    rule_program made;
    rule_writer(draft_, made).write();
    return check_program(made);
  }
  /// Puts the quantities, masks and losses of a call where `stand_in` finds them.
  bool take_stand_ins(int node, rule_arguments const& args, text_row const& row,
                      text_arguments const& given) noexcept {
    for (int p = 0; p < row.parameters(); ++p) {
      rule_word const kind = row.takes[p].kind;
      if (!given.given[p] || !stands_in(kind)) continue;
      draft_.stands[p] = piece_of(args.value[given.from[p]]);
      if (row.name.starts_with("kl_") && !has_slope(draft_.stands[p])) {
        return fail(node, row.name, "(x) differentiates x, which has no slope");
      }
    }
    return true;
  }

  // ---- comparisons ----
  bool comparison(int node, std::string_view name, rule_arguments const& args, rule_built& out) noexcept {
    int const wanted = name == "between" ? 3 : 2;
    if (args.count != wanted) {
      return fail(node, name, wanted == 3 ? " takes (q, low, high)" : " takes (q, x)",
                  ": a quantity and what bounds it");
    }
    rule_piece q;
    if (!as(args.node[0], rule_word::quantity, args.value[0], q)) return false;
    rule_piece first;
    if (!bounded(args, 1, name == "at_most" ? side::high : side::low, q, first)) return false;
    if (wanted == 2) return out = {rule_word::mask, first}, true;
    rule_piece second;
    if (!bounded(args, 2, side::high, q, second)) return false;
    parameter_check const order = check_clauses(draft_, first, second);
    if (!order) return out_of_range(node, args.node[1], "low", order);
    return out = {rule_word::mask, draft_.between(first, second)}, true;
  }
  enum class side : std::uint8_t { low, high };
  bool bounded(rule_arguments const& args, int i, side of, rule_piece q, rule_piece& out) noexcept {
    rule_built const& x = args.value[i];
    rule_piece bound;
    bool const open = x.kind == rule_word::bound;
    if (open) bound = x.piece;
    else if (!as(args.node[i], rule_word::quantity, x, bound)) return false;
    rule_op const op = of == side::high ? (open ? rule_op::below : rule_op::at_most)
                                        : (open ? rule_op::above : rule_op::at_least);
    return out = draft_.node(op, {q, bound}), true;
  }
  bool bound(int node, rule_arguments const& args, rule_built& out) noexcept {
    if (args.count != 1) return fail(node, name_in(node), " takes the bound: at_most(q, below(x))");
    out.kind = rule_word::bound;
    return as(args.node[0], rule_word::quantity, args.value[0], out.piece);
  }
  // ---- folds ----
  bool fold(int node, fold_range range, rule_arguments const& args, rule_built& out) noexcept {
    std::string_view const name = name_in(node);
    if (!may_fold(node, range)) return false;
    if (args.count != 1 || args.value[0].kind != rule_word::statistic) {
      std::string_view const example = of_advantage() ? "(mean(reward))" : "(mean(log_ratio))";
      return tree_.fail(args.count == 1 ? tree_[args.node[0]].column : tree_[node].column, name,
                        " takes a statistic, such as ", name, example) >= 0;
    }
    rule_built const& s = args.value[0];
    index_t const column = tree_[args.node[0]].column;
    if (s.statistic == fold_statistic::halving_sum && !s.derived() && range != fold_range::from)
      return tree_.fail(column, "a halving_sum is taken over from(...)") >= 0;
    if (!s.derived() && is_order(s.statistic) && range != fold_range::response && range != fold_range::batch) {
      return tree_.fail(column, "a k-th value, and a trimmed or capped one, is taken over response(...) or "
                        "batch(...)") >= 0;
    }
    if (s.derived() && range < fold_range::response) {
      return tree_.fail(column, "a variance, a deviation, a weighted mean and a mean of others are taken over "
                        "response(...) or batch(...): fold sums over the other ranges") >= 0;
    }
    if (asks_too_early(s.piece) || asks_too_early(s.second)) {
      return tree_.fail(column, "a fold is computed before prefix sums and statistics of the divergence: fold what the "
                        "token itself is given, or other folds, such as response(most(divergence))") >= 0;
    }
    return out = {rule_word::quantity, folded(range, s)}, true;
  }
  /// True if this range stands in such a text.
  bool may_fold(int node, fold_range range) noexcept {
    if (!of_advantage() && range == fold_range::group) {
      return fail(node, "group(...) is a fold over responses: it stands in the rule of an advantage, not in that of a "
                  "region");
    }
    if (of_advantage() && range <= fold_range::response) {
      return fail(node, name_in(node), "(...) is a fold over the tokens of a policy: an advantage rule folds over "
                  "group(...) and batch(...)");
    }
    return true;
  }
  bool rank(int node, rule_arguments const& args, rule_built& out) noexcept {
    if (args.count != 1 || args.value[0].kind != rule_word::number)
      return fail(node, name_in(node), " takes a number in (0, 1]");
    out = args.value[0];
    return out.kind = rule_word::rank, out.rank = name_in(node), true;
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
