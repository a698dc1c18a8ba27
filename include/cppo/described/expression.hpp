/// @file
/// The C++ form of a region's text.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/syntax.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What a text may hold: masks alone are combined in that of a region; numbers too in that of a rule.
enum class grammar : bool { regions, rules };

/// Reads the C++ form: `trust_region(binary_tv, uniform_weight, toward_rollout | divergence_within(0.15))`. Arguments
/// may be named, and stand in braces: `fixed_cppo(delta = 0.1)`, `fixed_cppo({.delta = 0.1}, binary_kl)`.
class expression_reader {
 public:
  expression_reader(syntax_tree& tree, std::string_view text, index_t before = 0,
                    grammar of = grammar::regions) noexcept
      : tree_(tree), at_(text, before), grammar_(of) {}
  /// The node of the whole text, -1 if it is wrong.
  int read() noexcept {
    int const all = either();
    if (all >= 0 && !at_.at_end()) {
      std::string_view const signs = grammar_ == grammar::rules ? "an operator" : "&, |";
      return tree_.fail(at_.column(), "expected ", signs, " or the end, found ", at_.here());
    }
    return all;
  }

 private:
  using kind = syntax_node::kind;

  int either() noexcept { return chain('|', kind::either, [this] { return both(); }); }
  int both() noexcept { return chain('&', kind::both, [this] { return sum(); }); }
  int sum() noexcept {
    if (grammar_ == grammar::regions) return unary();
    return chain({'+', '-'}, {kind::plus, kind::minus}, [this] { return product(); });
  }
  int product() noexcept {
    return chain({'*', '/'}, {kind::times, kind::divide}, [this] { return unary(); });
  }
  /// Operands joined by one of two operators, which bind from the left.
  struct signs {
    char first, second;
  };
  struct kinds {
    kind first, second;
  };
  template <class Operand>
  int chain(char sign, kind what, Operand const& operand) noexcept {
    return chain(signs{sign, sign}, kinds{what, what}, operand);
  }
  template <class Operand>
  int chain(signs of, kinds what, Operand const& operand) noexcept {
    int left = operand();
    while (left >= 0) {
      index_t const column = at_.column();
      bool const first = at_.take(of.first);
      if (!first && !at_.take(of.second)) break;
      if (of.first == of.second) at_.take(of.first);  // && and || are the same operators on masks
      int const right = operand();
      if (right < 0) return -1;
      tree_[left].next = right;
      left = tree_.add({.what = first ? what.first : what.second, .column = column, .first = left});
    }
    return left;
  }
  int unary() noexcept {
    if (!deeper()) return -1;
    index_t const column = at_.column();
    int node = -1;
    if (at_.take('!')) {
      int const inner = unary();
      if (inner >= 0) node = tree_.add({.what = kind::negated, .column = column, .first = inner});
    } else if (grammar_ == grammar::rules && !at_.at_signed_number() && at_.take('-')) {
      int const inner = unary();
      if (inner >= 0) node = tree_.add({.what = kind::opposite, .column = column, .first = inner});
    } else if (at_.take('(')) {
      node = either();
      if (node >= 0 && !at_.take(')')) node = tree_.fail(at_.column(), "expected ), found ", at_.here());
    } else {
      node = primary(column);
    }
    --depth_;
    return node;
  }
  bool deeper() noexcept {
    if (++depth_ <= syntax_tree::deepest) return true;
    return tree_.fail(at_.column(), "too many parentheses within each other") >= 0;
  }
  int primary(index_t column) noexcept {
    if (grammar_ == grammar::rules && at_.at_signed_number()) {
      return tree_.add({.what = kind::number, .text = at_.take_unsigned(), .column = column});
    }
    if (grammar_ == grammar::regions && text_cursor::begins_number(at_.peek())) {
      return tree_.add({.what = kind::number, .text = at_.take_number(), .column = column});
    }
    std::string_view const word = at_.take_word();
    if (word.empty()) return tree_.fail(column, "expected a name, a number or (, found ", at_.here());
    if (!at_.take('(')) return tree_.add({.what = kind::word, .text = word, .column = column});
    int const call = tree_.add({.what = kind::call, .text = word, .column = column});
    int last = -1;
    return call >= 0 && arguments(call, last, ')') ? call : -1;
  }
  /// The arguments up to `close`, each added after `last` to those of `call`.
  bool arguments(int call, int& last, char close) noexcept {
    if (at_.take(close)) return true;
    do {
      bool const braces = at_.take('{');
      if (braces ? !in_braces(call, last) : !argument_of(call, last)) return false;
    } while (at_.take(','));
    if (at_.take(close)) return true;
    tree_.fail(at_.column(), "expected , or ", close == ')' ? ")" : "}", ", found ", at_.here());
    return false;
  }
  bool in_braces(int call, int& last) noexcept {
    if (!deeper() || !arguments(call, last, '}')) return false;
    --depth_;
    return true;
  }
  bool argument_of(int call, int& last) noexcept {
    index_t const name_column = at_.column();
    std::string_view const name = take_name();
    int const value = tree_.failed() ? -1 : either();
    if (value < 0) return false;
    tree_[value].name = name;
    tree_[value].name_column = name_column;
    (last < 0 ? tree_[call].first : tree_[last].next) = value;
    last = value;
    return true;
  }
  /// The name in `name = value` or `.name = value`; nothing, and nothing is read, if there is none.
  std::string_view take_name() noexcept {
    text_cursor ahead = at_;
    bool const dot = ahead.take('.');
    std::string_view const name = ahead.take_word();
    if (name.empty() || text_cursor::begins_number(name.front()) || !ahead.take('=')) {
      if (dot && !name.empty() && !text_cursor::begins_number(name.front())) {
        tree_.fail(ahead.column(), "expected = after .", name);
      }
      return {};
    }
    at_ = ahead;
    return name;
  }

  syntax_tree& tree_;
  text_cursor at_;
  grammar grammar_;
  int depth_ = 0;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
