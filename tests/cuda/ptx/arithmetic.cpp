// Numbers: sums, products, quotients, extremes.
#include "operations.hpp"

#include <limits>

namespace ptx {

namespace {

// Integers wrap.
template <class T>
using wrapping = std::make_unsigned_t<T>;
template <class T>
constexpr T wrapped(wrapping<T> x) { return static_cast<T>(x); }

template <class T>
T sum(T a, T b) {
  if constexpr (std::is_integral_v<T>) return wrapped<T>(static_cast<wrapping<T>>(wrapping<T>(a) + wrapping<T>(b)));
  else return a + b;
}
template <class T>
T difference(T a, T b) {
  if constexpr (std::is_integral_v<T>) return wrapped<T>(static_cast<wrapping<T>>(wrapping<T>(a) - wrapping<T>(b)));
  else return a - b;
}
template <class T>
T quotient(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return static_cast<T>(~T{0});
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return difference(T{0}, a);
    }
    return static_cast<T>(a / b);
  } else {
    return a / b;
  }
}
template <class T>
T remainder(T a, T b) {
  if (b == 0) return a;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  return static_cast<T>(a % b);
}
template <class T>
T product(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a * b;
  else return static_cast<T>(static_cast<unsigned __int128>(a) * static_cast<unsigned __int128>(b));
}
template <class T>
T high_product(T a, T b) {
  return static_cast<T>((static_cast<__int128>(a) * static_cast<__int128>(b)) >> (8 * sizeof(T)));
}
template <class T>
struct twice;
template <> struct twice<u16> { using type = u32; };
template <> struct twice<s16> { using type = s32; };
template <> struct twice<u32> { using type = u64; };
template <> struct twice<s32> { using type = s64; };
template <class T>
using twice_t = typename twice<T>::type;
template <class T>
twice_t<T> wide_product(T a, T b) {
  return static_cast<twice_t<T>>(twice_t<T>{a} * twice_t<T>{b});
}

// A number wins over NaN, +0 is above -0.
template <class T>
T smaller(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a) return b;
    if (a == b) return std::signbit(a) ? a : b;
  }
  return b < a ? b : a;
}
template <class T>
T larger(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a) return b;
    if (a == b) return std::signbit(a) ? b : a;
  }
  return a < b ? b : a;
}
template <class T>
T absolute(T a) {
  if constexpr (std::is_floating_point_v<T>) return std::fabs(a);
  else return a < 0 ? difference(T{0}, a) : a;
}
template <class T>
T negative(T a) {
  if constexpr (std::is_floating_point_v<T>) return -a;
  else return difference(T{0}, a);
}
template <class T>
T fused(T a, T b, T c) { return std::fma(a, b, c); }
template <class T>
T reciprocal(T a) { return T(1) / a; }
template <class T>
T root(T a) { return std::sqrt(a); }
template <class T>
T with_sign_of(T sign, T a) { return std::copysign(a, sign); }
template <class T>
T product_and_sum(T a, T b, T c) { return sum(product(a, b), c); }

// An approximation: of the two floats beside the exact result the one that is further off, so that who needs the nearer
// one is found out. `excess` has the sign of the nearer one less the exact result.
float further(float nearer, double excess) {
  if (excess == 0.0 || !std::isfinite(nearer) || nearer == 0.0F) return nearer;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  return std::nextafter(nearer, excess > 0.0 ? -infinity : infinity);
}
float near_quotient(float a, float b) {
  float const q = a / b;
  double const excess = double{q} * double{b} - double{a};  // exact: 48 bits, and what they have in common cancels
  return further(q, b < 0.0F ? -excess : excess);
}
float near_reciprocal(float a) { return near_quotient(1.0F, a); }
float near_root(float a) {
  float const r = std::sqrt(a);
  return further(r, double{r} * double{r} - double{a});
}

// With .ftz, subnormal numbers are 0 of their sign, read and written.
float flushed(float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0F, x) : x; }
template <auto F>
float flushing(float a) { return flushed(F(flushed(a))); }
template <auto F>
float flushing2(float a, float b) { return flushed(F(flushed(a), flushed(b))); }
template <auto F>
float flushing3(float a, float b, float c) { return flushed(F(flushed(a), flushed(b), flushed(c))); }

template <class T>
void multiply_wide(step& s, instruction const& i) { binary<T, wide_product<T>>(s, i); }
// The third operand is as wide as the result.
template <class T>
void multiply_wide_and_add(step& s, instruction const& i) {
  u64 const *const a = s.in(i, 1), *const b = s.in(i, 2), *const c = s.in(i, 3);
  u64* const d = s.out(i);
  s.each([&](int l) { d[l] = bits(sum(wide_product(as<T>(a[l]), as<T>(b[l])), as<twice_t<T>>(c[l]))); });
}
template <class T>
constexpr bool can_be_wide = std::is_integral_v<T> && (sizeof(T) == 2 || sizeof(T) == 4);

void add_integers(table_builder& t) {
  auto const integers = [&t](std::string const& pattern, int operands, auto const& f) {
    t.add_typed(pattern, work::integer, operands, [&f](auto x, std::string_view name) -> handler {
      if constexpr (std::is_integral_v<decltype(x)> && !std::is_same_v<decltype(x), bool>) return f(x, name);
      else throw fault("no integer: " + std::string(name));
    });
  };
  integers("add.{s16,u16,s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, sum<T>>; });
  integers("sub.{s16,u16,s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, difference<T>>; });
  integers("mul.lo.{s16,u16,s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, product<T>>; });
  integers("mul.hi.{s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, high_product<T>>; });
  integers("mul.wide.{s16,u16,s32,u32}", 3, []<class T>(T, auto) -> handler {
    if constexpr (can_be_wide<T>) return &multiply_wide<T>;
    else return nullptr;
  });
  integers("mad.lo.{s16,u16,s32,u32,s64,u64}", 4, []<class T>(T, auto) { return &ternary<T, product_and_sum<T>>; });
  integers("mad.wide.{s16,u16,s32,u32}", 4, []<class T>(T, auto) -> handler {
    if constexpr (can_be_wide<T>) return &multiply_wide_and_add<T>;
    else return nullptr;
  });
  integers("div.{s16,u16,s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, quotient<T>>; });
  integers("rem.{s16,u16,s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, remainder<T>>; });
  integers("min.{s16,u16,s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, smaller<T>>; });
  integers("max.{s16,u16,s32,u32,s64,u64}", 3, []<class T>(T, auto) { return &binary<T, larger<T>>; });
  integers("neg.{s16,s32,s64}", 2, []<class T>(T, auto) { return &unary<T, negative<T>>; });
  integers("abs.{s16,s32,s64}", 2, []<class T>(T, auto) { return &unary<T, absolute<T>>; });
}

void add_floats(table_builder& t) {
  auto const floats = [&t](std::string const& pattern, int operands, auto const& f) {
    t.add_typed(pattern, work::floating, operands, [&f](auto x, std::string_view name) -> handler {
      if constexpr (std::is_floating_point_v<decltype(x)>) return f(x, name);
      else throw fault("no float: " + std::string(name));
    });
  };
  // Without .rn ptxas may fuse a product and a sum; what it makes of them is not known here.
  floats("add{,.rn}.{f32,f64}", 3, []<class T>(T, auto) { return &binary<T, sum<T>>; });
  floats("sub{,.rn}.{f32,f64}", 3, []<class T>(T, auto) { return &binary<T, difference<T>>; });
  floats("mul{,.rn}.{f32,f64}", 3, []<class T>(T, auto) { return &binary<T, product<T>>; });
  floats("div.rn.{f32,f64}", 3, []<class T>(T, auto) { return &binary<T, quotient<T>>; });
  floats("fma.rn.{f32,f64}", 4, []<class T>(T, auto) { return &ternary<T, fused<T>>; });
  floats("rcp.rn.{f32,f64}", 2, []<class T>(T, auto) { return &unary<T, reciprocal<T>>; });
  floats("sqrt.rn.{f32,f64}", 2, []<class T>(T, auto) { return &unary<T, root<T>>; });
  floats("min.{f32,f64}", 3, []<class T>(T, auto) { return &binary<T, smaller<T>>; });
  floats("max.{f32,f64}", 3, []<class T>(T, auto) { return &binary<T, larger<T>>; });
  floats("neg.{f32,f64}", 2, []<class T>(T, auto) { return &unary<T, negative<T>>; });
  floats("abs.{f32,f64}", 2, []<class T>(T, auto) { return &unary<T, absolute<T>>; });
  floats("copysign.{f32,f64}", 3, []<class T>(T, auto) { return &binary<T, with_sign_of<T>>; });
}

// What --use_fast_math makes of them.
void add_flushing(table_builder& t) {
  t.add("add{,.rn}.ftz.f32", work::floating, 3, &binary<float, flushing2<sum<float>>>);
  t.add("sub{,.rn}.ftz.f32", work::floating, 3, &binary<float, flushing2<difference<float>>>);
  t.add("mul{,.rn}.ftz.f32", work::floating, 3, &binary<float, flushing2<product<float>>>);
  t.add("div.rn.ftz.f32", work::floating, 3, &binary<float, flushing2<quotient<float>>>);
  t.add("div.approx.ftz.f32", work::floating, 3, &binary<float, flushing2<near_quotient>>);
  t.add("fma.rn.ftz.f32", work::floating, 4, &ternary<float, flushing3<fused<float>>>);
  t.add("rcp.rn.ftz.f32", work::floating, 2, &unary<float, flushing<reciprocal<float>>>);
  t.add("rcp.approx.ftz.f32", work::floating, 2, &unary<float, flushing<near_reciprocal>>);
  t.add("sqrt.rn.ftz.f32", work::floating, 2, &unary<float, flushing<root<float>>>);
  t.add("sqrt.approx.ftz.f32", work::floating, 2, &unary<float, flushing<near_root>>);
  t.add("min.ftz.f32", work::floating, 3, &binary<float, flushing2<smaller<float>>>);
  t.add("max.ftz.f32", work::floating, 3, &binary<float, flushing2<larger<float>>>);
  t.add("neg.ftz.f32", work::floating, 2, &unary<float, flushing<negative<float>>>);
  t.add("abs.ftz.f32", work::floating, 2, &unary<float, flushing<absolute<float>>>);
}

}  // namespace

void add_arithmetic(table_builder& t) {
  add_integers(t);
  add_floats(t);
  add_flushing(t);
}

}  // namespace ptx
