// The body of a function: declarations, labels, instructions.
#include "special.hpp"
#include "table.hpp"
#include "text.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace ptx {

namespace {

class body_reader {
 public:
  explicit body_reader(function& f) : f_(f) { scopes_.emplace_back(); }

  void read() {
    if (f_.entry) place_shared();
    statements all(f_.body, f_.line);
    std::string_view text;
    for (;;) {
      switch (all.next(text)) {
        case statements::kind::end: return finish();
        case statements::kind::open: scopes_.emplace_back(); break;
        case statements::kind::close: scopes_.pop_back(); break;
        case statements::kind::label: labels_[text] = static_cast<s32>(f_.code.size()); break;
        case statements::kind::statement: read_statement(text, all.line()); break;
      }
    }
  }

 private:
  struct registers {
    s32 first, count;
  };
  struct scope {
    std::unordered_map<std::string_view, registers> regs;
    std::unordered_map<std::string_view, variable> variables;
  };

  void read_statement(std::string_view text, u32 line) {
    line_ = line;
    if (text[0] != '.') return read_instruction(text);
    if (text.starts_with(".reg")) return read_registers(text.substr(4));
    if (text.starts_with(".pragma")) return read_pragma(text);
    if (text.starts_with(".shared")) return add_variable(declared(text), home::shared, f_.shared_bytes);
    bool const in_frame = text.starts_with(".local") || text.starts_with(".param");
    if (in_frame) return add_variable(declared(text), home::frame, f_.frame_bytes);
    wrong("a directive is not known", text);
  }
  void add_variable(declaration const& d, home where, s64& bytes) {
    s64 const offset = (bytes + d.align - 1) / d.align * d.align;
    scopes_.back().variables[d.name] = {where, offset, d.size};
    bytes = offset + d.size;
  }
  // A kernel's static variables that called functions name too are declared outside: _ZZ, the kernel's name, E, their
  // own.
  void place_shared() {
    std::string const own = f_.name.starts_with("_Z") ? "_ZZ" + f_.name.substr(2) + "E" : f_.name;
    for (auto v = f_.owner->shared.lower_bound(own); v != f_.owner->shared.end() && v->first.starts_with(own); ++v) {
      v->second.offset = (f_.shared_bytes + v->second.align - 1) / v->second.align * v->second.align;
      f_.shared_bytes = v->second.offset + v->second.size;
    }
  }
  void read_registers(std::string_view text) {
    std::vector<std::string_view> names = listed(text);
    std::size_t const blank = names.at(0).find_last_of(" \t");  // after the type
    if (blank == std::string_view::npos) wrong("registers without a name", text);
    names[0] = names[0].substr(blank + 1);
    for (std::string_view const name : names) {
      std::size_t const open = name.find('<');
      s32 count = 0;
      if (open != std::string_view::npos) {
        count = static_cast<s32>(number(name.substr(open + 1, name.size() - open - 2)).value_or(0));
      }
      scopes_.back().regs[name.substr(0, open)] = {f_.registers, count};
      f_.registers += std::max(count, 1);
    }
  }
  // Tells which bytes of the next load are used: the others may be padding.
  void read_pragma(std::string_view text) {
    std::size_t const at = text.find("used_bytes_mask");
    if (at == std::string_view::npos) return;
    used_ = static_cast<u32>(number(text.substr(at + 16, text.rfind('"') - at - 16)).value_or(~u32{0}));
  }

  // Do threads of a warp tell each other something by it? Without it there would be no value: it loses its mask alone.
  static bool brings_values(std::string_view text) {
    std::string_view const all[] = {"shfl.sync", "vote.sync", "redux.sync", "match.any.sync"};
    return std::any_of(std::begin(all), std::end(all), [text](auto name) { return text.find(name) != text.npos; });
  }
  void read_instruction(std::string_view text) {
    std::vector<u32> const& without = f_.owner->without;
    bool const deleted = std::find(without.begin(), without.end(), line_) != without.end();
    if (deleted && !brings_values(text)) return;
    instruction& i = f_.code.emplace_back();
    i.alone = deleted;
    i.line = line_;
    i.used_bytes = std::exchange(used_, ~u32{0});
    std::size_t blank = text.find_first_of(" \t\r\n");
    if (text[0] == '@') {
      i.guard_negated = text[1] == '!';
      i.guard = reg(text.substr(i.guard_negated ? 2 : 1, blank - (i.guard_negated ? 2 : 1)));
      text = trimmed(text.substr(blank));
      blank = text.find_first_of(" \t\r\n");
    }
    std::string_view const name = text.substr(0, blank);
    std::string_view const rest = blank == std::string_view::npos ? "" : trimmed(text.substr(blank));
    auto const row = known().find(name);
    if (row == known().end()) wrong("an instruction is not known", text);
    i.what = &row->second;
    i.run = i.what->run;
    if (name.starts_with("bra")) jumps_.emplace_back(f_.code.size() - 1, rest);
    else if (name.starts_with("call")) read_call(i, rest);
    else read_operands(i, rest, text);
  }
  void read_operands(instruction& i, std::string_view rest, std::string_view text) {
    std::vector<std::string_view> const all = listed(rest);
    if (static_cast<int>(all.size()) != i.what->operands) wrong("the number of operands is not known", text);
    for (std::size_t k = 0; k < all.size(); ++k) i.ops[k] = read_operand(i, all[k]);
  }
  // (result), name, (arguments)
  void read_call(instruction& i, std::string_view rest) {
    i.call = std::make_unique<call_site>();
    std::vector<std::string_view> parts = listed(rest);
    if (!parts.empty() && parts[0][0] == '(') {
      i.call->result = find_variable(trimmed(parts[0].substr(1, parts[0].size() - 2))).offset;
      parts.erase(parts.begin());
    }
    if (parts.empty()) wrong("a call of nothing", rest);
    i.call->callee = std::string(parts[0]);
    auto const f = f_.owner->functions.find(parts[0]);
    if (f == f_.owner->functions.end()) wrong("a function is not known", parts[0]);
    i.call->target = f->second.get();
    if (parts.size() < 2) return;
    for (std::string_view const a : listed(parts[1].substr(1, parts[1].size() - 2))) {
      i.call->arguments.push_back(find_variable(a).offset);
    }
  }

  operand read_address(instruction& i, std::string_view text) {
    std::size_t const plus = text.find('+');
    operand o = read_operand(i, trimmed(text.substr(1, std::min(plus, text.size() - 1) - 1)));
    if (plus == std::string_view::npos) return o;
    std::optional<u64> const offset = number(trimmed(text.substr(plus + 1, text.size() - plus - 2)));
    if (!offset) wrong("an address is not known", text);
    o.offset += static_cast<s64>(*offset);
    return o;
  }

  operand read_operand(instruction& i, std::string_view text) {
    if (text == "_") return {};
    if (text[0] == '{') {
      std::vector<std::string_view> const parts = listed(text.substr(1, text.size() - 2));
      if (parts.size() > i.parts.size()) wrong("a vector is too long", text);
      for (std::size_t k = 0; k < parts.size(); ++k) i.parts[k] = read_operand(i, parts[k]);
      i.part_count = static_cast<u8>(parts.size());
      return {.kind = operand_kind::vector};
    }
    if (text[0] == '[') return read_address(i, text);
    if (text[0] == '!') {
      operand o = read_operand(i, text.substr(1));
      o.negated = true;
      return o;
    }
    if (std::optional<u64> const x = number(text)) return {.kind = operand_kind::constant, .index = constant(*x)};
    if (s32 const k = special_named(text); k >= 0) return {.kind = operand_kind::special, .index = k};
    std::size_t const bar = text.find('|');
    if (s32 const k = reg_or_none(text.substr(0, bar)); k >= 0) {
      operand o{.kind = operand_kind::reg, .index = k};
      if (bar != std::string_view::npos && text.substr(bar + 1) != "_") o.second = reg(text.substr(bar + 1));
      return o;
    }
    variable const v = find_variable(text);
    return {.kind = operand_kind::symbol, .where = v.where, .offset = v.offset};
  }

  s32 constant(u64 x) {
    auto const [at, fresh] = constants_.emplace(x, static_cast<s32>(f_.constants.size()));
    if (fresh) f_.constants.emplace_back().fill(x);
    return at->second;
  }
  s32 reg_or_none(std::string_view name) const {
    std::size_t const end = name.find_last_not_of("0123456789") + 1;
    for (auto s = scopes_.rbegin(); s != scopes_.rend(); ++s) {
      if (auto const one = s->regs.find(name); one != s->regs.end() && one->second.count == 0) return one->second.first;
      auto const many = s->regs.find(name.substr(0, end));
      if (many == s->regs.end() || end == name.size()) continue;
      auto const k = static_cast<s32>(number(name.substr(end)).value_or(0));
      if (k < many->second.count) return many->second.first + k;
    }
    return -1;
  }
  s32 reg(std::string_view name) const {
    s32 const k = reg_or_none(name);
    if (k < 0) wrong("a register is not known", name);
    return k;
  }
  variable find_variable(std::string_view name) const {
    for (auto s = scopes_.rbegin(); s != scopes_.rend(); ++s) {
      if (auto const v = s->variables.find(name); v != s->variables.end()) return v->second;
    }
    if (auto const v = f_.variables.find(name); v != f_.variables.end()) return v->second;
    if (auto const v = f_.owner->shared.find(name); v != f_.owner->shared.end()) {
      if (v->second.offset < 0) wrong("a shared variable belongs to no kernel that was launched", name);
      return {home::shared, v->second.offset, v->second.size};
    }
    auto const a = f_.owner->addresses.find(name);
    if (a == f_.owner->addresses.end()) wrong("a name is not known", name);
    return {home::global, reinterpret_cast<s64>(a->second), 0};
  }

  void finish() {
    instruction& last = f_.code.emplace_back();
    last.what = &known().at("ret");
    last.run = last.what->run;
    last.line = line_;
    for (auto const& [at, label] : jumps_) {
      auto const target = labels_.find(label);
      if (target == labels_.end()) wrong("a label is not known", label);
      f_.code[at].target = target->second;
    }
    for (auto const& [label, at] : labels_) f_.code[static_cast<std::size_t>(at)].join = true;
  }
  [[noreturn]] void wrong(std::string const& what, std::string_view text) const {
    std::string const at = ", line " + std::to_string(line_) + " of " + f_.owner->name;
    throw fault(what + ": " + std::string(text.substr(0, 120)) + at);
  }

  function& f_;
  u32 line_ = 0, used_ = ~u32{0};
  std::vector<scope> scopes_;
  std::unordered_map<std::string_view, s32> labels_;
  std::unordered_map<u64, s32> constants_;
  std::vector<std::pair<std::size_t, std::string_view>> jumps_;
};

}  // namespace

void read_body(function& f) {
  if (!f.code.empty()) return;
  if (f.body.empty()) throw fault("a function without a body: " + f.name);
  body_reader(f).read();
}

}  // namespace ptx
