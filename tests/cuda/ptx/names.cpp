#include "program.hpp"

#include <cxxabi.h>

#include <cstdlib>

namespace ptx {

std::string short_name(std::string const& mangled) {
  int failed = 0;
  char* const whole = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &failed);
  std::string name = failed == 0 ? whole : mangled;
  std::free(whole);
  // The result's type comes first, and parameters and template arguments after the name.
  std::string r;
  int depth = 0;
  for (char const c : name) {
    if (c == '(' && depth == 0) break;
    if (c == '<') ++depth;
    if (depth == 0) r += c;
    if (c == '>') --depth;
  }
  std::size_t const last = r.find_last_of(": ");
  return last == std::string::npos ? r : r.substr(last + 1);
}

std::string place_of(function const& f, instruction const& i) {
  std::string const module_name = f.owner != nullptr && !f.owner->name.empty() ? " of " + f.owner->name : "";
  return short_name(f.name) + " line " + std::to_string(i.line) + module_name + " (" + i.what->name + ")";
}

}  // namespace ptx
