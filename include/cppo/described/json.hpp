/// @file
/// The JSON form of a region's text.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/expression.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Reads the JSON form: a number; a string, which holds the C++ form; or an object with one member, which is a call:
/// its value is an array of arguments, an object of named ones, or the only argument.
class json_reader {
 public:
  json_reader(syntax_tree& tree, std::string_view text, grammar of = grammar::regions) noexcept
      : tree_(tree), at_(text), grammar_(of) {}
  /// The node of the whole text, -1 if it is wrong.
  int read() noexcept {
    int const all = value();
    if (all >= 0 && !at_.at_end()) return tree_.fail(at_.column(), "expected the end, found ", at_.here());
    return all;
  }

 private:
  using kind = syntax_node::kind;

  int value() noexcept {
    if (++depth_ > syntax_tree::deepest) return tree_.fail(at_.column(), "too many objects within each other");
    index_t const column = at_.column();
    int node = -1;
    if (at_.take('{')) node = call();
    else if (at_.peek() == '"') node = quoted();
    else if (text_cursor::begins_number(at_.peek())) {
      node = tree_.add({.what = kind::number, .text = at_.take_number(), .column = column});
    } else {
      tree_.fail(column, "expected a number, a string or an object, found ", at_.here());
    }
    --depth_;
    return node;
  }
  int quoted() noexcept {
    index_t const before = at_.column();
    std::string_view text;
    return string(text) ? expression_reader(tree_, text, before, grammar_).read() : -1;
  }
  /// A string without escapes.
  bool string(std::string_view& text) noexcept {
    index_t const column = at_.column();
    if (!at_.take('"')) return tree_.fail(column, "expected a string, found ", at_.here()), false;
    text = at_.take_until('"');
    if (text.data() == nullptr) return tree_.fail(column, "this string does not end"), false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text_cursor::is_plain(text[i]) && text[i] != '\\') continue;
      tree_.fail(column + static_cast<index_t>(i) + 1, "names and expressions hold printable ASCII, and no \\");
      return false;
    }
    return true;
  }
  int call() noexcept {
    std::string_view name;
    index_t const column = at_.column();
    if (!string(name) || !expect(':')) return -1;
    int const node = tree_.add({.what = kind::call, .text = name, .column = column + 1});
    int last = -1;
    if (node < 0) return -1;
    bool good = false;
    if (at_.take('[')) good = list(node, last);
    else if (at_.take('{')) good = members(node, last);
    else good = append(node, last, {});
    if (!good) return -1;
    if (at_.peek() == ',') return tree_.fail(at_.column(), "an object that is a call has one member: its name");
    return expect('}') ? node : -1;
  }
  bool list(int node, int& last) noexcept {
    if (at_.take(']')) return true;
    do {
      if (!append(node, last, {})) return false;
    } while (at_.take(','));
    return expect(']');
  }
  bool members(int node, int& last) noexcept {
    if (at_.take('}')) return true;
    do {
      std::string_view name;
      index_t const column = at_.column();
      if (!string(name)) return false;
      if (name.empty()) return tree_.fail(column, "expected the name of a parameter, found \"\""), false;
      if (!expect(':') || !append(node, last, name)) return false;
      tree_[last].name_column = column + 1;
    } while (at_.take(','));
    return expect('}');
  }
  bool append(int node, int& last, std::string_view name) noexcept {
    int const v = value();
    if (v < 0) return false;
    tree_[v].name = name;
    (last < 0 ? tree_[node].first : tree_[last].next) = v;
    last = v;
    return true;
  }
  bool expect(char c) noexcept {
    if (at_.take(c)) return true;
    tree_.fail(at_.column(), "expected ", std::string_view(&c, 1), ", found ", at_.here());
    return false;
  }

  syntax_tree& tree_;
  text_cursor at_;
  grammar grammar_;
  int depth_ = 0;
};

/// Reads either form: what begins with { or " is JSON.
inline int read_syntax(syntax_tree& tree, std::string_view text, grammar of = grammar::regions) noexcept {
  char const first = text_cursor(text).peek();
  return first == '{' || first == '"' ? json_reader(tree, text, of).read()
                                      : expression_reader(tree, text, 0, of).read();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
