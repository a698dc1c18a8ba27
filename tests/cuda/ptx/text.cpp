#include "text.hpp"

#include <charconv>

namespace ptx {

namespace {

constexpr std::string_view blanks = " \t\r\n";

std::optional<u64> digits(std::string_view s, int base) {
  u64 x = 0;
  auto const [end, wrong] = std::from_chars(s.data(), s.data() + s.size(), x, base);
  std::string_view const rest(end, s.data() + s.size());
  return wrong == std::errc{} && (rest.empty() || rest == "U") ? std::optional(x) : std::nullopt;
}

}  // namespace

std::string_view trimmed(std::string_view s) noexcept {
  std::size_t const first = s.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return s.substr(first, s.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> listed(std::string_view s) {
  std::vector<std::string_view> all;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t k = 0; k <= s.size(); ++k) {
    char const c = k < s.size() ? s[k] : ',';
    if (c == '{' || c == '[' || c == '(') ++depth;
    if (c == '}' || c == ']' || c == ')') --depth;
    if (c != ',' || (depth > 0 && k < s.size())) continue;
    if (std::string_view const part = trimmed(s.substr(begin, k - begin)); !part.empty()) all.push_back(part);
    begin = k + 1;
  }
  return all;
}

std::optional<u64> number(std::string_view s) {
  if (s.empty()) return std::nullopt;
  if (s[0] == '-') {
    std::optional<u64> const x = number(s.substr(1));
    return x ? std::optional(u64{0} - *x) : x;
  }
  if (s.size() > 2 && s[0] == '0') {
    char const c = s[1];
    if (c == 'x' || c == 'X' || c == 'f' || c == 'F' || c == 'd' || c == 'D') return digits(s.substr(2), 16);
  }
  return digits(s, 10);
}

void statements::skip() {
  while (!rest_.empty()) {
    char const c = rest_[0];
    if (rest_.starts_with("//") || rest_.starts_with(".loc\t") || rest_.starts_with(".loc ")) {  // of -lineinfo
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      continue;
    }
    if (blanks.find(c) == std::string_view::npos) return;
    line_ += c == '\n' ? 1 : 0;
    rest_.remove_prefix(1);
  }
}

statements::kind statements::next(std::string_view& text) {
  skip();
  at_ = line_;
  if (rest_.empty()) return kind::end;
  if (rest_[0] == '{' || rest_[0] == '}') {
    kind const k = rest_[0] == '{' ? kind::open : kind::close;
    rest_.remove_prefix(1);
    return k;
  }
  std::size_t const end = rest_.find_first_of(rest_[0] == '$' ? ":;" : ";");
  if (end == std::string_view::npos) throw fault("a statement does not end: " + std::string(rest_.substr(0, 60)));
  text = trimmed(rest_.substr(0, end));
  for (char const c : rest_.substr(0, end)) line_ += c == '\n' ? 1 : 0;
  kind const k = rest_[end] == ':' ? kind::label : kind::statement;
  rest_.remove_prefix(end + 1);
  return k;
}

declaration declared(std::string_view text) {
  declaration d;
  s64 count = 1;
  for (std::string_view rest = trimmed(text); !rest.empty();) {
    std::size_t const end = std::min(rest.find_first_of(blanks), rest.size());
    std::string_view const word = rest.substr(0, end);
    rest = trimmed(rest.substr(end));
    if (word == ".align") {
      std::size_t const after = std::min(rest.find_first_of(blanks), rest.size());
      d.align = static_cast<s64>(number(rest.substr(0, after)).value_or(1));
      rest = trimmed(rest.substr(after));
    } else if (word[0] == '.') {
      if (type const t = type_named(word.substr(1)); t != type::none) d.t = t;
    } else {
      d.name = word;
    }
  }
  if (std::size_t const open = d.name.find('['); open != std::string_view::npos) {
    count = static_cast<s64>(number(d.name.substr(open + 1, d.name.find(']') - open - 1)).value_or(0));
    d.name = d.name.substr(0, open);
  }
  if (d.t == type::none || d.name.empty()) throw fault("a declaration is not known: " + std::string(text));
  d.size = count * size_of(d.t);
  d.align = std::max<s64>(d.align, std::min<s64>(size_of(d.t), 8));
  return d;
}

}  // namespace ptx
