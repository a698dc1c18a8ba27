// Comparisons, choices and moves of values.
#include "operations.hpp"

#include <limits>

namespace ptx {

namespace {

// Integers and floats alike; the -u forms hold where a number is NaN.
struct equal { template <class T> static bool holds(T a, T b) { return a == b; } };
struct unequal { template <class T> static bool holds(T a, T b) { return a < b || a > b; } };
struct less { template <class T> static bool holds(T a, T b) { return a < b; } };
struct at_most { template <class T> static bool holds(T a, T b) { return a <= b; } };
struct greater { template <class T> static bool holds(T a, T b) { return a > b; } };
struct at_least { template <class T> static bool holds(T a, T b) { return a >= b; } };
struct numbers { template <class T> static bool holds(T a, T b) { return a == a && b == b; } };
template <class Not>
struct negation { template <class T> static bool holds(T a, T b) { return !Not::holds(a, b); } };

// With .ftz, subnormal numbers are 0.
template <class Compare>
struct flushing {
  static float flushed(float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? 0.0F : x; }
  static bool holds(float a, float b) { return Compare::holds(flushed(a), flushed(b)); }
};

template <class T, class Compare>
void compare(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2);
  u64* const d = s.out(i);
  u64* const other = i.ops[0].second >= 0 ? s.registers[i.ops[0].second].data() : nullptr;
  s.each([&](int l) {
    bool const holds = Compare::holds(as<T>(a[l]), as<T>(b[l]));
    d[l] = holds;
    if (other != nullptr) other[l] = !holds;
  });
}
// The same together with a predicate: and, or, xor.
template <class T, class Compare, char Join>
void compare_and(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2), *const c = s.in(i, 3);
  u64* const d = s.out(i);
  u64* const other = i.ops[0].second >= 0 ? s.registers[i.ops[0].second].data() : nullptr;
  auto const joined = [](bool x, bool y) { return Join == '&' ? x && y : Join == '|' ? x || y : x != y; };
  s.each([&](int l) {
    bool const holds = Compare::holds(as<T>(a[l]), as<T>(b[l])), with = c[l] != 0;
    d[l] = joined(holds, with);
    if (other != nullptr) other[l] = joined(!holds, with);
  });
}

template <class Compare, class T>
handler comparison(std::string_view name) {
  if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    if (says(name, ".and")) return &compare_and<T, Compare, '&'>;
    if (says(name, ".or")) return &compare_and<T, Compare, '|'>;
    if (says(name, ".xor")) return &compare_and<T, Compare, '^'>;
    return &compare<T, Compare>;
  } else {
    throw fault("no numbers: " + std::string(name));
  }
}
template <class Compare>
void add_comparison_of(table_builder& t, std::string const& word, std::string const& types) {
  auto const f = [](auto x, std::string_view name) { return comparison<Compare, decltype(x)>(name); };
  t.add_typed("setp." + word + "." + types, work::integer, 3, f);
  t.add_typed("setp." + word + ".{and,or,xor}." + types, work::integer, 4, f);
  if (types.find("f32") == std::string::npos) return;
  auto const flushes = [](auto, std::string_view name) { return comparison<flushing<Compare>, float>(name); };
  t.add_typed("setp." + word + ".ftz.f32", work::integer, 3, flushes);
  t.add_typed("setp." + word + ".{and,or,xor}.ftz.f32", work::integer, 4, flushes);
}

// Choices and moves keep every bit, of a NaN too: that is what computes that makes the one NaN of a device.
template <class T>
constexpr u64 all_bits = sizeof(T) == 8 ? ~u64{0} : (u64{1} << 8 * sizeof(T) % 64) - 1;
template <>
constexpr u64 all_bits<bool> = 1;

template <class T>
void choose(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2), *const p = s.in(i, 3);
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = (p[l] != 0 ? a[l] : b[l]) & all_bits<T>; });
}

// A value, or the parts of one, low ones first.
template <class T>
void move(step& s, instruction const& i) {
  constexpr std::size_t width = 8 * sizeof(T);
  if (i.ops[0].kind == operand_kind::vector) {
    u64 const* const a = s.in(i, 1);
    std::size_t const each = width / i.part_count;
    for (std::size_t k = 0; k < i.part_count; ++k) {
      if (i.parts[k].kind != operand_kind::reg) continue;
      u64* const d = s.registers[i.parts[k].index].data();
      s.each([&](int l) { d[l] = a[l] >> (k * each) & ((u64{1} << each) - 1); });
    }
    return;
  }
  u64* const d = s.out(i);
  if (i.ops[1].kind != operand_kind::vector) {
    u64 const* const a = s.in(i, 1);
    s.each([&](int l) { d[l] = a[l] & all_bits<T>; });
    return;
  }
  std::size_t const each = width / i.part_count;
  row whole{};
  for (std::size_t k = 0; k < i.part_count; ++k) {
    u64 const* const a = s.values(i.parts[k], static_cast<int>(k));
    s.each([&](int l) { whole[static_cast<std::size_t>(l)] |= (a[l] & ((u64{1} << each) - 1)) << (k * each); });
  }
  s.each([&](int l) { d[l] = whole[static_cast<std::size_t>(l)]; });
}

}  // namespace

void add_comparison(table_builder& t) {
  std::string const numbers_ = "{u16,u32,u64,s16,s32,s64,f32,f64}", all = "{b16,b32,b64," + numbers_.substr(1);
  std::string const floats = "{f32,f64}", unsigned_ = "{u16,u32,u64}";
  add_comparison_of<equal>(t, "eq", all);
  add_comparison_of<unequal>(t, "ne", all);
  add_comparison_of<less>(t, "lt", numbers_);
  add_comparison_of<at_most>(t, "le", numbers_);
  add_comparison_of<greater>(t, "gt", numbers_);
  add_comparison_of<at_least>(t, "ge", numbers_);
  add_comparison_of<less>(t, "lo", unsigned_);
  add_comparison_of<at_most>(t, "ls", unsigned_);
  add_comparison_of<greater>(t, "hi", unsigned_);
  add_comparison_of<at_least>(t, "hs", unsigned_);
  add_comparison_of<negation<unequal>>(t, "equ", floats);
  add_comparison_of<negation<equal>>(t, "neu", floats);
  add_comparison_of<negation<at_least>>(t, "ltu", floats);
  add_comparison_of<negation<greater>>(t, "leu", floats);
  add_comparison_of<negation<at_most>>(t, "gtu", floats);
  add_comparison_of<negation<less>>(t, "geu", floats);
  add_comparison_of<numbers>(t, "num", floats);
  add_comparison_of<negation<numbers>>(t, "nan", floats);
  t.add_typed("selp." + all, work::integer, 4, [](auto x, auto) -> handler { return &choose<decltype(x)>; });
  t.add_typed("mov.{pred," + all.substr(1), work::integer, 2,
              [](auto x, auto) -> handler { return &move<decltype(x)>; });
}

}  // namespace ptx
