// A module of PTX as it is run: functions of instructions, each with its handler and with operands that name rows of a
// warp's registers.
#pragma once

#include "value.hpp"

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace ptx {

inline constexpr int lanes = 32;
using lane_mask = u32;
// One register of the threads of a warp.
using row = std::array<u64, lanes>;

// What an operand names.
enum class operand_kind : u8 {
  none,      // `_`, or not there
  reg,       // row `index` of the function's registers
  constant,  // row `index` of the function's constants
  special,   // row `index` of what a warp is: %tid.x and the like
  symbol,    // the address of a variable
  vector,    // {a, b, ...}: the instruction's `parts`
};
// Where a variable lies.
enum class home : u8 { shared, frame, kernel_parameter, global };

struct operand {
  operand_kind kind = operand_kind::none;
  home where = home::global;
  bool negated = false;  // !p
  s32 index = 0;
  s32 second = -1;  // p|q
  s64 offset = 0;   // [x+offset]; of a symbol: where it lies too
};

enum class work : u8 { integer, floating, conversion, memory, control, synchronization, count };
inline constexpr int works = static_cast<int>(work::count);
inline constexpr std::array<char const*, works> work_names{"integer", "floating", "conversion",
                                                           "memory", "control", "synchronization"};

struct step;
struct instruction;
using handler = void (*)(step&, instruction const&);

// A row of the table: what is known of an opcode.
struct form {
  std::string name;  // with all its modifiers: "add.rn.f32"
  handler run = nullptr;
  work kind = work::integer;
  int operands = 0;
  type t = type::none;  // what it computes in
};

struct function;
struct allocation;

struct call_site {
  std::string callee;
  function* target = nullptr;
  std::vector<s64> arguments;  // offsets in the caller's frame
  s64 result = -1;             // of the result, -1 if there is none
};

struct instruction {
  form const* what = nullptr;
  handler run = nullptr;
  s32 guard = -1;  // the predicate's register
  bool guard_negated = false;
  bool join = false;  // may a branch lead here?
  bool alone = false;  // waits for no other thread of its mask, to see what finds it
  u8 part_count = 0;
  std::array<operand, 4> parts;
  std::array<operand, 5> ops;
  s32 target = -1;               // of a branch
  std::unique_ptr<call_site> call;
  u32 used_bytes = ~u32{0};      // of what a load brings
  u32 line = 0;                  // in the module's text
  mutable u64 hits = 0;          // times that a warp has run it
  mutable allocation* last = nullptr;  // what it has accessed before, in launch
  mutable u64 last_launch = 0;
};

// A variable or parameter.
struct variable {
  home where = home::frame;
  s64 offset = 0;
  s64 size = 0;
};

// Declared outside functions; its place is known once its kernel has been read.
struct shared_variable {
  s64 align = 1, size = 0, offset = -1;
};

struct module;

struct function {
  std::string name;
  module* owner = nullptr;
  bool entry = false;
  std::string_view header, body;  // text; empty body: declared only
  u32 line = 0;                   // where the body begins
  std::vector<variable> parameters;
  variable result;                // size 0: none
  s64 parameter_bytes = 0;        // of a kernel
  s64 frame_bytes = 0, shared_bytes = 0;
  std::map<std::string, variable, std::less<>> variables;
  s32 registers = 0;
  std::vector<row> constants;
  std::vector<instruction> code;  // empty before it is first used
};

struct module {
  std::string name, text;
  int architecture = 0;
  std::vector<u32> without;  // lines whose instructions are left out, or wait for nobody, to see what finds it
  std::map<std::string, std::unique_ptr<function>, std::less<>> functions;
  std::map<std::string, variable, std::less<>> globals;
  std::map<std::string, shared_variable, std::less<>> shared;
  std::map<std::string, std::vector<u8>, std::less<>> contents;  // of globals, before the first launch
  std::map<std::string, u8*, std::less<>> addresses;             // of globals, once they have some
};

// Reads a module: headers of functions and variables, not yet bodies.
std::unique_ptr<module> read_module(std::string name, std::string text);
// Reads the body of a function, once. Throws `fault` at an instruction or directive that is not known.
void read_body(function& f);

// The name without parameters and template arguments, and a place in it.
std::string short_name(std::string const& mangled);
std::string place_of(function const& f, instruction const& i);

}  // namespace ptx
