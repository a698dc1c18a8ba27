// The opcodes that are known, as a table: a name with all its modifiers is a row, and what has no row is an error.
#pragma once

#include "program.hpp"

namespace ptx {

using table = std::map<std::string, form, std::less<>>;

// All of it.
table const& known();

// Names of a pattern: "ld{,.volatile}.{u8,u16}" is ld.u8, ld.u16, ld.volatile.u8, ld.volatile.u16.
std::vector<std::string> expanded(std::string_view pattern);
// The last type that a name holds.
type last_type(std::string_view name);

// Fills the table.
class table_builder {
 public:
  // The same handler for all names of a pattern.
  void add(std::string_view pattern, work kind, int operands, handler run);
  // f(T{}, name) is the handler for a name whose last type is T.
  template <class F>
  void add_typed(std::string_view pattern, work kind, int operands, F const& f) {
    for (std::string const& name : expanded(pattern)) {
      type const t = last_type(name);
      insert({name, with_type(t, [&](auto x) -> handler { return f(x, std::string_view(name)); }), kind, operands, t});
    }
  }
  table result() { return std::move(rows_); }

 private:
  void insert(form f);
  table rows_;
};

// Rows, by the file that they are in.
void add_arithmetic(table_builder& t);
void add_bits(table_builder& t);
void add_comparison(table_builder& t);
void add_conversion(table_builder& t);
void add_access(table_builder& t);
void add_addresses(table_builder& t);
void add_flow(table_builder& t);
void add_synchronization(table_builder& t);
void add_collectives(table_builder& t);

}  // namespace ptx
