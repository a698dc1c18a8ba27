/// @file
/// Folds of a draft: statistics by name, those that are made of others, and what may be folded.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/rule_tree.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The tree of a text, with the folds of its draft.
class rule_folds : protected rule_tree {
 public:
  using rule_tree::rule_tree;

 protected:
  /// A statistic over a range.
  rule_piece folded(fold_range range, rule_built const& s) noexcept {
    if (!s.derived()) return draft_.folded(range, s.statistic, s.number, s.piece);
    draft_.stands[0] = s.piece, draft_.stands[1] = s.second;
    return words_.derived(draft_, range, s.from_others);
  }
  /// A statistic of a name, of no range yet.
  bool make_statistic(int node, rule_arguments const& args, rule_built& out) noexcept {
    std::string_view const name = name_in(node);
    bool const two = name == "weighted_mean" || name == "halving_sum" || name == "trimmed" || name == "capped" ||
                     name.starts_with("kth_");
    if (args.count != (two ? 2 : 1)) {
      return fail(node, name, two ? " takes two arguments: " : " takes one argument: ", name, "(",
                  parameters_of_statistic(name), ")");
    }
    out.kind = rule_word::statistic;
    if (name == "count") return count(args, out);
    if (!as(args.node[0], rule_word::quantity, args.value[0], out.piece)) return false;
    if (name == "weighted_mean" && !as(args.node[1], rule_word::quantity, args.value[1], out.second)) return false;
    out.from_others = others_of(name);
    if (out.derived()) return true;
    return by_name(name, two ? args.value[1].rank : std::string_view(), out) && with_parameter(node, args, two, out);
  }
  /// True if a number asks for what is known after folds.
  bool asks_too_early(rule_piece p) const noexcept {
    for (int k = 0; k < p.size; ++k) {
      rule_op const what = draft_[p.first + k].what;
      if (what == rule_op::prefix_budget || what == rule_op::response_max_within ||
          what == rule_op::response_mean_within) {
        return true;
      }
    }
    return false;
  }
  /// True if a number has a slope.
  bool has_slope(rule_piece p) const noexcept {
    bool waiting[rule_draft::most_nodes + 1] = {};
    int top = 0;
    for (int k = 0; k < p.size; ++k) {
      draft_node const& n = draft_[p.first + k];
      bool sloped = false;
      with_row(n.what, [&](auto op, auto row) {
        using R = decltype(row);
        top -= R::takes.count;
        if constexpr (rule_op(op) == rule_op::constant) sloped = true;
        else if constexpr (rule_op(op) == rule_op::fold) sloped = fold_has_slope(draft_.fold(n.which));
        else if constexpr (rule_op(op) == rule_op::measured) sloped = measured_has_slope(n.which);
        else if constexpr (rule_op(op) == rule_op::hashed || R::gives != operand::number) sloped = false;
        else {
          constexpr unsigned asked = slopes_asked<R>();
          sloped = asked != 8U;
          for (int i = 0; i < R::takes.count; ++i) sloped = sloped && ((asked >> i & 1U) == 0 || waiting[top + i]);
        }
      });
      waiting[top++] = sloped;
    }
    return waiting[0];
  }

 private:
  bool fold_has_slope(draft_fold const& f) const noexcept {
    return is_linear(f.statistic) && f.range <= fold_range::response && has_slope(f.of);
  }
  static bool measured_has_slope(int which) noexcept {
    bool sloped = false;
    [&]<class... Ds>(divergence_list<Ds...>) {
      int i = 0;
      ((i++ == which ? void(sloped = detail::has_slope<quantities::measured<Ds>>) : void()), ...);
    }(without_lists{});
    return sloped;
  }
  /// The list of divergences, with one that has no slope for those that read lists.
  template <class... Ds>
  static divergence_list<std::conditional_t<reads_lists<Ds>, no_divergence_t, Ds>...> leave_lists(
      divergence_list<Ds...>) noexcept;
  using without_lists = decltype(leave_lists(named_divergences{}));

  static derived_statistic_of others_of(std::string_view name) noexcept {
    if (name == "variance") return derived_statistic_of::variance;
    if (name == "population_variance") return derived_statistic_of::population_variance;
    if (name == "deviation") return derived_statistic_of::deviation;
    if (name == "weighted_mean") return derived_statistic_of::weighted_mean;
    return name == "mean_of_others" ? derived_statistic_of::mean_of_others : derived_statistic_of::none;
  }
  bool count(rule_arguments const& args, rule_built& out) noexcept {
    if (!as(args.node[0], rule_word::mask, args.value[0], draft_.stands[0])) return false;
    auto const counted = cppo::count(mask_stand_in<0>{});
    out.piece = rule_description(draft_).of(counted.left);
    return true;
  }
  /// The statistic of a name and of the way in which its rank is given.
  static bool by_name(std::string_view name, std::string_view rank, rule_built& out) noexcept {
    for (int i = 0; i <= static_cast<int>(fold_statistic::capped); ++i) {
      auto const s = static_cast<fold_statistic>(i);
      if (name_of(s).name != name || name_of(s).rank != rank) continue;
      return out.statistic = s, true;
    }
    return false;
  }
  bool with_parameter(int node, rule_arguments const& args, bool two, rule_built& out) noexcept {
    if (!two) return true;
    rule_built const& x = args.value[1];
    bool const ranks = is_order(out.statistic) && out.statistic < fold_statistic::trimmed;
    if (x.kind != rule_word::number && !(ranks && x.kind == rule_word::rank)) {
      return refuse(args.node[1], ranks ? rule_word::rank : rule_word::number, x);
    }
    out.number = x.number;
    parameter_check const p = check_statistic(out.statistic, out.number);
    std::string_view const name = parameters_of_statistic(name_in(node));
    return p || out_of_range(node, args.node[1], name.substr(name.find(' ') + 1), p);
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
