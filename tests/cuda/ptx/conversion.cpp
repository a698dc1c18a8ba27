// Conversions between types.
#include "operations.hpp"

#include <cfenv>
#include <limits>

namespace ptx {

namespace {

// How a float becomes whole.
enum class whole : u8 { none, nearest, zero, down, up };
whole whole_of(std::string_view name) {
  if (says(name, ".rni")) return whole::nearest;
  if (says(name, ".rzi")) return whole::zero;
  if (says(name, ".rmi")) return whole::down;
  return says(name, ".rpi") ? whole::up : whole::none;
}
template <whole W>
double rounded(double x) {
  if constexpr (W == whole::nearest) return std::nearbyint(x);
  else if constexpr (W == whole::zero) return std::trunc(x);
  else if constexpr (W == whole::down) return std::floor(x);
  else if constexpr (W == whole::up) return std::ceil(x);
  else return x;
}

// The nearest number of the type; NaN is 0, in 64 bits the lowest bit pattern that has the highest bit.
template <class T>
T clamped(double x) {
  if (x != x) return sizeof(T) == 8 ? static_cast<T>(u64{1} << 63) : T{0};
  if (x <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (x >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return static_cast<T>(x);
}

half_bits nearest_half(float x) {
  u32 const b = std::bit_cast<u32>(x), sign = b >> 16 & 0x8000;
  float const magnitude = std::fabs(x);
  if (x != x) return {0x7fff};
  if (magnitude >= 65520.0F) return {static_cast<u16>(sign | 0x7c00)};
  // Below 2^-14 the steps are 2^-24; from there on 2^-10 of the power of two.
  int exponent = 0;
  (void)std::frexp(magnitude, &exponent);
  int const step = std::max(exponent - 11, -24);
  auto const n = static_cast<u32>(std::nearbyint(std::ldexp(magnitude, -step)));
  return {static_cast<u16>(sign | (step == -24 ? n : ((static_cast<u32>(step + 24) << 10) + n)))};
}
bfloat_bits nearest_bfloat(float x) {
  u32 const b = std::bit_cast<u32>(x);
  if (x != x) return {0x7fff};
  return {static_cast<u16>((b + 0x7fff + (b >> 16 & 1)) >> 16)};
}

template <class T>
constexpr bool is_half = std::is_same_v<T, half_bits> || std::is_same_v<T, bfloat_bits>;
template <class T>
double number(T x) {
  if constexpr (is_half<T>) return static_cast<double>(to_float(x));
  else return static_cast<double>(x);
}

template <class To, class From, whole W>
To converted(From x) {
  if constexpr (std::is_integral_v<To> && std::is_integral_v<From>) return static_cast<To>(x);
  else if constexpr (std::is_integral_v<To>) return clamped<To>(rounded<W>(number(x)));
  else if constexpr (std::is_integral_v<From> && std::is_floating_point_v<To>) return static_cast<To>(x);
  else if constexpr (std::is_same_v<To, half_bits>) return nearest_half(static_cast<float>(number(x)));
  else if constexpr (std::is_same_v<To, bfloat_bits>) return nearest_bfloat(static_cast<float>(number(x)));
  else return static_cast<To>(rounded<W>(number(x)));
}

template <class To, class From, whole W>
void convert(step& s, instruction const& i) {
  unary<From, converted<To, From, W>>(s, i);
}
float flushed(float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0F, x) : x; }
template <class To, class From, whole W>
To flushing(From x) {
  if constexpr (std::is_same_v<From, float>) x = flushed(x);
  To const r = converted<To, From, W>(x);
  if constexpr (std::is_same_v<To, float>) return flushed(r);
  else return r;
}
template <class To, class From, whole W>
handler conversion(bool flushes) {
  constexpr bool has_float = std::is_same_v<From, float> || std::is_same_v<To, float>;
  if constexpr (has_float) {
    if (flushes) return &unary<From, flushing<To, From, W>>;
  }
  return &convert<To, From, W>;
}

template <class To, class From>
handler conversion_of(std::string_view name) {
  constexpr bool from_float = !std::is_integral_v<From>;
  bool const flushes = says(name, ".ftz");
  if constexpr (std::is_same_v<To, bool> || std::is_same_v<From, bool>) throw fault("cvt of a predicate");
  else if constexpr (is_half<To> && !std::is_same_v<From, float>) throw fault("no cvt to half: " + std::string(name));
  else if constexpr (from_float && !is_half<To>) {
    switch (whole_of(name)) {
      case whole::nearest: return conversion<To, From, whole::nearest>(flushes);
      case whole::zero: return conversion<To, From, whole::zero>(flushes);
      case whole::down: return conversion<To, From, whole::down>(flushes);
      case whole::up: return conversion<To, From, whole::up>(flushes);
      case whole::none: return conversion<To, From, whole::none>(flushes);
    }
    return nullptr;
  } else {
    return conversion<To, From, whole::none>(flushes);
  }
}
// The first of the two types.
type first_type(std::string_view name) { return last_type(name.substr(0, name.rfind('.'))); }

void add_rows(table_builder& t, std::string_view pattern) {
  t.add_typed(pattern, work::conversion, 2, [](auto from, std::string_view name) {
    return with_type(first_type(name), [&](auto to) { return conversion_of<decltype(to), decltype(from)>(name); });
  });
}

}  // namespace

void add_conversion(table_builder& t) {
  add_rows(t, "cvt.{u8,s8,u16,s16,u32,s32,u64,s64}.{u8,s8,u16,s16,u32,s32,u64,s64}");
  add_rows(t, "cvt.rn{,.ftz}.f32.{u8,s8,u16,s16,u32,s32,u64,s64}");
  add_rows(t, "cvt.rn.f64.{u8,s8,u16,s16,u32,s32,u64,s64}");
  add_rows(t, "cvt.{rni,rzi,rmi,rpi}{,.ftz}.{u16,s16,u32,s32,u64,s64}.f32");
  add_rows(t, "cvt.{rni,rzi,rmi,rpi}.{u16,s16,u32,s32,u64,s64}.f64");
  add_rows(t, "cvt.{rni,rzi,rmi,rpi}{,.ftz}.f32.f32");
  add_rows(t, "cvt.{rni,rzi,rmi,rpi}.f64.f64");
  add_rows(t, "cvt{,.ftz}.f64.f32");
  add_rows(t, "cvt.rn{,.ftz}.f32.f64");
  add_rows(t, "cvt.f32.{f16,bf16}");
  add_rows(t, "cvt.rn.{f16,bf16}.f32");
}

}  // namespace ptx
