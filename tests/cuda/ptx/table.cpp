#include "table.hpp"

namespace ptx {

std::vector<std::string> expanded(std::string_view pattern) {
  std::size_t const open = pattern.find('{');
  if (open == std::string_view::npos) return {std::string(pattern)};
  std::size_t const close = pattern.find('}', open);
  std::string_view rest = pattern.substr(open + 1, close - open - 1);
  std::vector<std::string> const tails = expanded(pattern.substr(close + 1));
  std::vector<std::string> all;
  for (bool more = true; more;) {
    std::size_t const comma = rest.find(',');
    more = comma != std::string_view::npos;
    std::string const begin = std::string(pattern.substr(0, open)) + std::string(rest.substr(0, comma));
    for (std::string const& tail : tails) all.push_back(begin + tail);
    if (more) rest = rest.substr(comma + 1);
  }
  return all;
}

type last_type(std::string_view name) {
  for (std::size_t end = name.size(); end != std::string_view::npos && end > 0;) {
    std::size_t const dot = name.rfind('.', end - 1);
    if (dot == std::string_view::npos) break;
    if (type const t = type_named(name.substr(dot + 1, end - dot - 1)); t != type::none) return t;
    end = dot;
  }
  return type::none;
}

void table_builder::add(std::string_view pattern, work kind, int operands, handler run) {
  for (std::string const& name : expanded(pattern)) insert({name, run, kind, operands, last_type(name)});
}
void table_builder::insert(form f) {
  if (!rows_.emplace(f.name, f).second) throw fault("two rows for " + f.name);
}

table const& known() {
  static table const& rows = *new table([] {  // outlives all that refers to it
    table_builder t;
    add_arithmetic(t);
    add_bits(t);
    add_comparison(t);
    add_conversion(t);
    add_access(t);
    add_addresses(t);
    add_flow(t);
    add_synchronization(t);
    add_collectives(t);
    return t.result();
  }());
  return rows;
}

}  // namespace ptx
