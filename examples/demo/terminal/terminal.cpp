#include "terminal/terminal.hpp"

#include <cstdio>
#include <cstdlib>

#include <fmt/color.h>
#include <fmt/format.h>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace demo {

namespace {

constexpr std::size_t columns = 100;

void print_styled(bool styled, fmt::emphasis how, std::string const& text) {
  if (styled) fmt::print(fmt::text_style(how), "{}", text);
  else fmt::print("{}", text);
}

}  // namespace

bool is_terminal() {
#if defined(_WIN32)
  return _isatty(_fileno(stdout)) != 0;
#else
  return isatty(fileno(stdout)) != 0;
#endif
}

bool wants_style() {
  char const* const no_color = std::getenv("NO_COLOR");
  return is_terminal() && (no_color == nullptr || *no_color == '\0');
}

void printer::heading(std::string const& text) const { print_styled(styled_, fmt::emphasis::bold, text + "\n"); }
void printer::quiet(std::string const& text) const { print_styled(styled_, fmt::emphasis::faint, text + "\n"); }
void printer::line(std::string const& text) const { fmt::print("{}\n", text); }
void printer::blank() const { fmt::print("\n"); }

void printer::paragraph(std::string const& text) const {
  std::string row(1, ' ');
  std::string word;
  auto const finish_row = [&] {
    line(row);
    row.assign(1, ' ');
  };
  auto const finish_word = [&] {
    if (!word.empty() && row.size() + 1 + word.size() > columns) finish_row();
    if (!word.empty()) row.append(1, ' ').append(word);
    word.clear();
  };
  for (char const c : text) {
    bool const breaks = c == ' ' || c == '\n';
    if (breaks) finish_word();
    else word += static_cast<unsigned char>(c) < 0x20U ? '?' : c;
    if (c == '\n') finish_row();
  }
  finish_word();
  if (row.size() > 1) finish_row();
}

std::string dash_or(bool there, std::string const& text) { return there ? text : "-"; }

}  // namespace demo
