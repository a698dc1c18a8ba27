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
  enum class kind : std::uint8_t {
    word, number, call, both, either, negated, plus, minus, times, divide, opposite,
  };
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
  static constexpr int capacity = 512;   ///< nodes
  static constexpr int deepest = 48;     ///< parentheses, operators and calls within each other

  /// Room for `most` nodes: those of a region unless it is said.
  explicit syntax_tree(int most = 128) noexcept : most_(most) {}
  syntax_node& operator[](int i) noexcept { return nodes_[i]; }
  syntax_node const& operator[](int i) const noexcept { return nodes_[i]; }
  /// Adds a node and returns its number; -1 if there is no room.
  int add(syntax_node const& n) noexcept {
    if (size_ == most_) return fail(n.column, "the text has more than ", index_t{most_}, " words and numbers");
    nodes_[size_] = n;
    return size_++;
  }
  /// Says what is wrong, unless something was before. Returns -1.
  template <class... Pieces>
  int fail(index_t column, Pieces const&... pieces) noexcept {
    if (failed_) return -1;
    failed_ = true;
    column_ = column;
    error_.append(std::string_view("column "));
    error_.append(column);
    error_.append(std::string_view(": "));
    (say(pieces), ...);
    return -1;
  }
  bool failed() const noexcept { return failed_; }
  status_text const& error() const noexcept { return error_; }
  index_t error_column() const noexcept { return column_; }

 private:
  void say(std::string_view text) noexcept { error_.append(text); }
  void say(index_t n) noexcept { error_.append(n); }
  void say(double x) noexcept { error_.append(x); }

  syntax_node nodes_[capacity];
  int size_ = 0, most_;
  bool failed_ = false;
  index_t column_ = 0;
  status_text error_;
};

/// Reads characters of a text, and knows the column.
class text_cursor {
 public:
  /// `text` is a part of a longer one, of which `before` characters precede it.
  explicit text_cursor(std::string_view text, index_t before = 0) noexcept : text_(text), before_(before) {}
  /// True if nothing is left but spaces.
  bool at_end() noexcept {
    peek();
    return at_ == text_.size();
  }
  /// The next character that is no space, 0 at the end.
  char peek() noexcept {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  /// Takes the next character if it is c.
  bool take(char c) noexcept {
    if (at_end() || text_[at_] != c) return false;
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
  /// A number where signs are operators, too: only that of an exponent belongs to it, and one in front of it.
  std::string_view take_unsigned() noexcept {
    peek();
    std::size_t const from = at_;
    for (bool sign = true; at_ < text_.size(); ++at_) {
      char const c = text_[at_];
      if (!(sign ? c == '-' || is_digit(c) || c == '$' : is_digit(c) && c != '-' && c != '+')) break;
      sign = at_ > from && (c == 'e' || c == 'E') && text_[from] != '$';
    }
    return text_.substr(from, at_ - from);
  }
  /// True if a number begins here, with its sign.
  bool at_signed_number() noexcept {
    if (begins_number(peek()) && text_[at_] != '-') return true;
    std::size_t const next = at_ + 1;
    return peek() == '-' && next < text_.size() && begins_number(text_[next]) && text_[next] != '-';
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
    if (at_end()) return "the end";
    if (!is_plain(text_[at_])) return "a character that is not printable ASCII";
    text_cursor ahead = *this;
    std::string_view const word = ahead.take_word();
    return word.empty() ? text_.substr(at_, 1) : word;
  }
  /// True if c may stand in a message.
  static constexpr bool is_plain(char c) noexcept { return c >= ' ' && c <= '~'; }
  static constexpr bool is_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
  }
  static constexpr bool is_digit(char c) noexcept {
    return (is_word(c) && c != ':') || c == '.' || c == '-' || c == '+';
  }
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

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
