// Text for the terminal, with bold and dim words if it may be styled.
#pragma once

#include <string>

namespace demo {

/// True if standard output may be styled: it is a terminal, and NO_COLOR is unset or empty.
bool wants_style();
/// True if standard output is a terminal.
bool is_terminal();

/// Prints to standard output.
class printer {
 public:
  explicit printer(bool styled) : styled_(styled) {}

  void heading(std::string const& text) const;
  void quiet(std::string const& text) const;
  void line(std::string const& text) const;
  void blank() const;
  /// Prints a text folded at 100 columns, with each line indented.
  void paragraph(std::string const& text) const;

 private:
  bool styled_;
};

/// The text, or a dash if it is not there.
std::string dash_or(bool there, std::string const& text);

}  // namespace demo
