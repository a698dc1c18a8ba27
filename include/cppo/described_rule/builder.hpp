/// @file
/// Puts a rule together from the tree of its text: what words, calls and operators stand for.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/calls.hpp>
#include <cppo/rules/batch_rules.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Puts a rule together from the tree of its text, by the tables.
class rule_builder : rule_calls {
 public:
  using rule_calls::rule_calls;
  /// The advantage rule of a node. False if the node is none; then the tree says why.
  bool build(int node, rule_piece& out) noexcept {
    rule_built whole;
    if (!value(node, whole)) return false;
    if (whole.kind == rule_word::mask || whole.kind == rule_word::whole) return out = whole.piece, true;
    return as(node, rule_word::quantity, whole, out);
  }
  /// The rule of a node, in the draft. False if the node is none; then the tree says why.
  bool build(int node) noexcept {
    rule_built whole;
    if (!value(node, whole)) return false;
    if (whole.kind == rule_word::region) return true;
    return refuse(node, rule_word::region, whole);
  }

 private:
  using kind = syntax_node::kind;

  /// What a node stands for.
  bool value(int node, rule_built& out) noexcept {
    bool const good = made(node, out);
    return draft_.fits() ? good : too_large();
  }
  bool made(int node, rule_built& out) noexcept {
    syntax_node const& n = tree_[node];
    switch (n.what) {
      case kind::both: return masks(node, rule_op::both, out);
      case kind::either: return masks(node, rule_op::either, out);
      case kind::negated: return masks(node, rule_op::negated, out);
      case kind::plus: return arithmetic(node, rule_op::plus, out);
      case kind::minus: return arithmetic(node, rule_op::minus, out);
      case kind::times: return arithmetic(node, rule_op::times, out);
      case kind::divide: return arithmetic(node, rule_op::divide, out);
      case kind::opposite: return opposite(node, out);
      default: return is_number(node) ? literal(node, out) : named(node, out);
    }
  }

  // ---- masks ----
  bool mask(int node, rule_piece& out) noexcept {
    rule_built m;
    return value(node, m) && as(node, rule_word::mask, m, out);
  }
  /// Masks under an operator, or under all_of, any_of or none_of.
  bool masks(int node, rule_op op, rule_built& out) noexcept {
    bool const call = tree_[node].what == kind::call, none = op == rule_op::negated && call;
    rule_op const joined = op == rule_op::negated ? rule_op::either : op;
    int operands = 0;
    rule_piece all;
    for (int i = tree_[node].first; i >= 0; i = tree_[i].next, ++operands) {
      rule_piece m;
      if (!tree_[i].name.empty()) return tree_.fail(tree_[i].name_column, name_in(node), " takes no names") >= 0;
      if (!mask(i, m)) return false;
      all = operands == 0 ? m : draft_.node(joined, {all, m});
    }
    if (operands == 0) all = draft_.node(joined == rule_op::both ? rule_op::keep_all : rule_op::keep_none, {});
    if (none || op == rule_op::negated) all = draft_.node(rule_op::negated, {all});
    return out = {rule_word::mask, all}, true;
  }

  // ---- arithmetic ----
  bool arithmetic(int node, rule_op op, rule_built& out) noexcept {
    int const first = tree_[node].first, second = tree_[first].next;
    rule_built x, y;
    if (!value(first, x)) return false;
    bool const adds = op == rule_op::plus;
    if (x.kind == rule_word::region && adds) return with_penalty(second, out);
    if (!value(second, y)) return false;
    if (x.kind == rule_word::number && y.kind == rule_word::number) return numbers(op, x.number, y.number, out);
    if (adds && x.kind == rule_word::loss && y.kind == rule_word::loss)
      return out = {rule_word::loss, draft_.node(rule_op::losses, {x.piece, y.piece})}, true;
    rule_piece a, b;
    if (op == rule_op::times && y.kind == rule_word::loss) {
      return as(first, rule_word::quantity, x, a) &&
             (out = {rule_word::loss, draft_.node(rule_op::weighted, {a, y.piece})}, true);
    }
    if (!as(first, rule_word::quantity, x, a) || !as(second, rule_word::quantity, y, b)) return false;
    double const* const known[3] = {nullptr, y.kind == rule_word::number ? &y.number : nullptr, nullptr};
    if (parameter_check const p = check_node(op, nullptr, known); !p) return fault(tree_[second].column, p);
    return out = {rule_word::quantity, draft_.node(op, {a, b})}, true;
  }
  static bool numbers(rule_op op, double x, double y, rule_built& out) noexcept {
    out.kind = rule_word::number;
    out.number = op == rule_op::plus ? x + y : op == rule_op::minus ? x - y : op == rule_op::times ? x * y : x / y;
    return true;
  }
  bool opposite(int node, rule_built& out) noexcept {
    int const inner = tree_[node].first;
    rule_built x;
    rule_piece q;
    if (!value(inner, x)) return false;
    if (x.kind == rule_word::number) return out = x, out.number = -x.number, true;
    if (!as(inner, rule_word::quantity, x, q)) return false;
    rule_piece const zero = draft_.constant(0.0);
    return out = {rule_word::quantity, draft_.node(rule_op::minus, {zero, q})}, true;
  }
  bool literal(int node, rule_built& out) noexcept {
    out.kind = rule_word::number;
    return parts_.read(node, out.number);
  }

  // ---- names ----
  bool named(int node, rule_built& out) noexcept {
    std::string_view const name = name_in(node);
    for (auto const& [word, op] : mask_words) {
      if (name == word && tree_[node].what == kind::call) return masks(node, op, out);
    }
    for (auto const& [word, range] : range_words) {
      rule_arguments args;
      if (name == word) return arguments(node, args) && fold(node, range, args, out);
    }
    if (of_advantage()) return is_of_region(name) ? elsewhere(node, name) : call(node, name, out);
    if (name == "objective") return objective(node, out);
    if (name == "trust_region" || name == "softened" || name == "reporting" || name == "mean_over_kept")
      return region_of(node, name, out);
    if (name == "prefix_budget") return prefix_budget(node, out);
    return call(node, name, out);
  }
  /// A call whose arguments are read first, if it is one.
  bool call(int node, std::string_view name, rule_built& out) noexcept {
    bool const compares = name == "at_most" || name == "at_least" || name == "between";
    bool const bounds = name == "below" || name == "above";
    text_row const* const preset = preset_of(node);
    rule_arguments args;
    if (!compares && !bounds && !is_statistic(name) && !is_rank(name) && !has_row(name) && !is_function(name))
      return other(node, name, out);
    if (!words_.holds(where_name(name))) return elsewhere(node, name);
    if (preset == nullptr && !arguments(node, args)) return false;
    if (compares) return comparison(node, name, args, out);
    if (bounds) return bound(node, args, out);
    if (is_statistic(name)) return make_statistic(node, args, out);
    if (is_rank(name)) return rank(node, args, out);
    return is_function(name) ? call_of_function(node, preset, args, out) : call_of_row(node, args, out);
  }
  struct mask_word {
    std::string_view word;
    rule_op op;
  };
  struct range_word {
    std::string_view word;
    fold_range range;
  };
  static constexpr mask_word mask_words[] = {
      {"all_of", rule_op::both}, {"any_of", rule_op::either}, {"none_of", rule_op::negated}};
  static constexpr range_word range_words[] = {
      {"before", fold_range::before}, {"upto", fold_range::upto}, {"from", fold_range::from},
      {"response", fold_range::response}, {"group", fold_range::group}, {"batch", fold_range::batch}};

  /// A divergence, whose value it stands for; a named region of described/table.hpp; or nothing that is known.
  bool other(int node, std::string_view name, rule_built& out) noexcept {
    if (of_advantage()) return unknown(node, name);
    named_divergence const d = named_divergence::find(name);
    if (d.check() && tree_[node].first < 0) {
      if (d.reads() == argument::top_k || d.reads() == argument::token_id) {
        return fail(node, name, " reads lists, which are not at hand where tokens are decided: it "
                    "stands in trust_region(divergence, weight, mask), and divergence is its value");
      }
      return out = {rule_word::quantity, draft_.node(rule_op::measured, {}, {}, d.index())}, true;
    }
    if (part_row const* const row = find_row(name); row != nullptr && row->makes == part_kind::region) {
      region_draft made;
      if (!parts_.build(node, part_kind::region, made)) return false;
      draft_.take(made.region());
      return out.kind = rule_word::region, true;
    }
    if (part_row const* const part = find_row(name); part != nullptr) {
      return fail(node, name, " is a ", part_kind_names[static_cast<int>(part->makes)],
                  ", which stands in trust_region(divergence, weight, mask), prefix_budget(delta, budget) or "
                  "softened(region, gate)");
    }
    return unknown(node, name);
  }

  bool prefix_budget(int node, rule_built& out) noexcept {
    region_draft made;
    if (!parts_.build(node, part_kind::mask, made)) return false;
    if (!in_mask_) {
      return fail(node, "prefix_budget stands in the mask of a trust_region, under &, | and !");
    }
    if (has_budget_) return fail(node, "a trust region holds at most one prefix_budget");
    has_budget_ = true;
    draft_.budget = made.budget;
    return out = {rule_word::mask, draft_.node(rule_op::prefix_budget, {}, {made.mask.slack()})}, true;
  }

  // ---- regions ----
  bool with_penalty(int node, rule_built& out) noexcept {
    rule_piece p;
    rule_built x;
    if (!value(node, x) || !as(node, rule_word::loss, x, p)) return false;
    bool const none = draft_.penalty.size == 1 && draft_.root(draft_.penalty).what == rule_op::nothing;
    draft_.penalty = none ? p : draft_.node(rule_op::losses, {draft_.penalty, p});
    return out.kind = rule_word::region, true;
  }
  bool objective(int node, rule_built& out) noexcept {
    int const given = tree_[node].first;
    bool const alone = given >= 0 && tree_[given].next < 0 && tree_[given].name == "surrogate";
    if (!alone && !in_order(node, "objective")) return false;
    int const first = tree_[node].first, second = first >= 0 ? tree_[first].next : -1;
    if (first < 0 || (second >= 0 && tree_[second].next >= 0)) {
      return fail(node, "objective takes a region and a loss, or a loss alone: objective(region, "
                  "surrogate)");
    }
    rule_built region, loss;
    if (second >= 0 && (!value(first, region) || !is_region(first, region))) return false;
    int const last = second >= 0 ? second : first;
    if (!value(last, loss) || !as(last, rule_word::loss, loss, draft_.loss)) return false;
    return out.kind = rule_word::region, true;
  }
  bool is_region(int node, rule_built const& x) noexcept {
    return x.kind == rule_word::region || refuse(node, rule_word::region, x);
  }
  bool region_of(int node, std::string_view name, rule_built& out) noexcept {
    int args[4];
    if (!parts_of(node, name, args)) return false;
    out.kind = rule_word::region;
    region_draft made;
    if (name == "trust_region") {
      if (!parts_.build(args[0], part_kind::divergence, made)) return false;
      if (!parts_.build(args[1], part_kind::weight, made)) return false;
      draft_.divergence = made.divergence, draft_.weight = made.weight;
      in_mask_ = true;
      bool const good = mask(args[2], draft_.mask);
      in_mask_ = false;
      return good;
    }
    rule_built region;
    if (!value(args[0], region) || !is_region(args[0], region)) return false;
    if (name == "softened") return parts_.build(args[1], part_kind::gate, made) && (draft_.gate = made.gate, true);
    if (name == "mean_over_kept") return take_mean_over_kept(node);
    if (!parts_.build(args[1], part_kind::divergence, made)) return false;
    return report(node, made.divergence);
  }
  bool report(int node, named_divergence d) noexcept {
    if (draft_.reports_only || !(draft_.divergence == named_divergence(no_divergence))) {
      return fail(node, "this region has a divergence and reports it: reporting is for one without");
    }
    if (asks_too_early(draft_.mask)) {
      return fail(node, "this mask decides by sums, means or maxima of a divergence, but reporting "
                  "gives one for the report alone: write trust_region(divergence, weight, mask)");
    }
    draft_.divergence = d, draft_.reports_only = true;
    return true;
  }
  bool take_mean_over_kept(int node) noexcept {
    if (asks_too_early(draft_.mask)) {
      return fail(node, "mean_over_kept counts what a mask of comparisons keeps: this one asks for "
                  "prefix sums or statistics of the divergence");
    }
    draft_.stands[0] = draft_.mask;
    rule_piece const more = rule_description(draft_).of(over_kept(mask_stand_in<0>{}));
    draft_.loss = draft_.node(rule_op::weighted, {more, draft_.loss});
    return true;
  }

  /// Puts the arguments of a spoken word or a statistic in the order of its parameters.
  bool in_order(int node, std::string_view name) noexcept {
    return argument_order(tree_, node, name, spoken_parameters(name)).put();
  }
  /// Evaluates the arguments of a call. Those of a spoken word or a statistic are in the order of its parameters.
  bool arguments(int node, rule_arguments& to) noexcept {
    if (!in_order(node, name_in(node))) return false;
    bool const outer = in_mask_;
    in_mask_ = false;
    for (int i = tree_[node].first; i >= 0; i = tree_[i].next) {
      if (to.count == rule_arguments::most) return fail(i, "too many arguments");
      to.node[to.count] = i;
      if (!value(i, to.value[to.count++])) return false;
    }
    in_mask_ = outer;
    return true;
  }
  bool in_mask_ = false, has_budget_ = false;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
