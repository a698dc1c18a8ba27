// Handlers made of a function of values: the loop over the threads of a warp.
#pragma once

#include "machine.hpp"
#include "table.hpp"

namespace ptx {

// The name holds this modifier: ".hi" in "mul.hi.s32".
constexpr bool says(std::string_view name, std::string_view modifier) {
  for (std::size_t at = name.find(modifier); at != std::string_view::npos; at = name.find(modifier, at + 1)) {
    std::size_t const end = at + modifier.size();
    if (end == name.size() || name[end] == '.') return true;
  }
  return false;
}

// d = F(a), F(a, b), F(a, b, c), of values of type T; the result may have another type.
template <class T, auto F>
void unary(step& s, instruction const& i) {
  u64 const* const a = s.in(i, 1);
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = bits(F(as<T>(a[l]))); });
}
template <class T, auto F>
void binary(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2);
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = bits(F(as<T>(a[l]), as<T>(b[l]))); });
}
template <class T, auto F>
void ternary(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2), *const c = s.in(i, 3);
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = bits(F(as<T>(a[l]), as<T>(b[l]), as<T>(c[l]))); });
}

}  // namespace ptx
