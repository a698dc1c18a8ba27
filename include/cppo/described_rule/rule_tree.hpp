/// @file
/// The tree of a rule's text: the kinds of its pieces, the places of arguments, and sentences for what does not fit.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/builder.hpp>
#include <cppo/described_rule/arguments.hpp>
#include <cppo/described_rule/function_names.hpp>
#include <cppo/described_rule/remedies.hpp>
#include <cppo/described_rule/words.hpp>
#include <cppo/described_rule/writer.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Whether what does not fit is said.
enum class tell : bool { no, yes };

/// The tree of a text and the draft that is made of it.
class rule_tree {
 public:
  rule_tree(syntax_tree& tree, rule_draft& draft, std::span<double const> numbers, vocabulary const& words) noexcept
      : tree_(tree), draft_(draft), parts_(tree, numbers), words_(words) {}

  static constexpr rule_word word_of(operand o) noexcept {
    return o == operand::mask ? rule_word::mask : o == operand::loss ? rule_word::loss : rule_word::quantity;
  }

 protected:
  bool of_advantage() const noexcept { return words_.where == known_in::advantages; }
  static constexpr int ops = static_cast<int>(rule_op::count);

  bool is_number(int node) const noexcept {
    syntax_node const& n = tree_[node];
    bool const word = n.what == syntax_node::kind::word && (n.text == "inf" || n.text == "nan");
    return n.what == syntax_node::kind::number || word;
  }
  std::string_view name_in(int node) const noexcept {
    std::string_view name = tree_[node].text;
    if (name.starts_with("cppo::")) name.remove_prefix(6);
    if (name.starts_with("quantities::")) name.remove_prefix(12);
    if (name == "whitening::population_floor" || name == "whitening::unbiased_plus") name.remove_prefix(11);
    return name;
  }
  /// The row of this name that takes most.
  static row_info row_for(std::string_view name) noexcept {
    row_info found;
    for (int i = 0; i < ops; ++i) {
      row_info const row = info_of(static_cast<rule_op>(i));
      if (row.name == name && (found.op == rule_op::count || row.text.count > found.text.count)) found = row;
    }
    return found;
  }
  static bool has_row(std::string_view name) noexcept { return row_for(name).op != rule_op::count; }
  text_row const* function(std::string_view name) const noexcept {
    for (text_row const& row : words_.functions) {
      if (row.name == name) return &row;
    }
    return nullptr;
  }
  bool is_function(std::string_view name) const noexcept { return function(name) != nullptr; }
  /// The row that a call with one word, a preset, stands for.
  text_row const* preset_of(int node) const noexcept {
    int const first = tree_[node].first;
    if (first < 0 || tree_[first].next >= 0) return nullptr;
    for (text_row const& row : words_.functions) {
      if (row.name == name_in(node) && !row.preset.empty() && row.preset == name_in(first)) return &row;
    }
    return nullptr;
  }
  rule_piece piece_of(rule_built const& x) noexcept {
    return x.kind == rule_word::number ? draft_.constant(x.number) : x.piece;
  }
  static bool fits(rule_word wanted, rule_built const& x) noexcept {
    return x.kind == wanted || (wanted == rule_word::quantity && x.kind == rule_word::number);
  }
  /// The piece of a value that must be of a kind.
  bool as(int node, rule_word wanted, rule_built const& x, rule_piece& out) noexcept {
    if (!fits(wanted, x)) return refuse(node, wanted, x);
    if (x.kind == rule_word::number && x.number != x.number)
      return fault(tree_[node].column, quantities::constant{x.number}.check());
    return out = piece_of(x), true;
  }
  /// Says what is wrong with a node. Always false.
  template <class... Words>
  bool fail(int node, Words const&... words) noexcept {
    return tree_.fail(tree_[node].column, words...) >= 0;
  }
  bool refuse(int node, rule_word wanted, rule_built const& found) noexcept {
    std::string_view const text = tree_[node].text;
    return fail(node, "expected a ", word(wanted), ", found ", text.empty() ? "a combination" : text, ", which is a ",
                word(found.kind), remedy(wanted, found.kind));
  }
  std::string_view remedy(rule_word wanted, rule_word found) const noexcept {
    return of_advantage() ? remedy_of_advantage(wanted, found) : remedy_of_region(wanted, found);
  }
  /// Says that the draft is full. Always false.
  bool too_large() noexcept {
    return tree_.fail(1, of_advantage() ? too_large_of_advantage : too_large_of_region) >= 0;
  }
  static std::string_view word(rule_word w) noexcept { return rule_word_names[static_cast<int>(w)]; }
  bool fault(index_t column, parameter_check const& p) noexcept {
    std::string_view const name = p.name, range = p.range;
    return tree_.fail(column, name, " is ", p.value, ", but must be ", range) >= 0;
  }
  /// Says which number of a call is out of range, at its argument.
  bool in_range(int node, rule_arguments const& args, given_parameters const& given,
                parameter_check const& p) noexcept {
    if (p) return true;
    int found = -1;
    blame most = blame::none;
    for (int k = 0; k < given.count; ++k) {
      auto const& [name, i] = given.of[k];
      if (i < 0 || args.value[i].kind != rule_word::number) continue;
      blame const b = blame_of(name, args.value[i].number, p);
      if (b > most) most = b, found = k;
    }
    if (found < 0) return out_of_range(node, node, p.name, p);
    int const i = given.of[found].argument;
    parameter_check const of_epsilon{false, p.name, p.value, "0 or more: it is a distance from 1, to either side"};
    parameter_check said = most == blame::epsilon ? of_epsilon : p;
    said.value = args.value[i].number;
    return out_of_range(node, args.node[i], given.of[found].name, said);
  }
  /// Says what is out of range in a call, at a node. Always false.
  bool out_of_range(int call, int at, std::string_view name, parameter_check const& p) noexcept {
    std::string_view const range = p.range;
    return tree_.fail(tree_[at].column, name_in(call), ": ", name, " is ", p.value, ", but must be ", range) >= 0;
  }
  /// Finds the places of the arguments of a node's function.
  bool place(int node, rule_arguments const& args, row_info const& row, placed_arguments& to, tell t) noexcept {
    int next = 0;
    for (int i = 0; i < args.count; ++i) {
      std::string_view const name = tree_[args.node[i]].name;
      int p = next;
      if (!name.empty()) {
        for (p = 0; p < row.text.count && row.text.of[p].name != name;) ++p;
      }
      if (p >= row.text.count) return misplaced(args.node[i], row.name, signature(row), t);
      node_parameter const& into = row.text.of[p];
      bool const number = into.what == node_parameter::is::number;
      rule_word const wanted = number ? rule_word::number : word_of(row.takes.of[into.place]);
      if (!fits(wanted, args.value[i])) return t == tell::yes ? refuse(args.node[i], wanted, args.value[i]) : false;
      int& at = number ? to.number[into.place] : to.operand[into.place];
      if (at >= 0) return t == tell::yes && fail(args.node[i], into.name, " is given twice");
      at = i, next = p + 1;
    }
    for (int p = 0; p < row.text.count; ++p) {
      node_parameter const& into = row.text.of[p];
      int const at = into.what == node_parameter::is::number ? to.number[into.place] : to.operand[into.place];
      if (at < 0 && !into.may_lack) return lacks(node, row.name, into.name, signature(row), t);
    }
    return true;
  }
  /// The same of a function of table.hpp.
  bool place(int node, rule_arguments const& args, text_row const& row, text_arguments& to, tell t) noexcept {
    int next = 0;
    for (int i = 0; i < args.count; ++i) {
      std::string_view const name = tree_[args.node[i]].name;
      int p = next;
      if (!name.empty()) {
        for (p = 0; p < row.parameters() && row.takes[p].name != name;) ++p;
      }
      if (p >= row.parameters()) return misplaced(args.node[i], row.name, signature(row), t);
      bool const whole = row.takes[p].kind == rule_word::integer;
      rule_word const wanted = whole ? rule_word::number : row.takes[p].kind;
      if (!fits(wanted, args.value[i])) return t == tell::yes ? refuse(args.node[i], wanted, args.value[i]) : false;
      if (to.given[p]) return t == tell::yes && fail(args.node[i], row.takes[p].name, " is given twice");
      if (whole && !parts_.read(args.node[i], to.integer)) return false;
      bool const form = wanted == rule_word::whitening;
      double const x = form ? draft_.number(draft_.root(args.value[i].piece).number) : args.value[i].number;
      to.given[p] = true, to.number[p] = x, to.from[p] = i, next = p + 1;
    }
    for (int p = 0; p < row.parameters(); ++p) {
      if (row.takes[p].must_be && !to.given[p]) return lacks(node, row.name, row.takes[p].name, signature(row), t);
    }
    return true;
  }
  bool misplaced(int argument, std::string_view name, status_text const& takes, tell t) noexcept {
    syntax_node const& a = tree_[argument];
    if (t == tell::no) return false;
    if (a.name.empty()) return tree_.fail(a.column, name, " takes no more: ", std::string_view(takes)) >= 0;
    return tree_.fail(a.name_column, name, " has no parameter ", a.name, ": ", std::string_view(takes)) >= 0;
  }
  bool lacks(int node, std::string_view name, std::string_view what, status_text const& takes, tell t) noexcept {
    return t == tell::yes && fail(node, name, " lacks its ", what, ": ", std::string_view(takes));
  }
  /// `clipped(low, high, r)`
  template <class Row>
  static status_text signature(Row const& row) noexcept {
    status_text s;
    s.append(row.name);
    int n = 0;
    auto const add = [&](std::string_view p) { s.append(std::string_view(n++ == 0 ? "(" : ", ")), s.append(p); };
    if constexpr (std::is_same_v<Row, text_row>) {
      for (int p = 0; p < row.parameters(); ++p) add(row.takes[p].name);
    } else {
      for (int p = 0; p < row.text.count; ++p) add(row.text.of[p].name);
    }
    if (n > 0) s.append(std::string_view(")"));
    return s;
  }
  /// The arguments of a call that makes a region, in the order of its parameters.
  bool parts_of(int node, std::string_view name, int (&args)[4]) noexcept {
    int const wanted = name == "trust_region" ? 3 : name == "mean_over_kept" ? 1 : 2;
    std::string_view const takes = wanted == 3 ? "divergence, weight, mask" : wanted == 1 ? "region"
                                   : name == "softened" ? "region, gate" : "region, divergence";
    if (!argument_order(tree_, node, name, takes).put()) return false;
    int n = 0;
    for (int i = tree_[node].first; i >= 0 && n < 4; i = tree_[i].next) args[n++] = i;
    return n == wanted || fail(node, name, " takes ", name, "(", takes, ")");
  }
  bool unknown(int node, std::string_view name) noexcept {
    if (is_function_elsewhere(words_.where, name)) return elsewhere(node, name);
    nearest_name nearest(name);
    auto const offer = [&](known_in where, std::string_view n) {
      if (words_.holds(where)) nearest.offer(n);
    };
    for (int i = 0; i < ops; ++i) offer(info_of(static_cast<rule_op>(i)).known, info_of(static_cast<rule_op>(i)).name);
    for (text_row const& row : words_.functions) nearest.offer(row.name);
    for (part_row const& row : part_rows) offer(known_in::regions, row.name);
    for (std::string_view const n : divergence_names) offer(known_in::regions, n);
    for (std::string_view const n : statistic_words) offer(where_statistic(n), n);
    for (spoken_word const& w : spoken_words) offer(w.known, w.name);
    for (std::string_view const n : {"all_of", "any_of", "none_of"}) nearest.offer(n);
    std::string_view const near = nearest.found(), hint = near.empty() ? "" : ": did you mean ";
    return fail(node, "there is nothing named ", name, hint, near, near.empty() ? "" : "?");
  }
  // ---- names of the other kind of text ----
  /// Where a row or a statistic is known. A name with several rows is known where the first is.
  static known_in where_name(std::string_view name) noexcept {
    for (int i = 0; i < ops; ++i) {
      row_info const row = info_of(static_cast<rule_op>(i));
      if (row.name == name) return row.known;
    }
    return is_rank(name) ? known_in::regions : where_statistic(name);
  }
  static bool is_of_region(std::string_view name) noexcept {
    part_row const* const part = find_row(name);
    if (part != nullptr && part->makes != part_kind::mask) return true;
    return name == "objective" || name == "mean_over_kept" || named_divergence::find(name).check();
  }
  bool elsewhere(int node, std::string_view name) noexcept {
    if (!of_advantage()) {
      return fail(node, name, " is known where advantages are computed: it stands in the text of an advantage rule, "
                  "and a region reads its result as advantage");
    }
    return fail(node, name, " is known in a region: an advantage rule reads reward, response_length, position_value, "
                "advantage, and sums, means, extremes and counts of them");
  }
  static constexpr std::string_view rank_words[] = {"share", "share_rounded_up", "at_quantile"};
  static bool is_statistic(std::string_view name) noexcept {
    return std::find(std::begin(statistic_words), std::end(statistic_words), name) != std::end(statistic_words);
  }
  static bool is_rank(std::string_view name) noexcept {
    return std::find(std::begin(rank_words), std::end(rank_words), name) != std::end(rank_words);
  }

  syntax_tree& tree_;
  rule_draft& draft_;
  region_builder parts_;
  vocabulary words_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
