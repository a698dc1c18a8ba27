/// @file
/// Makes the program of a rule of its draft. Equal rules have equal programs, however they were made.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described_rule/draft.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Copies the pieces of a draft into a program: numbers and folds in the order in which they are met, each once.
class rule_writer {
 public:
  constexpr rule_writer(rule_draft const& from, rule_program& to) noexcept : from_(from), to_(to) {}
  /// False if it does not fit.
  constexpr bool write() noexcept {
    nodes mask, loss, penalty;
    fits_ = from_.fits();
    copy(from_.mask, mask), copy(from_.loss, loss), copy(from_.penalty, penalty);
    count_clauses(mask);
    to_.mask = append(mask), to_.loss = append(loss), to_.penalty = append(penalty);
    if (!fits_) return refuse();
    ask_for_slopes(to_.loss), ask_for_slopes(to_.penalty);
    find_of_positions();
    return true;
  }
  /// The same of an advantage rule, which has one part, `mask`: no clause is counted, and no slope asked for.
  constexpr bool write_alone(rule_piece const& rule) noexcept {
    nodes all;
    fits_ = from_.fits();
    most_levels_ = rule_program::most_folds;  // a call reads once more for each, and keeps nothing of it
    copy(rule, all);
    to_.mask = append(all);
    if (fits_) return true;
    to_ = rule_program{};
    to_.nodes[0].what = rule_op::reward;
    to_.mask = {0, 1}, to_.node_count = 1;
    return false;
  }

 private:
  struct nodes {
    rule_node of[rule_program::most_nodes] = {};
    int size = 0;
  };
  constexpr bool refuse() noexcept {
    to_ = rule_program{};
    to_.nodes[0].what = rule_op::keep_all, to_.nodes[1].what = rule_op::ratio_loss;
    to_.nodes[2].what = rule_op::nothing;
    to_.mask = {0, 1}, to_.loss = {1, 1}, to_.penalty = {2, 1};
    to_.node_count = 3;
    return false;
  }
  /// Copies a piece, and what its folds fold into the program. Checks how many values wait.
  constexpr void copy(rule_piece const& p, nodes& to) noexcept {
    int depth = 0;
    for (int k = 0; k < p.size && fits_; ++k) {
      draft_node const& n = from_[p.first + k];
      rule_node made;
      made.what = n.what, made.which = n.which;
      int taken = 0, numbers = 0;
      with_row(n.what, [&](auto, auto row) { taken = decltype(row)::takes.count, numbers = decltype(row)::numbers; });
      depth += 1 - taken;
      fits_ = fits_ && depth <= rule_program::deepest && to.size < rule_program::most_nodes;
      if (!fits_) return;
      if (n.what == rule_op::fold) made.which = fold(from_.fold(n.which));
      if (numbers > 0) made.number = place(n.number, numbers);
      to.of[to.size++] = made;
    }
  }
  /// The place of consecutive numbers of the draft in the program.
  constexpr std::uint8_t place(int first, int count) noexcept {
    double wanted[2] = {};
    for (int k = 0; k < count; ++k) wanted[k] = from_.number(first + k);
    return place(wanted, count);
  }
  constexpr std::uint8_t place(double const* wanted, int count) noexcept {
    auto const bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
    for (int at = 0; at + count <= to_.number_count; ++at) {
      bool same = true;
      for (int k = 0; k < count; ++k) same = same && bits(to_.numbers[at + k]) == bits(wanted[k]);
      if (same) return static_cast<std::uint8_t>(at);
    }
    int const at = to_.number_count;
    fits_ = fits_ && at + count <= rule_program::most_numbers;
    for (int k = 0; k < count && fits_; ++k) to_.numbers[to_.number_count++] = wanted[k];
    return static_cast<std::uint8_t>(at);
  }
  /// The number of a fold in the program.
  constexpr std::uint8_t fold(draft_fold const& f) noexcept {
    nodes body;
    copy(f.of, body);
    rule_fold made;
    made.range = f.range, made.statistic = f.statistic;
    if (!is_plain(f.statistic)) made.number = place(&f.parameter, 1);
    for (int k = 0; k < body.size; ++k) {
      if (body.of[k].what != rule_op::fold) continue;
      int const inner = to_.folds[body.of[k].which].level;
      made.level = static_cast<std::uint8_t>(inner >= made.level ? inner + 1 : made.level);
    }
    fits_ = fits_ && made.level <= most_levels_;
    if (!fits_) return 0;
    for (int k = 0; k < to_.fold_count; ++k) {
      if (same_fold(to_.folds[k], made, body)) return static_cast<std::uint8_t>(k);
    }
    return add(made, body);
  }
  constexpr std::uint8_t add(rule_fold made, nodes const& body) noexcept {
    fits_ = fits_ && to_.fold_count < rule_program::most_folds;
    if (!fits_) return 0;
    made.opens = true;
    made.state = 0;
    for (int k = 0; k < to_.fold_count; ++k) {
      rule_fold const& other = to_.folds[k];
      bool const shared = is_plain(other.statistic) && is_plain(made.statistic) && other.range == made.range;
      if (made.opens && shared && same_nodes(other.of, body)) {
        made.opens = false, made.state = other.state, made.of = other.of;
      } else if (made.opens && other.opens) {
        made.state = static_cast<std::uint8_t>(other.state + 1);
      }
    }
    if (made.opens) made.of = append(body);
    to_.folds[to_.fold_count] = made;
    return to_.fold_count++;
  }
  constexpr bool same_fold(rule_fold const& f, rule_fold const& made, nodes const& body) const noexcept {
    return f.range == made.range && f.statistic == made.statistic && f.number == made.number &&
           same_nodes(f.of, body);
  }
  constexpr bool same_nodes(rule_part const& p, nodes const& body) const noexcept {
    bool same = p.size == body.size;
    for (int k = 0; same && k < body.size; ++k) same = to_.nodes[p.first + k] == body.of[k];
    return same;
  }
  constexpr rule_part append(nodes const& n) noexcept {
    rule_part const made{to_.node_count, static_cast<std::uint8_t>(n.size)};
    fits_ = fits_ && to_.node_count + n.size <= rule_program::most_nodes;
    for (int k = 0; k < n.size && fits_; ++k) to_.nodes[to_.node_count++] = n.of[k];
    return made;
  }

  /// Finds the kinds of the clauses of a mask that stand under no negation.
  constexpr void count_clauses(nodes& mask) noexcept {
    int last = mask.size - 1;
    if (fits_) count_clause(mask, last);
  }
  /// Of the mask that ends with node `k`; then `k` is the node before it.
  constexpr void count_clause(nodes& mask, int& k) noexcept {
    rule_node& n = mask.of[k];
    if (n.what == rule_op::both || n.what == rule_op::either) {
      --k;
      count_clause(mask, k);
      return count_clause(mask, k);
    }
    if (n.what == rule_op::negated) return pass_over(mask, k);
    int const at = k;
    pass_over(mask, k);
    mask.of[at].counted = kind_of(mask, at, k);
  }
  /// The kind of the clause that ends with node `at` and begins after node `before`.
  constexpr clause kind_of(nodes const& mask, int at, int before) const noexcept {
    clause found = clause::other;
    with_row(mask.of[at].what, [&](auto, auto row) {
      if constexpr (requires { decltype(row)::kind; }) found = decltype(row)::kind;
    });
    bool const compares = at - before > 1;
    if (!compares) return found;
    int left = at - 1;  // past the bound is what is compared
    pass_over(mask, left);
    rule_node const& q = mask.of[left];
    if (q.what == rule_op::fold) {
      return to_.folds[q.which].range == fold_range::response ? clause::response : clause::other;
    }
    with_row(q.what, [&](auto, auto row) {
      if constexpr (requires { typename decltype(row)::type; }) found = clause_of<typename decltype(row)::type>;
    });
    return found;
  }
  /// Makes `k` the node before the first of what ends with node `k`.
  static constexpr void pass_over(nodes const& of, int& k) noexcept {
    for (int missing = 1; missing > 0; --k) {
      with_row(of.of[k].what, [&](auto, auto row) { missing += decltype(row)::takes.count - 1; });
    }
  }

  /// Finds the largest parts that depend on the position alone and take a function, from the last to the first. Their
  /// slope is 0 whether they are found before the first token or at each, as if nothing of them were 0 / 0.
  constexpr void find_of_positions() noexcept {
    rule_part found[rule_program::most_of_positions];
    int count = 0, size = 0;
    for (int k = to_.node_count; k-- > 0; k -= size) {
      size = size_of_position(k);
      if (size == 0) continue;
      rule_part const part{static_cast<std::uint8_t>(k + 1 - size), static_cast<std::uint8_t>(size)};
      to_.nodes[k].flat = true;
      for (int inner = part.first; inner < k; ++inner) to_.nodes[inner].sloped = false;
      if (count < rule_program::most_of_positions) found[count++] = part;
      --size;
    }
    to_.of_position_count = static_cast<std::uint8_t>(count);
    for (int k = 0; k < count; ++k) to_.of_positions[k] = found[count - 1 - k];
  }
  /// The number of nodes of the piece that ends with node `last`, if it depends on the position alone; else 0.
  constexpr int size_of_position(int last) const noexcept {
    bool function = false, all = true;
    int k = last;
    for (int missing = 1; missing > 0 && all; --k) {
      with_row(to_.nodes[k].what, [&](auto op, auto row) {
        using R = decltype(row);
        constexpr bool leaf = op() == rule_op::constant || op() == rule_op::position_value;
        bool numbers = R::gives == operand::number;
        for (int i = 0; i < R::takes.count; ++i) numbers = numbers && R::takes.of[i] == operand::number;
        all = numbers && (leaf || R::takes.count > 0);
        function = function || op() == rule_op::exponential || op() == rule_op::logarithm;
        missing += R::takes.count - 1;
      });
    }
    return all && function ? last - k : 0;
  }

  /// Marks the nodes whose slopes are asked for, from the last to the first.
  constexpr void ask_for_slopes(rule_part const& p) noexcept {
    bool waiting[rule_program::most_nodes + 3] = {true};
    int top = 0;
    for (int k = p.size; k-- > 0;) {
      rule_node& n = to_.nodes[p.first + k];
      bool const asked = waiting[top--];
      n.sloped = n.sloped || asked;
      if (n.what == rule_op::fold && asked && to_.folds[n.which].range != fold_range::before)
        ask_for_slopes(to_.folds[n.which].of);
      with_row(n.what, [&](auto, auto row) {
        using R = decltype(row);
        for (int i = 0; i < R::takes.count; ++i) waiting[++top] = asked && asks_slope<R>(i);
      });
    }
  }
  /// True if a node whose slope is asked for asks for that of operand i.
  template <class R>
  static constexpr bool asks_slope(int i) noexcept {
    if (R::takes.of[i] == operand::loss) return true;
    if (R::takes.of[i] == operand::mask || R::gives == operand::mask) return false;
    if (R::gives == operand::loss) return R::differentiates && i == 0;
    if constexpr (R::gives == operand::number && R::takes.count > 0) return (slopes_asked<R>() >> i & 1U) != 0;
    else return false;
  }

  rule_draft const& from_;
  rule_program& to_;
  bool fits_ = true;
  int most_levels_ = rule_program::most_levels;
};

/// Calls f(argument) for each input that a program reads beside log-probs and advantage.
template <class F>
constexpr void each_input_of_program(rule_program const& of, F const& f) {
  for (int k = 0; k < of.node_count; ++k) {
    rule_node const& n = of.nodes[k];
    if (n.what == rule_op::measured) each_input(named_divergence(n.which), f);
    with_row(n.what, [&](auto, auto row) {
      using R = decltype(row);
      if constexpr (where_known<R>() != known_in::advantages && requires { typename R::type; }) {
        if constexpr (std::is_empty_v<typename R::type>) each_input(typename R::type{}, f);
      }
    });
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
