// Loads, stores and atomic operations.
#include "operations.hpp"
#include "watch.hpp"

namespace ptx {

namespace {

space space_of(std::string_view name) {
  if (says(name, ".global")) return space::global;
  if (says(name, ".shared")) return space::shared;
  if (says(name, ".local")) return space::local;
  if (says(name, ".param")) return space::parameter;
  return space::generic;
}
std::size_t parts(instruction const& i, int k) {
  return i.ops[static_cast<std::size_t>(k)].kind == operand_kind::vector ? i.part_count : 1;
}

// One value, or two or four one after the other. Signed ones fill the register.
template <class T, space Space>
void load(step& s, instruction const& i) {
  u64 const* const address = s.in(i, 1);
  auto const offset = i.ops[1].kind == operand_kind::symbol ? u64{0} : static_cast<u64>(i.ops[1].offset);
  std::size_t const n = parts(i, 0);
  row from;
  s.each([&](int l) { from[static_cast<std::size_t>(l)] = address[l] + offset; });
  watcher watch(s, i, false, false);
  s.each([&](int l) {
    found_bytes const where = locate(s, i, Space, l, from[static_cast<std::size_t>(l)], n * sizeof(T), false);
    watch.see(where, l, n * sizeof(T));
    for (std::size_t k = 0; k < n; ++k) {
      operand const& to = n == 1 && i.ops[0].kind == operand_kind::reg ? i.ops[0] : i.parts[k];
      if (to.kind != operand_kind::reg) continue;
      T x;
      std::memcpy(&x, where.data + k * sizeof(T), sizeof x);
      u64& d = s.registers[to.index][static_cast<std::size_t>(l)];
      if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) d = static_cast<u64>(static_cast<s64>(x));
      else if constexpr (std::is_same_v<T, float>) d = std::bit_cast<u32>(x);
      else d = bits(x);
    }
  });
}

template <class T, space Space>
void save(step& s, instruction const& i) {
  u64 const* const address = s.in(i, 0);
  auto const offset = i.ops[0].kind == operand_kind::symbol ? u64{0} : static_cast<u64>(i.ops[0].offset);
  std::size_t const n = parts(i, 1);
  std::array<u64 const*, 4> values;
  bool const several = i.ops[1].kind == operand_kind::vector;
  for (std::size_t k = 0; k < n; ++k) values[k] = s.values(several ? i.parts[k] : i.ops[1], static_cast<int>(k) + 1);
  watcher watch(s, i, true, false);
  s.each([&](int l) {
    found_bytes const where = locate(s, i, Space, l, address[l] + offset, n * sizeof(T), true);
    watch.see(where, l, n * sizeof(T));
    for (std::size_t k = 0; k < n; ++k) std::memcpy(where.data + k * sizeof(T), &values[k][l], sizeof(T));
  });
}

template <class T>
handler memory_handler(std::string_view name, bool loads) {
  switch (space_of(name)) {
    case space::global: return loads ? &load<T, space::global> : &save<T, space::global>;
    case space::shared: return loads ? &load<T, space::shared> : &save<T, space::shared>;
    case space::local: return loads ? &load<T, space::local> : &save<T, space::local>;
    case space::parameter: return loads ? &load<T, space::parameter> : &save<T, space::parameter>;
    case space::generic: return loads ? &load<T, space::generic> : &save<T, space::generic>;
  }
  return nullptr;
}
handler memory_handler(type t, std::string_view name, bool loads) {
  return with_type(t, [&](auto x) -> handler {
    using T = decltype(x);
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) return memory_handler<T>(name, loads);
    else throw fault("no memory of it: " + std::string(name));
  });
}

// What an atomic operation makes of what is there.
template <class T>
T renewed(std::string_view operation, T old, T b, T c) {
  if (operation == ".add") {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<u64>(old) + static_cast<u64>(b));
    else return old + b;
  }
  if (operation == ".exch") return b;
  if (operation == ".cas") return old == b ? c : old;
  if (operation == ".min") return b < old ? b : old;
  if (operation == ".max") return old < b ? b : old;
  if constexpr (std::is_integral_v<T>) {
    if (operation == ".and") return static_cast<T>(old & b);
    if (operation == ".or") return static_cast<T>(old | b);
    if (operation == ".xor") return static_cast<T>(old ^ b);
  }
  throw fault("no atomic operation " + std::string(operation));
}
constexpr std::array<std::string_view, 8> operations{".add", ".exch", ".cas", ".min", ".max", ".and", ".or", ".xor"};

// atom: d, [a], b, c; red: [a], b.
template <class T, space Space, std::size_t Operation>
void atomic(step& s, instruction const& i) {
  bool const returns = i.what->name.starts_with("atom");
  int const a = returns ? 1 : 0;
  u64 const *const address = s.in(i, a), *const b = s.in(i, a + 1);
  u64 const* const c = operations[Operation] == ".cas" ? s.in(i, a + 2) : b;
  operand const& at = i.ops[static_cast<std::size_t>(a)];
  auto const offset = at.kind == operand_kind::symbol ? u64{0} : static_cast<u64>(at.offset);
  watcher watch(s, i, true, true);
  row olds{};
  s.each([&](int l) {
    found_bytes const where = locate(s, i, Space, l, address[l] + offset, sizeof(T), true);
    watch.see(where, l, sizeof(T));
    T old;
    std::memcpy(&old, where.data, sizeof old);
    T const now = renewed<T>(operations[Operation], old, as<T>(b[l]), as<T>(c[l]));
    std::memcpy(where.data, &now, sizeof now);
    olds[static_cast<std::size_t>(l)] = bits(old);
    if (s.run().how.races && where.in == space::global) s.run().races->meet(s.w, l, where.of->begin + where.offset);
  });
  if (!returns || i.ops[0].kind != operand_kind::reg) return;
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = olds[static_cast<std::size_t>(l)]; });
}
template <class T, std::size_t K = 0>
handler atomic_handler(std::string_view name) {
  if constexpr (K == operations.size() || !std::is_arithmetic_v<T> || std::is_same_v<T, bool>) {
    throw fault("no atomic operation: " + std::string(name));
  } else {
    if (!says(name, operations[K])) return atomic_handler<T, K + 1>(name);
    switch (space_of(name)) {
      case space::global: return &atomic<T, space::global, K>;
      case space::shared: return &atomic<T, space::shared, K>;
      default: return &atomic<T, space::generic, K>;
    }
  }
}

}  // namespace

void add_access(table_builder& t) {
  std::string const types = ".{b8,b16,b32,b64,u8,u16,u32,u64,s8,s16,s32,s64,f32,f64}";
  for (bool const loads : {true, false}) {
    std::string const verb = loads ? "ld" : "st";
    for (std::string const& name : expanded(verb + "{,.global,.shared,.local,.param}{,.v2,.v4}" + types)) {
      t.add(name, work::memory, 2, memory_handler(last_type(name), name, loads));
    }
    for (std::string const& name : expanded(verb + ".volatile{,.global,.shared}" + types)) {
      t.add(name, work::memory, 2, memory_handler(last_type(name), name, loads));
    }
  }
  auto const f = [](auto x, std::string_view name) { return atomic_handler<decltype(x)>(name); };
  t.add_typed("atom{,.global,.shared}.add.{u32,s32,u64,f32,f64}", work::memory, 3, f);
  t.add_typed("atom{,.global,.shared}.{exch,and,or,xor}.{b32,b64}", work::memory, 3, f);
  t.add_typed("atom{,.global,.shared}.{min,max}.{u32,s32,u64,s64}", work::memory, 3, f);
  t.add_typed("atom{,.global,.shared}.cas.{b32,b64}", work::memory, 4, f);
  t.add_typed("red{,.global,.shared}.add.{u32,s32,u64,f32,f64}", work::memory, 2, f);
}

}  // namespace ptx
