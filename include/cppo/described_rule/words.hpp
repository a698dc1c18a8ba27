/// @file
/// The calls that a rule's text itself has a meaning for: what each makes, its parameters, and arguments by name.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/syntax.hpp>
#include <cppo/described_rule/text_rows.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A call of no row of a table, and its parameters with ", " between them.
struct spoken_word {
  std::string_view name;
  rule_word makes;
  std::string_view parameters;
  known_in known = known_in::regions;
};
inline constexpr spoken_word spoken_words[] = {
    {"objective", rule_word::region, "region, surrogate"},
    {"mean_over_kept", rule_word::region, "region"},
    {"at_most", rule_word::mask, "q, x", known_in::both},
    {"at_least", rule_word::mask, "q, x", known_in::both},
    {"between", rule_word::mask, "q, low, high", known_in::both},
    {"below", rule_word::bound, "x", known_in::both},
    {"above", rule_word::bound, "x", known_in::both},
    {"before", rule_word::quantity, "statistic"},
    {"upto", rule_word::quantity, "statistic"},
    {"from", rule_word::quantity, "statistic"},
    {"response", rule_word::quantity, "statistic"},
    {"group", rule_word::quantity, "statistic", known_in::advantages},
    {"batch", rule_word::quantity, "statistic", known_in::both},
    {"hashed", rule_word::quantity, "seed"},
    {"share", rule_word::rank, "x"},
    {"share_rounded_up", rule_word::rank, "x"},
    {"at_quantile", rule_word::rank, "x"},
};
/// The statistics, and the parameters of one.
/// @{
inline constexpr std::string_view statistic_words[] = {
    "sum", "mean", "least", "most", "counted", "unit_of_distance", "unit_of_size", "halving_sum", "kth_smallest",
    "kth_largest", "trimmed", "capped", "count", "variance", "population_variance", "deviation", "weighted_mean",
    "mean_of_others"};
constexpr std::string_view parameters_of_statistic(std::string_view name) noexcept {
  if (name == "count") return "mask";
  if (name == "weighted_mean") return "q, weights";
  if (name == "halving_sum") return "q, half_life";
  if (name.starts_with("kth_")) return "q, k";
  return name == "trimmed" || name == "capped" ? "q, mean_below" : "q";
}
/// Where one is known: an advantage rule folds what is read from a state.
constexpr known_in where_statistic(std::string_view name) noexcept {
  bool const all = name.starts_with("kth_") || name == "halving_sum" || name == "trimmed" || name == "capped";
  return all ? known_in::regions : known_in::both;
}
/// @}
/// The parameters of a spoken word or a statistic; empty if the name is none.
constexpr std::string_view spoken_parameters(std::string_view name) noexcept {
  for (spoken_word const& w : spoken_words) {
    if (w.name == name) return w.parameters;
  }
  for (std::string_view const w : statistic_words) {
    if (w == name) return parameters_of_statistic(name);
  }
  return {};
}

/// Puts the arguments of a call, some of which have names, in the order of its parameters.
class argument_order {
 public:
  argument_order(syntax_tree& tree, int node, std::string_view name, std::string_view parameters) noexcept
      : tree_(tree), node_(node), name_(name) {
    while (!parameters.empty() && count_ < most) {
      std::string_view const one = parameters.substr(0, parameters.find(','));
      parameters_[count_++] = one;
      parameters.remove_prefix(one.size() < parameters.size() ? one.size() + 2 : one.size());
    }
  }
  /// False if a name is none of the parameters, one is given twice, or one in between lacks; then the tree says which.
  bool put() noexcept {
    if (!has_names()) return true;
    int next = 0, last = -1;
    for (int i = tree_[node_].first; i >= 0; i = tree_[i].next) {
      syntax_node const& a = tree_[i];
      int const p = a.name.empty() ? next : place_of(a.name);
      if (p == count_) return misplaced(a);
      if (given_[p] >= 0) return tree_.fail(a.column, parameters_[p], " is given twice") >= 0;
      given_[p] = i, next = p + 1, last = p > last ? p : last;
    }
    for (int p = 0; p < last; ++p) {
      if (given_[p] < 0) return lacks(p);
    }
    for (int p = last; p >= 0; --p) tree_[given_[p]].next = p < last ? given_[p + 1] : -1;
    return tree_[node_].first = given_[0], true;
  }

 private:
  static constexpr int most = 3;

  bool has_names() const noexcept {
    for (int i = tree_[node_].first; i >= 0; i = tree_[i].next) {
      if (!tree_[i].name.empty()) return count_ > 0;
    }
    return false;
  }
  int place_of(std::string_view name) const noexcept {
    int p = 0;
    while (p < count_ && parameters_[p] != name) ++p;
    return p;
  }
  bool misplaced(syntax_node const& a) noexcept {
    status_text const takes = signature();
    if (a.name.empty()) return tree_.fail(a.column, name_, " takes no more: ", std::string_view(takes)) >= 0;
    return tree_.fail(a.name_column, name_, " has no parameter ", a.name, ": ", std::string_view(takes)) >= 0;
  }
  bool lacks(int p) noexcept {
    status_text const takes = signature();
    return tree_.fail(tree_[node_].column, name_, " lacks its ", parameters_[p], ": ", std::string_view(takes)) >= 0;
  }
  status_text signature() const noexcept {
    status_text s;
    s.append(name_);
    for (int p = 0; p < count_; ++p) s.append(std::string_view(p == 0 ? "(" : ", ")), s.append(parameters_[p]);
    s.append(std::string_view(")"));
    return s;
  }

  syntax_tree& tree_;
  int node_;
  std::string_view name_;
  std::string_view parameters_[most] = {};
  int given_[most] = {-1, -1, -1};
  int count_ = 0;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
