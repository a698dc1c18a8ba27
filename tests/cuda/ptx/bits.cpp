// Bits: logic, shifts, fields, bytes.
#include "operations.hpp"

namespace ptx {

namespace {

template <class T>
T conjunction(T a, T b) { return static_cast<T>(a & b); }
template <class T>
T disjunction(T a, T b) { return static_cast<T>(a | b); }
template <class T>
T exclusive(T a, T b) { return static_cast<T>(a ^ b); }
template <class T>
T complement(T a) {
  if constexpr (std::is_same_v<T, bool>) return !a;
  else return static_cast<T>(~a);
}

// Shifts by more than there are bits leave nothing, or the sign.
template <class T>
void shift_left(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const n = s.in(i, 2);
  u64* const d = s.out(i);
  s.each([&](int l) {
    u32 const by = as<u32>(n[l]);
    d[l] = by >= 8 * sizeof(T) ? 0 : bits(static_cast<T>(static_cast<u64>(as<T>(a[l])) << by));
  });
}
template <class T>
void shift_right(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const n = s.in(i, 2);
  u64* const d = s.out(i);
  s.each([&](int l) {
    using wide = std::conditional_t<std::is_signed_v<T>, s64, u64>;
    u32 const by = std::min<u32>(as<u32>(n[l]), 63);
    bool const all = !std::is_signed_v<T> && as<u32>(n[l]) >= 8 * sizeof(T);
    d[l] = all ? 0 : bits(static_cast<T>(static_cast<wide>(as<T>(a[l])) >> by));
  });
}

// Bits [position, position + length) of b are the low ones of a.
template <class T>
void insert_field(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2), *const p = s.in(i, 3), *const n = s.in(i, 4);
  u64* const d = s.out(i);
  s.each([&](int l) {
    u64 const position = p[l] & 0xff, length = n[l] & 0xff;
    u64 const ones = length >= 64 ? ~u64{0} : (u64{1} << length) - 1;
    u64 const where = position >= 64 ? 0 : ones << position;
    d[l] = bits(static_cast<T>((b[l] & ~where) | (position >= 64 ? 0 : a[l] << position & where)));
  });
}
// Bits [position, position + length) of a; of signed numbers the highest of them fills the rest.
template <class T>
void extract_field(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const p = s.in(i, 2), *const n = s.in(i, 3);
  u64* const d = s.out(i);
  constexpr u64 width = 8 * sizeof(T);
  s.each([&](int l) {
    u64 const position = p[l] & 0xff, length = n[l] & 0xff;
    u64 const from = static_cast<u64>(as<std::make_unsigned_t<T>>(a[l]));
    u64 const last = std::min(position + length - 1, width - 1);
    bool const fills = std::is_signed_v<T> && length > 0 && (from >> last & 1) != 0;
    u64 x = position >= width ? 0 : from >> position;
    u64 const kept = position >= width || length == 0 ? 0 : std::min(length, width - position);
    u64 const mask = kept >= 64 ? ~u64{0} : (u64{1} << kept) - 1;
    d[l] = bits(static_cast<T>(fills ? x | ~mask : x & mask));
  });
}

template <class T>
u32 ones(T a) { return static_cast<u32>(std::popcount(a)); }
template <class T>
u32 leading_zeros(T a) { return static_cast<u32>(std::countl_zero(a)); }
template <class T>
T reversed(T a) {
  T r = 0;
  for (std::size_t k = 0; k < 8 * sizeof(T); ++k) r = static_cast<T>(r | (a >> k & 1) << (8 * sizeof(T) - 1 - k));
  return r;
}

// Four bytes of eight, each chosen by four bits: which, and whether its sign alone.
u32 permuted(u32 a, u32 b, u32 choice) {
  u64 const from = a | u64{b} << 32;
  u32 r = 0;
  for (int k = 0; k < 4; ++k) {
    u32 const c = choice >> (4 * k) & 15, byte = static_cast<u32>(from >> (8 * (c & 7))) & 0xff;
    r |= ((c & 8) == 0 ? byte : (byte & 0x80) != 0 ? 0xffU : 0U) << (8 * k);
  }
  return r;
}

// A function of three bits, as the table of its eight values.
void logic3(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2), *const c = s.in(i, 3), *const f = s.in(i, 4);
  u64* const d = s.out(i);
  s.each([&](int l) {
    u32 r = 0;
    for (int k = 0; k < 8; ++k) {
      u64 const x = (k & 4) != 0 ? a[l] : ~a[l], y = (k & 2) != 0 ? b[l] : ~b[l], z = (k & 1) != 0 ? c[l] : ~c[l];
      if ((f[l] >> k & 1) != 0) r |= static_cast<u32>(x & y & z);
    }
    d[l] = r;
  });
}

template <bool Left>
u32 wrapped_funnel(u32 low, u32 high, u32 n) {
  u64 const x = low | u64{high} << 32;
  return Left ? static_cast<u32>(x << (n & 31) >> 32) : static_cast<u32>(x >> (n & 31));
}
template <bool Left>
u32 clamped_funnel(u32 low, u32 high, u32 n) {
  u64 const x = low | u64{high} << 32;
  u32 const by = std::min<u32>(n, 32);
  return Left ? static_cast<u32>(x << by >> 32) : static_cast<u32>(x >> by);
}

template <class T, class F>
handler only_integers(F const& f, std::string_view name) {
  if constexpr (std::is_integral_v<T>) return f(T{});
  else throw fault("no bits: " + std::string(name));
}

}  // namespace

void add_bits(table_builder& t) {
  auto const rows = [&t](std::string_view pattern, int operands, auto const& f) {
    t.add_typed(pattern, work::integer, operands,
                [&f](auto x, std::string_view name) { return only_integers<decltype(x)>(f, name); });
  };
  rows("and.{pred,b16,b32,b64}", 3, []<class T>(T) { return &binary<T, conjunction<T>>; });
  rows("or.{pred,b16,b32,b64}", 3, []<class T>(T) { return &binary<T, disjunction<T>>; });
  rows("xor.{pred,b16,b32,b64}", 3, []<class T>(T) { return &binary<T, exclusive<T>>; });
  rows("not.{pred,b16,b32,b64}", 2, []<class T>(T) { return &unary<T, complement<T>>; });
  rows("shl.{b16,b32,b64}", 3, []<class T>(T) { return &shift_left<T>; });
  rows("shr.{b16,b32,b64,u16,u32,u64,s16,s32,s64}", 3, []<class T>(T) { return &shift_right<T>; });
  rows("bfi.{b32,b64}", 5, []<class T>(T) { return &insert_field<T>; });
  rows("bfe.{u32,u64,s32,s64}", 4, []<class T>(T) -> handler {
    if constexpr (std::is_same_v<T, bool>) return nullptr;
    else return &extract_field<T>;
  });
  t.add("popc.b32", work::integer, 2, &unary<u32, ones<u32>>);
  t.add("popc.b64", work::integer, 2, &unary<u64, ones<u64>>);
  t.add("clz.b32", work::integer, 2, &unary<u32, leading_zeros<u32>>);
  t.add("clz.b64", work::integer, 2, &unary<u64, leading_zeros<u64>>);
  t.add("brev.b32", work::integer, 2, &unary<u32, reversed<u32>>);
  t.add("brev.b64", work::integer, 2, &unary<u64, reversed<u64>>);
  t.add("prmt.b32", work::integer, 4, &ternary<u32, permuted>);
  t.add("lop3.b32", work::integer, 5, &logic3);
  t.add("shf.l.wrap.b32", work::integer, 4, &ternary<u32, wrapped_funnel<true>>);
  t.add("shf.r.wrap.b32", work::integer, 4, &ternary<u32, wrapped_funnel<false>>);
  t.add("shf.l.clamp.b32", work::integer, 4, &ternary<u32, clamped_funnel<true>>);
  t.add("shf.r.clamp.b32", work::integer, 4, &ternary<u32, clamped_funnel<false>>);
}

}  // namespace ptx
