/// @file
/// Public CPPO and DPPO codes from text, for reproducing a run: `parity` in rules/parity.hpp says what each does.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/builder.hpp>
#include <cppo/rules/parity.hpp>

#include <iterator>
#include <span>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// A public code: its name, how it is made, and what its numbers are called.
struct code_row {
  using made = parity::code<described_region>;
  std::string_view name;
  made (*make)(part_arguments const&);
  std::string_view takes[part_arguments::most] = {};

  constexpr int parameters() const noexcept {
    int n = 0;
    while (n < part_arguments::most && !takes[n].empty()) ++n;
    return n;
  }
  /// `verl_cppo(delta, delta_b, w_min, quantile, scale, ratio_cap)`, or the parameters alone.
  /// @{
  status_text signature() const noexcept {
    status_text s;
    status_text const parameters = parameter_names();
    for (std::string_view const part : {name, std::string_view("("), std::string_view(parameters),
                                        std::string_view(")")})
      s.append(part);
    return s;
  }
  status_text parameter_names() const noexcept {
    status_text s;
    for (int p = 0; p < parameters(); ++p) s.append(std::string_view(p == 0 ? "" : ", ")), s.append(takes[p]);
    return s;
  }
  /// @}
};

/// Functions that rows are made of.
namespace code_rows {
using given = part_arguments const&;
constexpr parity::verl_cppo_options verl(given a) noexcept {
  parity::verl_cppo_options const o;
  return {a.number_or(0, o.delta), a.number_or(1, o.delta_b),  a.number_or(2, o.w_min),
          a.number_or(3, o.quantile), a.number_or(4, o.scale), a.number_or(5, o.ratio_cap)};
}
constexpr parity::dppo_code_options dppo(given a) noexcept {
  parity::dppo_code_options const o;
  return {a.number_or(0, o.delta_low), a.number_or(1, o.delta_high), a.number_or(2, o.ratio_cap)};
}
template <class Region>
constexpr code_row::made described(parity::code<Region> const& c) noexcept {
  return {described_region(c.region), c.options};
}
}  // namespace code_rows

/// The one list of public codes that a text may name.
inline constexpr code_row code_table[] = {
    {"unirl_cppo",
     [](code_rows::given a) {
       calibrated_cppo_options const o = parity::unirl_cppo_defaults;
       return code_rows::described(parity::unirl_cppo(
           {a.number_or(0, o.delta), a.number_or(1, o.delta_b), a.number_or(2, o.w_min)}));
     },
     {"delta", "delta_b", "w_min"}},
    {"unirl_dppo",
     [](code_rows::given a) {
       return code_rows::described(a.given[0] ? parity::unirl_dppo(a.number[0]) : parity::unirl_dppo());
     },
     {"delta"}},
#define CPPO_DETAIL_VERL(name)                                                                             \
  {#name, [](code_rows::given a) { return code_rows::described(parity::name(code_rows::verl(a))); },       \
   {"delta", "delta_b", "w_min", "quantile", "scale", "ratio_cap"}}
#define CPPO_DETAIL_DPPO(name)                                                                             \
  {#name, [](code_rows::given a) { return code_rows::described(parity::name(code_rows::dppo(a))); },       \
   {"delta_low", "delta_high", "ratio_cap"}}
    CPPO_DETAIL_VERL(verl_cppo), CPPO_DETAIL_VERL(verl_cppo_2x),
    {"mask_count_cppo",
     [](code_rows::given a) {
       return code_rows::described(a.given[6] ? parity::mask_count_cppo(code_rows::verl(a), a.number[6])
                                              : parity::mask_count_cppo(code_rows::verl(a)));
     },
     {"delta", "delta_b", "w_min", "quantile", "scale", "ratio_cap", "ceiling"}},
    CPPO_DETAIL_DPPO(verl_dppo_tv), CPPO_DETAIL_DPPO(verl_dppo_kl), CPPO_DETAIL_DPPO(stable_rl_dppo_tv),
    CPPO_DETAIL_DPPO(stable_rl_dppo_kl),
#undef CPPO_DETAIL_VERL
#undef CPPO_DETAIL_DPPO
};

/// Reads a public code from the tree of its text. Each number is checked by itself, with the defaults of the others.
class code_reader {
 public:
  code_reader(syntax_tree& tree, std::span<double const> numbers) noexcept : tree_(tree), numbers_(tree, numbers) {}
  /// False if the node is none; then the tree says why.
  bool read(int node, code_row::made& out) noexcept {
    code_row const* const row = row_of(tree_[node]);
    part_arguments given;
    int next = 0;
    for (int i = row != nullptr ? tree_[node].first : -1; i >= 0; i = tree_[i].next) {
      if (!take(i, *row, given, next)) return false;
    }
    if (row == nullptr) return false;
    out = row->make(given);
    parameter_check const together = check(out);
    return together || out_of_range(tree_[node].column, std::string_view(together.name), together);
  }

 private:
  code_row const* row_of(syntax_node const& n) noexcept {
    std::string_view name = n.text;
    for (std::string_view const before : {"cppo::", "parity::"})
      if (name.starts_with(before)) name.remove_prefix(before.size());
    bool const one = n.what <= syntax_node::kind::call;
    for (code_row const& row : code_table) {
      if (row.name == name && one) return &row;
    }
    status_text all;
    for (code_row const& row : code_table) all.append(std::string_view(all).empty() ? "" : ", "), all.append(row.name);
    std::string_view const what = one ? "there is no public code named " : "expected one public code";
    tree_.fail(n.column, what, one ? n.text : "", ": there are ", std::string_view(all));
    return nullptr;
  }
  /// Takes an argument. `next`: the parameter of one without a name; -1 behind one with a name.
  bool take(int i, code_row const& row, part_arguments& given, int& next) noexcept {
    syntax_node const& a = tree_[i];
    int const p = a.name.empty() ? by_place(a, row, next) : by_name(a, row);
    if (p < 0) return false;
    if (given.given[p]) return tree_.fail(a.column, row.takes[p], " is given twice") >= 0;
    given.given[p] = true, next = a.name.empty() ? p + 1 : -1;
    return numbers_.read(i, given.number[p]) && in_range(a.column, row, p, given.number[p]);
  }
  int by_place(syntax_node const& a, code_row const& row, int next) noexcept {
    status_text const signature = row.signature();
    std::string_view const why = next < 0 ? " takes a number without a name before those with one: "
                                          : " takes no more: ";
    if (next >= 0 && next < row.parameters()) return next;
    return tree_.fail(a.column, row.name, why, std::string_view(signature));
  }
  int by_name(syntax_node const& a, code_row const& row) noexcept {
    for (int p = 0; p < row.parameters(); ++p) {
      if (row.takes[p] == a.name) return p;
    }
    status_text const signature = row.signature();
    return tree_.fail(a.name_column, row.name, " has no parameter ", a.name, ": ", std::string_view(signature));
  }
  static parameter_check check(code_row::made const& m) noexcept {
    parameter_check const region = m.region.check();
    return region ? m.options.surrogate.check() : region;
  }
  /// Whether number p is in range. What is said of it has the code's name for it, unless it follows from it.
  bool in_range(index_t column, code_row const& row, int p, double x) noexcept {
    part_arguments alone;
    alone.given[p] = true, alone.number[p] = x;
    parameter_check const found = check(row.make(alone));
    if (found) return true;
    bool const itself = found.value == x || x != x;
    status_text name;
    if (itself) name.append(row.name), name.append("("), name.append(row.takes[p]), name.append(")");
    else name.append(std::string_view(found.name));
    return out_of_range(column, std::string_view(name), found);
  }
  /// What the range says beside itself is of the region's own text.
  bool out_of_range(index_t column, std::string_view name, parameter_check const& p) noexcept {
    std::string_view const range = p.range;
    return tree_.fail(column, name, " is ", p.value, ", but must be ", range.substr(0, range.find(": "))) >= 0;
  }

  syntax_tree& tree_;
  region_builder numbers_;
};

}  // namespace detail

/// A public code that was read from text, or why there is none.
struct parsed_code {
  described_region region;  ///< the mask; keeps every token where the text is wrong
  loss_options options;     ///< positions, loss form, cap, clamp and aggregation
  status_text error;        ///< the column, what stands there and what was expected; empty where the text is right
  index_t column = 0;       ///< the column that it names, from 1; 0 where the text is right
  bool good = false;        ///< true if the text is right

  /// True if the text is right.
  explicit operator bool() const noexcept { return good; }
};

/// Reads a public code from its name, `verl_cppo(delta = 0.1, ratio_cap = 20)`, with `parity::` before it or not. A
/// code is a region and options of the call: only both together are that code, so that it is no text of a region.
///
/// Numbers, names of parameters, `$0` and JSON are as for `parse_region`. Allocates and throws nothing.
inline parsed_code parse_code(std::string_view text, std::span<double const> numbers = {}) noexcept {
  parsed_code result;
  detail::syntax_tree tree;
  int const all = detail::read_syntax(tree, text);
  detail::code_row::made made{};
  result.good = all >= 0 && detail::code_reader(tree, numbers).read(all, made);
  if (result.good) result.region = made.region, result.options = made.options;
  else result.error = tree.error(), result.column = tree.error_column();
  return result;
}

/// Calls f(name, parameters) for each public code that a text may name; `parameters` have ", " between them.
template <class F>
void each_code(F const& f) {
  for (detail::code_row const& row : detail::code_table) {
    status_text const parameters = row.parameter_names();
    f(row.name, std::string_view(parameters));
  }
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
