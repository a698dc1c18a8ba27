/// @file
/// The arguments of a call in a rule's text: their values, their places, and which of them is to blame for a number
/// that a function of the library found out of range.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/text_rows.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What a piece of a text stands for.
struct rule_built {
  rule_word kind = rule_word::number;
  rule_piece piece = {}, second = {};
  double number = 0.0;                                 ///< a number, a rank, the parameter of a statistic
  fold_statistic statistic = fold_statistic::sum;
  derived_statistic_of from_others = derived_statistic_of::none;
  std::string_view rank = {};                          ///< of a rank: how it is given
  bool derived() const noexcept { return from_others != derived_statistic_of::none; }
};
/// The arguments of a call.
struct rule_arguments {
  static constexpr int most = text_arguments::most;
  int node[most] = {};
  rule_built value[most];
  int count = 0;
};
/// Which argument stands for each operand and number of a node; -1: none.
struct placed_arguments {
  int operand[3] = {-1, -1, -1};
  int number[2] = {-1, -1};
};
/// A row of nodes.hpp as data.
struct row_info {
  rule_op op = rule_op::count;
  std::string_view name;
  operand gives = operand::number;
  operand_list takes;
  node_parameters text;
  int numbers = 0;
  bool differentiates = false;
  known_in known = known_in::both;
};
inline row_info info_of(rule_op what) noexcept {
  row_info made;
  with_row(what, [&](auto op, auto row) {
    using R = decltype(row);
    made = {op, R::name, R::gives, R::takes, R::text, R::numbers, R::differentiates,
            where_known<R>()};
  });
  return made;
}
/// The parameters of a call, and which argument stands for each; -1: none.
struct given_parameters {
  struct one {
    std::string_view name;
    int argument = -1;
  };
  one of[text_arguments::most];
  int count = 0;
  void add(std::string_view name, int argument) noexcept { of[count++] = {name, argument}; }
};
/// True if a word stands in a text, and no letter or _ joins it.
constexpr bool holds_word(std::string_view all, std::string_view word) noexcept {
  auto const joins = [&](std::size_t at) {
    return at < all.size() && (all[at] == '_' || (all[at] >= 'a' && all[at] <= 'z'));
  };
  for (std::size_t at = all.find(word); at != all.npos; at = all.find(word, at + 1)) {
    if ((at == 0 || !joins(at - 1)) && !joins(at + word.size())) return true;
  }
  return false;
}
/// Why an argument is to blame, from the least reason. `end_and_value`: the name of its parameter ends with a word of
/// what was checked, as that of weight_low. `epsilon`: it is one and not 0 or more, of which functions make bounds.
enum class blame : std::uint8_t { none, name, value, epsilon, end_and_value, name_and_value };
/// Of an argument x of a parameter.
constexpr blame blame_of(std::string_view parameter, double x, parameter_check const& p) noexcept {
  bool const same = x == p.value || (x != x && p.value != p.value), named = holds_word(p.name, parameter);
  if (same && named) return blame::name_and_value;
  if (same && holds_word(p.name, parameter.substr(parameter.rfind('_') + 1))) return blame::end_and_value;
  if (parameter.starts_with("epsilon") && !(x >= 0.0)) return blame::epsilon;
  return same ? blame::value : named ? blame::name : blame::none;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
