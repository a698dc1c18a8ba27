// Lines for the terminal, bold and dim where that is wanted.
#pragma once

#include <string>

namespace demo {

/// May standard output be styled: a terminal, and NO_COLOR unset or empty?
bool wants_style();
/// Is standard output a terminal?
bool is_terminal();

/// Prints to standard output.
class printer {
 public:
  explicit printer(bool styled) : styled_(styled) {}

  void heading(std::string const& text) const;
  void quiet(std::string const& text) const;
  void line(std::string const& text) const;
  void blank() const;
  /// A text folded at 100 columns, each line indented.
  void paragraph(std::string const& text) const;

 private:
  bool styled_;
};

/// The text, or a dash where there is nothing to say.
std::string dash_or(bool there, std::string const& text);

}  // namespace demo
