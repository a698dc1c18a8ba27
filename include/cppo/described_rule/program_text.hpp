/// @file
/// A part of a program as text: the C++ expression that makes it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/to_text.hpp>
#include <cppo/described_rule/program.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// A text that holds any rule.
using rule_text = fixed_text<16383>;

namespace detail {

/// Writes the expressions of parts of a program.
class program_text {
 public:
  explicit program_text(rule_program const& of, described_budget const& budget = {}) noexcept
      : of_(of), budget_(budget) {}
  /// What was written; empty if no text makes it.
  rule_text text() const noexcept { return good_ ? text_ : rule_text(); }
  /// Writes a part.
  void part(rule_part const& p) noexcept { value(p.first + p.size - 1); }

 protected:
  void word(std::string_view w) noexcept { text_.append(w); }

  rule_program const& of_;
  rule_text text_;

 private:
  /// How tightly an operator binds.
  enum class binds : std::uint8_t { either, both, sum, product, one };

  binds binding(int k) const noexcept {
    if (is_between(k)) return binds::one;
    switch (of_.nodes[k].what) {
      case rule_op::either: return binds::either;
      case rule_op::both: return binds::both;
      case rule_op::plus:
      case rule_op::minus:
      case rule_op::losses: return binds::sum;
      case rule_op::times:
      case rule_op::divide:
      case rule_op::weighted: return binds::product;
      default: return binds::one;
    }
  }
  bool is_between(int k) const noexcept {
    return of_.nodes[k].what == rule_op::both && of_.nodes[k].which == rule_node::bounds;
  }
  /// True if a node is 0 - q, which is written -q.
  bool is_opposite(int k) const noexcept {
    if (of_.nodes[k].what != rule_op::minus) return false;
    rule_node const& first = of_.nodes[of_.before(k - 1)];
    return first.what == rule_op::constant && std::bit_cast<std::uint64_t>(of_.numbers[first.number]) == 0;
  }
  /// What ends with node k.
  void value(int k) noexcept {
    rule_node const& n = of_.nodes[k];
    switch (n.what) {
      case rule_op::constant: return text_.append_exactly(of_.numbers[n.number]);
      case rule_op::measured: return word(divergence_names[n.which]);
      case rule_op::fold: return fold(of_.folds[n.which]);
      case rule_op::hashed:
        word("hashed("), text_.append_exactly(std::bit_cast<std::uint64_t>(of_.numbers[n.number]));
        return word(")");
      case rule_op::negated: return word("!"), enclosed(k - 1, binding(k - 1) != binds::one);
      case rule_op::prefix_budget:
        word("prefix_budget("), write_number(text_, of_.numbers[n.number]), word(", ");
        return write_budget(text_, budget_), word(")");
      case rule_op::below:
      case rule_op::above: return open_comparison(k);
      default: break;
    }
    if (n.what == rule_op::discount) word("quantities::");
    if (is_opposite(k)) return opposite(k - 1);
    if (is_between(k)) return between(k);
    if (binding(k) != binds::one) return infix(k);
    with_row(n.what, [&](auto, auto row) { call(k, decltype(row)::name, decltype(row)::takes, decltype(row)::text); });
  }
  void enclosed(int k, bool in) noexcept { word(in ? "(" : ""), value(k), word(in ? ")" : ""); }
  void opposite(int q) noexcept {
    good_ = good_ && of_.nodes[q].what != rule_op::constant;  // a number alone is negated at once
    word("-"), enclosed(q, binding(q) != binds::one);
  }
  void infix(int k) noexcept {
    rule_op const what = of_.nodes[k].what;
    int const right = k - 1, left = of_.before(right);
    bool const constants = of_.nodes[left].what == rule_op::constant && of_.nodes[right].what == rule_op::constant;
    good_ = good_ && !constants;  // arithmetic on numbers is done at once
    auto const own = [&](int i) { return is_opposite(i) ? binds::one : binding(i); };
    bool const mixed = what == rule_op::either && own(left) == binds::both;
    enclosed(left, own(left) < binding(k) || mixed);
    with_row(what, [&](auto, auto row) { word(" "), word(decltype(row)::name), word(" "); });
    enclosed(right, own(right) <= binding(k) || (what == rule_op::either && own(right) == binds::both));
  }
  void between(int k) noexcept {
    int const high = k - 1, low = of_.before(high);
    word("between("), value(of_.before(low - 1)), word(", "), bound(low, rule_op::above, "above(");
    word(", "), bound(high, rule_op::below, "below("), word(")");
  }
  void bound(int comparison, rule_op open, std::string_view opened) noexcept {
    bool const outside = of_.nodes[comparison].what == open;
    word(outside ? opened : ""), value(comparison - 1), word(outside ? ")" : "");
  }
  void open_comparison(int k) noexcept {
    bool const below = of_.nodes[k].what == rule_op::below;
    word(below ? "at_most(" : "at_least("), value(of_.before(k - 1)), word(below ? ", below(" : ", above(");
    value(k - 1), word("))");
  }
  void fold(rule_fold const& f) noexcept {
    statistic_name const s = name_of(f.statistic);
    word(name_of(f.range)), word("("), word(s.name), word("("), part(f.of);
    if (!is_plain(f.statistic)) {
      word(", "), word(s.rank), word(s.rank.empty() ? "" : "(");
      text_.append_exactly(of_.numbers[f.number]), word(s.rank.empty() ? "" : ")");
    }
    word("))");
  }
  /// A name and its arguments.
  void call(int k, std::string_view name, operand_list const& takes, node_parameters const& parameters) noexcept {
    rule_node const& n = of_.nodes[k];
    word(name);
    int ends[3] = {};
    for (int i = takes.count, at = k - 1; i-- > 0; at = of_.before(at)) ends[i] = at;
    int written = 0;
    for (int p = 0; p < parameters.count; ++p) {
      node_parameter const& x = parameters.of[p];
      bool const number = x.what == node_parameter::is::number;
      double const* const numbers = of_.numbers + n.number;
      bool const usual = number ? x.place > 0 && numbers[x.place] == numbers[x.place - 1]
                                : of_.nodes[ends[x.place]].what == rule_op::ratio;
      if (x.may_lack && usual) continue;
      word(written++ == 0 ? "(" : ", ");
      if (number) text_.append_exactly(numbers[x.place]);
      else value(ends[x.place]);
    }
    if (written > 0) word(")");
  }

  described_budget budget_;
  bool good_ = true;
};

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
