/// @file
/// Puts a region together from the tree of its text.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/json.hpp>
#include <cppo/described/nearest.hpp>
#include <cppo/described/table.hpp>

#include <charconv>
#include <limits>
#include <span>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Puts a region together from the tree of its text, by the rows of the table.
class region_builder {
 public:
  region_builder(syntax_tree& tree, std::span<double const> numbers) noexcept : tree_(tree), numbers_(numbers) {}
  /// The region of a node. False if the node is none; then the tree says why.
  bool build(int node, described_region& out) noexcept {
    if (!part(node, part_kind::region)) return false;
    out = draft_.region();
    return true;
  }
  /// Reads a part of the wanted kind into a draft. False if the node is none; then the tree says why.
  bool build(int node, part_kind wanted, region_draft& into) noexcept {
    draft_ = into;
    if (!part(node, wanted)) return false;
    into = draft_;
    return true;
  }
  /// Reads a number, or a whole one.
  /// @{
  bool read(int node, double& out) noexcept { return number(node, out); }
  bool read(int node, std::uint64_t& out) noexcept { return integer(node, out); }
  /// @}

 private:
  using kind = syntax_node::kind;

  /// Reads a part of the wanted kind into the draft.
  bool part(int node, part_kind wanted) noexcept {
    syntax_node const& n = tree_[node];
    if (wanted == part_kind::budget && is_number(node)) {
      double delta_b = 0.0;
      if (!number(node, delta_b)) return false;
      draft_.budget = fixed_budget(delta_b);
      return in_range(n, draft_.budget.check());
    }
    part_kind found = part_kind::number;
    if (!kind_of(node, found)) return false;
    if (found != wanted) return refuse_kind(n, wanted, found);
    if (wanted == part_kind::mask) return mask(node);
    if (wanted == part_kind::divergence) return divergence(n);
    return row_of(node, wanted);
  }
  bool divergence(syntax_node const& n) noexcept {
    if (n.what == kind::call && n.first >= 0) {
      return tree_.fail(tree_[n.first].column, name_in(n), " takes no arguments") >= 0;
    }
    draft_.divergence = named_divergence::find(name_in(n));
    return true;
  }
  /// Appends the steps of a mask.
  bool mask(int node) noexcept {
    syntax_node const& n = tree_[node];
    mask_step step = mask_step::keep_all;
    if (!operation(n, step)) return row_of(node, part_kind::mask);
    bool const none = step == mask_step::negated && n.what == kind::call;
    mask_step const joined = step == mask_step::negated ? mask_step::either : step;
    int operands = 0;
    for (int i = n.first; i >= 0; i = tree_[i].next, ++operands) {
      if (!tree_[i].name.empty()) return tree_.fail(tree_[i].name_column, name_of(step), " takes no names") >= 0;
      if (!part(i, part_kind::mask)) return false;
      if (operands > 0 && !append(n, {joined})) return false;
    }
    if (operands == 0 && !append(n, {joined == mask_step::both ? mask_step::keep_all : mask_step::keep_none})) {
      return false;
    }
    return (none || step == mask_step::negated) ? append(n, {mask_step::negated}) : true;
  }
  /// True if the node combines masks, by an operator or by all_of, any_of or none_of.
  static bool operation(syntax_node const& n, mask_step& step) noexcept {
    for (mask_step const s : {mask_step::both, mask_step::either, mask_step::negated}) {
      bool const sign = (s == mask_step::both && n.what == kind::both) ||
                        (s == mask_step::either && n.what == kind::either) ||
                        (s == mask_step::negated && n.what == kind::negated);
      if (sign || (n.what == kind::call && name_in(n) == name_of(s))) return step = s, true;
    }
    return false;
  }
  bool append(syntax_node const& n, described_mask::step s) noexcept {
    if (draft_.mask.append(s)) return true;
    return tree_.fail(n.column, "a described region holds at most ", index_t{described_mask::capacity},
                      " clauses and operators") >= 0;
  }

  /// Reads the arguments of a named part and makes it.
  bool row_of(int node, part_kind wanted) noexcept {
    syntax_node const& n = tree_[node];
    part_row const* const row = find_row(name_in(n));
    int given[part_arguments::most];
    part_arguments values;
    if (!place(n, *row, given) || !evaluate(n, *row, given, values)) return false;
    if (wanted == part_kind::mask && row->name == name_of(mask_step::prefix_budget) && draft_.mask.has_budget()) {
      return tree_.fail(n.column, "a trust region holds at most one prefix_budget") >= 0;
    }
    region_draft const before = draft_;
    if (!row->make(draft_, values)) return refuse_parts(n, *row);
    parameter_check const found = checked(draft_, wanted);
    if (found) return true;
    for (int p = 0; p < row->parameters(); ++p) {
      if (values.given[p] && decides(before, *row, values, p, found)) return in_range(tree_[given[p]], found);
    }
    return in_range(n, found);
  }
  /// True if number p is what is out of range: what is found of another number in its place is that number's.
  static bool decides(region_draft draft, part_row const& row, part_arguments values, int p,
                      parameter_check const& found) noexcept {
    if (row.takes[p].kind != part_kind::number) return false;
    auto const is_nan = [](double x) { return x != x; };
    using limits = std::numeric_limits<double>;
    values.number[p] = is_nan(values.number[p]) ? -limits::infinity() : limits::quiet_NaN();
    row.make(draft, values);
    parameter_check const then = checked(draft, row.makes);
    return !then && std::string_view(then.name) == found.name && is_nan(then.value) != is_nan(found.value);
  }
  /// Finds for each parameter the argument that is given to it, -1 if there is none.
  bool place(syntax_node const& n, part_row const& row, int (&given)[part_arguments::most]) noexcept {
    for (int& g : given) g = -1;
    int next = 0;
    for (int i = n.first; i >= 0; i = tree_[i].next) {
      int const at = tree_[i].name.empty() ? unnamed(i, row, next) : named(i, row);
      if (at < 0) return false;
      if (given[at] >= 0) return tree_.fail(tree_[i].column, row.takes[at].name, " is given twice") >= 0;
      given[at] = i;
      if (tree_[i].name.empty()) next = at + 1;
    }
    for (int p = 0; p < row.parameters(); ++p) {
      if (row.takes[p].must_be == part_parameter::given::always && given[p] < 0) {
        return tree_.fail(n.column, row.name, " lacks its ", row.takes[p].name, ": ", signature(row)) >= 0;
      }
    }
    return true;
  }
  int named(int i, part_row const& row) noexcept {
    syntax_node const& a = tree_[i];
    for (int p = 0; p < row.parameters(); ++p) {
      if (row.takes[p].name == a.name) return p;
    }
    return tree_.fail(a.name_column, row.name, " has no parameter ", a.name, ": ", signature(row));
  }
  /// The first parameter from `next` on that may be what the argument is.
  int unnamed(int i, part_row const& row, int next) noexcept {
    part_kind found = part_kind::number;
    if (!kind_of(i, found)) return -1;
    if (found == part_kind::number && row.give == part_row::numbers::by_name) {
      return tree_.fail(tree_[i].column, "the numbers of ", row.name, " are given by name: ", signature(row));
    }
    for (int p = next; p < row.parameters(); ++p) {
      part_kind const k = row.takes[p].kind;
      bool const takes_number = k == part_kind::number || k == part_kind::integer || k == part_kind::budget;
      if (k == found || (found == part_kind::number && takes_number)) return p;
      if (row.takes[p].must_be == part_parameter::given::always) break;
    }
    return tree_.fail(tree_[i].column, row.name, " has no place for a ", part_kind_names[static_cast<int>(found)],
                      " here: ", signature(row));
  }
  /// Reads the arguments: numbers into `values`, parts into the draft.
  bool evaluate(syntax_node const& n, part_row const& row, int const (&given)[part_arguments::most],
                part_arguments& values) noexcept {
    for (int p = 0; p < row.parameters(); ++p) {
      if (given[p] < 0) continue;
      part_kind const k = row.takes[p].kind;
      values.given[p] = true;
      if (k == part_kind::number ? !number(given[p], values.number[p])
          : k == part_kind::integer ? !integer(given[p], values.integer)
                                    : !part(given[p], k)) {
        return false;
      }
      bool const reports = row.make == &rows::report && k == part_kind::region;
      if (reports && (draft_.reports_only || !(draft_.divergence == named_divergence(no_divergence)))) {
        return tree_.fail(n.column, "this region has a divergence and reports it: reporting is for one without") >= 0;
      }
    }
    return true;
  }
  bool refuse_parts(syntax_node const& n, part_row const& row) noexcept {
    if (row.makes == part_kind::mask) return append(n, {mask_step::keep_all}), false;
    if (row.makes == part_kind::weight) return tree_.fail(n.column, "a weight is shuffled once") >= 0;
    return tree_.fail(n.column, "this mask decides by sums, means or maxima of a divergence, but reporting gives one ",
                      "for the report alone: write trust_region(divergence, weight, mask)") >= 0;
  }
  /// Whether what was just made is in range.
  static parameter_check checked(region_draft const& draft, part_kind made) noexcept {
    switch (made) {
      case part_kind::weight: return draft.weight.check();
      case part_kind::mask: return draft.mask.check(draft.budget);
      case part_kind::budget: return draft.budget.check();
      case part_kind::region: return draft.region().check();
      default: return true;
    }
  }
  bool in_range(syntax_node const& n, parameter_check const& p) noexcept {
    return p || tree_.fail(n.column, std::string_view(p.name), " is ", p.value, ", but must be ",
                           std::string_view(p.range)) >= 0;
  }

  bool number(int node, double& out) noexcept {
    std::string_view const text = tree_[node].text;
    if (!is_number(node)) return refuse(node, part_kind::number);
    if (text == "inf") return out = std::numeric_limits<double>::infinity(), true;
    if (text == "nan") return out = std::numeric_limits<double>::quiet_NaN(), true;
    if (text.starts_with('$')) return lent_number(node, out);
    return from_digits(node, out);
  }
  /// $k: number k of those that come with the text.
  bool lent_number(int node, double& out) noexcept {
    std::uint64_t k = 0;
    if (!reads(tree_[node].text.substr(1), k)) {
      return tree_.fail(tree_[node].column, "expected the place of a number as $0, found ", tree_[node].text) >= 0;
    }
    if (k < numbers_.size()) return out = numbers_[k], true;
    return tree_.fail(tree_[node].column, tree_[node].text, " asks for a number that does not come with the text: of ",
                      static_cast<index_t>(numbers_.size()), " the first is $0") >= 0;
  }
  bool integer(int node, std::uint64_t& out) noexcept {
    return tree_[node].what == kind::number ? from_digits(node, out) : refuse(node, part_kind::integer);
  }
  template <class T>
  static bool reads(std::string_view digits, T& out) noexcept {
    char const* const last = digits.data() + digits.size();
    std::from_chars_result const read = std::from_chars(digits.data(), last, out);
    return read.ec == std::errc{} && read.ptr == last;
  }
  template <class T>
  bool from_digits(int node, T& out) noexcept {
    syntax_node const& n = tree_[node];
    if (reads(n.text, out)) return true;
    bool const whole = std::is_integral_v<T>;
    return tree_.fail(n.column, n.text, whole ? " is no whole number from 0 to 2^64 - 1" : " is no number") >= 0;
  }
  bool refuse(int node, part_kind wanted) noexcept {
    part_kind found = part_kind::number;
    return kind_of(node, found) && refuse_kind(tree_[node], wanted, found);
  }
  bool refuse_kind(syntax_node const& n, part_kind wanted, part_kind found) noexcept {
    std::string_view const what = found == part_kind::number ? n.text : name_in(n);
    bool const sign = n.what == kind::both || n.what == kind::either || n.what == kind::negated;
    return tree_.fail(n.column, "expected a ", part_kind_names[static_cast<int>(wanted)], ", found ",
                      sign ? "a combination of masks" : what, sign || found == part_kind::number ? "" : ", which is a ",
                      sign || found == part_kind::number ? "" : part_kind_names[static_cast<int>(found)], ": ",
                      names_of(wanted)) >= 0;
  }

  /// What a node is, by its name. False if no part has that name.
  bool kind_of(int node, part_kind& out) noexcept {
    syntax_node const& n = tree_[node];
    mask_step step = mask_step::keep_all;
    if (is_number(node)) return out = part_kind::number, true;
    if (operation(n, step)) return out = part_kind::mask, true;
    if (n.what >= kind::plus) {
      return tree_.fail(n.column, "arithmetic has no place here: write the number that it comes to") >= 0;
    }
    std::string_view const name = name_in(n);
    if (named_divergence::find(name).check()) return out = part_kind::divergence, true;
    if (part_row const* const row = find_row(name); row != nullptr) return out = row->makes, true;
    for (mask_step const s : {mask_step::both, mask_step::either, mask_step::negated}) {
      if (name == name_of(s)) return tree_.fail(n.column, name, " lacks its masks: ", name, "(mask, mask)") >= 0;
    }
    std::string_view const near = name_near(name);
    std::string_view const hint = near.empty() ? "" : ": did you mean ";
    return tree_.fail(n.column, "there is nothing named ", name, hint, near, near.empty() ? "" : "?") >= 0;
  }
  bool is_number(int node) const noexcept {
    syntax_node const& n = tree_[node];
    return n.what == kind::number || (n.what == kind::word && (n.text == "inf" || n.text == "nan"));
  }
  static std::string_view name_in(syntax_node const& n) noexcept {
    return n.text.starts_with("cppo::") ? n.text.substr(6) : n.text;
  }
  syntax_tree& tree_;
  std::span<double const> numbers_;
  region_draft draft_;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
