/// @file
/// A region's text as a tree of words, numbers and calls, before anything is known of what they mean.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/describe.hpp>

#include <cstddef>
#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A word, number, call or operator of a text.
struct syntax_node {
  enum class kind : std::uint8_t { word, number, call, both, either, negated };
  kind what = kind::word;
  std::string_view text = {};  ///< the word, the digits, `$` and the digits, or what is called
  std::string_view name = {};  ///< the parameter that it is given to, if the text names it
  index_t column = 0;          ///< where it begins, from 1
  index_t name_column = 0;     ///< where that name begins
  int first = -1, next = -1;   ///< its first operand or argument; the one after it in the same list
};

/// The nodes of a text, and what is wrong with it.
class syntax_tree {
 public:
  static constexpr int capacity = 128;   ///< nodes
  static constexpr int deepest = 48;     ///< parentheses, operators and calls within each other

  syntax_node& operator[](int i) noexcept { return nodes_[i]; }
  syntax_node const& operator[](int i) const noexcept { return nodes_[i]; }
  /// Adds a node and returns its number; -1 if there is no room.
  int add(syntax_node const& n) noexcept {
    if (size_ == capacity) return fail(n.column, "the text has more than ", index_t{capacity}, " words and numbers");
    nodes_[size_] = n;
    return size_++;
  }
  /// Says what is wrong, unless something was before. Returns -1.
  template <class... Pieces>
  int fail(index_t column, Pieces const&... pieces) noexcept {
    if (failed_) return -1;
    failed_ = true;
    error_.append(std::string_view("column "));
    error_.append(column);
    error_.append(std::string_view(": "));
    (say(pieces), ...);
    return -1;
  }
  bool failed() const noexcept { return failed_; }
  status_text const& error() const noexcept { return error_; }

 private:
  void say(std::string_view text) noexcept { error_.append(text); }
  void say(index_t n) noexcept { error_.append(n); }
  void say(double x) noexcept { error_.append(x); }

  syntax_node nodes_[capacity];
  int size_ = 0;
  bool failed_ = false;
  status_text error_;
};

/// Reads characters of a text, and knows the column.
class text_cursor {
 public:
  /// `text` is a part of a longer one, of which `before` characters precede it.
  explicit text_cursor(std::string_view text, index_t before = 0) noexcept : text_(text), before_(before) {}
  /// The next character that is no space, 0 at the end.
  char peek() noexcept {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  /// Takes the next character if it is c.
  bool take(char c) noexcept {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  /// Takes the longest run of characters that belong to a word or a number.
  std::string_view take_word() noexcept {
    peek();
    return take_run(is_word);
  }
  std::string_view take_number() noexcept {
    peek();
    std::size_t const dollar = at_ < text_.size() && text_[at_] == '$' ? 1 : 0;
    at_ += dollar;
    std::string_view const digits = take_run(is_digit);
    return {digits.data() - dollar, digits.size() + dollar};
  }
  /// Takes everything up to c, which is taken too. An empty view with no data if there is no c.
  std::string_view take_until(char c) noexcept {
    std::size_t const end = text_.find(c, at_);
    if (end == std::string_view::npos) return {};
    std::string_view const found = text_.substr(at_, end - at_);
    at_ = end + 1;
    return found;
  }
  index_t column() noexcept {
    peek();
    return before_ + static_cast<index_t>(at_) + 1;
  }
  /// What stands here, for a message: a word, a character, or "the end".
  std::string_view here() noexcept {
    if (peek() == '\0') return "the end";
    text_cursor ahead = *this;
    std::string_view const word = ahead.take_word();
    return word.empty() ? text_.substr(at_, 1) : word;
  }
  static constexpr bool is_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
  }
  static constexpr bool is_digit(char c) noexcept { return (is_word(c) && c != ':') || c == '.' || c == '-' || c == '+'; }
  static constexpr bool begins_number(char c) noexcept {
    return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '$';
  }

 private:
  static constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  template <class Belongs>
  std::string_view take_run(Belongs const& belongs) noexcept {
    std::size_t const from = at_;
    while (at_ < text_.size() && belongs(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }
  std::string_view text_;
  std::size_t at_ = 0;
  index_t before_ = 0;
};

/// Reads the C++ form: `trust_region(binary_tv, uniform_weight, toward_rollout | divergence_within(0.15))`. Arguments
/// may be named, and stand in braces: `fixed_cppo(delta = 0.1)`, `fixed_cppo({.delta = 0.1}, binary_kl)`.
class expression_reader {
 public:
  expression_reader(syntax_tree& tree, std::string_view text, index_t before = 0) noexcept
      : tree_(tree), at_(text, before) {}
  /// The node of the whole text, -1 if it is wrong.
  int read() noexcept {
    int const all = either();
    if (all >= 0 && at_.peek() != '\0') {
      return tree_.fail(at_.column(), "expected &, | or the end, found ", at_.here());
    }
    return all;
  }

 private:
  using kind = syntax_node::kind;

  int either() noexcept { return chain('|', kind::either, [this] { return both(); }); }
  int both() noexcept { return chain('&', kind::both, [this] { return unary(); }); }
  /// Operands joined by an operator, which binds from the left.
  template <class Operand>
  int chain(char sign, kind what, Operand const& operand) noexcept {
    int left = operand();
    while (left >= 0) {
      index_t const column = at_.column();
      if (!at_.take(sign)) break;
      at_.take(sign);  // && and || are the same operators on masks
      int const right = operand();
      if (right < 0) return -1;
      tree_[left].next = right;
      left = tree_.add({.what = what, .column = column, .first = left});
    }
    return left;
  }
  int unary() noexcept {
    if (++depth_ > syntax_tree::deepest) return tree_.fail(at_.column(), "too many parentheses within each other");
    index_t const column = at_.column();
    int node = -1;
    if (at_.take('!')) {
      int const inner = unary();
      if (inner >= 0) node = tree_.add({.what = kind::negated, .column = column, .first = inner});
    } else if (at_.take('(')) {
      node = either();
      if (node >= 0 && !at_.take(')')) node = tree_.fail(at_.column(), "expected ), found ", at_.here());
    } else {
      node = primary(column);
    }
    --depth_;
    return node;
  }
  int primary(index_t column) noexcept {
    if (text_cursor::begins_number(at_.peek())) {
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
      if (braces ? !arguments(call, last, '}') : !argument_of(call, last)) return false;
    } while (at_.take(','));
    if (at_.take(close)) return true;
    tree_.fail(at_.column(), "expected , or ", close == ')' ? ")" : "}", ", found ", at_.here());
    return false;
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
  int depth_ = 0;
};

/// Reads the JSON form: a number; a string, which holds the C++ form; or an object with one member, which is a call:
/// its value is an array of arguments, an object of named ones, or the only argument.
class json_reader {
 public:
  json_reader(syntax_tree& tree, std::string_view text) noexcept : tree_(tree), at_(text) {}
  /// The node of the whole text, -1 if it is wrong.
  int read() noexcept {
    int const all = value();
    if (all >= 0 && at_.peek() != '\0') return tree_.fail(at_.column(), "expected the end, found ", at_.here());
    return all;
  }

 private:
  using kind = syntax_node::kind;

  int value() noexcept {
    if (++depth_ > syntax_tree::deepest) return tree_.fail(at_.column(), "too many objects within each other");
    index_t const column = at_.column();
    int node = -1;
    if (at_.take('{')) node = call(column);
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
    return string(text) ? expression_reader(tree_, text, before).read() : -1;
  }
  /// A string without escapes.
  bool string(std::string_view& text) noexcept {
    index_t const column = at_.column();
    if (!at_.take('"')) return tree_.fail(column, "expected a string, found ", at_.here()), false;
    text = at_.take_until('"');
    bool const plain = text.data() != nullptr && text.find('\\') == std::string_view::npos;
    if (!plain) tree_.fail(column, "this string does not end, or holds a \\: names and expressions have none");
    return plain;
  }
  int call(index_t column) noexcept {
    std::string_view name;
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
      if (!string(name) || !expect(':') || !append(node, last, name)) return false;
      tree_[last].name_column = column;
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
  int depth_ = 0;
};

/// Reads either form: what begins with { or " is JSON.
inline int read_syntax(syntax_tree& tree, std::string_view text) noexcept {
  char const first = text_cursor(text).peek();
  return first == '{' || first == '"' ? json_reader(tree, text).read() : expression_reader(tree, text).read();
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
