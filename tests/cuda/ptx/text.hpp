// PTX as text: statements, lists, numbers.
#pragma once

#include "value.hpp"

#include <optional>
#include <vector>

namespace ptx {

std::string_view trimmed(std::string_view s) noexcept;
// Parts between commas outside of brackets.
std::vector<std::string_view> listed(std::string_view s);
// The bits of 12, -3, 0x1f, 0f3f800000, 0d3ff0000000000000; nothing where it is no number.
std::optional<u64> number(std::string_view s);

// Goes over the statements of a body: what ends with `;`, labels, and braces of scopes.
class statements {
 public:
  statements(std::string_view text, u32 line) : rest_(text), line_(line) {}
  enum class kind : u8 { end, open, close, label, statement };
  // What comes next; `text` without its end.
  kind next(std::string_view& text);
  // The line on which it begins.
  u32 line() const noexcept { return at_; }

 private:
  void skip();
  std::string_view rest_;
  u32 line_, at_ = 0;
};

// A declaration like ".align 8 .b8 name[56]".
struct declaration {
  std::string_view name;
  type t = type::none;
  s64 size = 0, align = 1;
};
declaration declared(std::string_view text);

}  // namespace ptx
