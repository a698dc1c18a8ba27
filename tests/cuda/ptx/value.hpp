// What a register holds: 64 bits, of which a type reads as many as it has. Conversions between bits and numbers.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ptx {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;

// Why a program cannot go on: an unknown instruction, an address that nothing has, threads that wait for ever.
struct fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The types of PTX that hold numbers. Halves are only converted.
enum class type : std::uint8_t {
  none, predicate, bits8, bits16, bits32, bits64, unsigned8, unsigned16, unsigned32, unsigned64,
  signed8, signed16, signed32, signed64, half, bfloat, float32, float64
};

// Its size in bytes; none of `name` is known: type::none.
int size_of(type t) noexcept;
type type_named(std::string_view name) noexcept;

// A half and a bfloat16, as bits.
struct half_bits {
  u16 bits;
};
struct bfloat_bits {
  u16 bits;
};

float to_float(half_bits x) noexcept;
float to_float(bfloat_bits x) noexcept;

// The number of type T in the low bits of a register, and a register that holds one. The bits above are 0. A device has
// one NaN of float.
template <class T>
T as(u64 x) noexcept {
  if constexpr (std::is_same_v<T, bool>) return x != 0;
  else if constexpr (std::is_same_v<T, float>) return std::bit_cast<float>(static_cast<u32>(x));
  else if constexpr (std::is_same_v<T, double>) return std::bit_cast<double>(x);
  else if constexpr (std::is_same_v<T, half_bits> || std::is_same_v<T, bfloat_bits>) return T{static_cast<u16>(x)};
  else return static_cast<T>(x);
}
template <class T>
u64 bits(T x) noexcept {
  if constexpr (std::is_same_v<T, bool>) return x ? 1 : 0;
  else if constexpr (std::is_same_v<T, float>) return x != x ? 0x7fffffffU : std::bit_cast<u32>(x);
  else if constexpr (std::is_same_v<T, double>) return std::bit_cast<u64>(x);
  else if constexpr (std::is_same_v<T, half_bits> || std::is_same_v<T, bfloat_bits>) return x.bits;
  else return static_cast<std::make_unsigned_t<T>>(x);
}

// Calls f(T{}) with the C++ type of a type; bits are read as unsigned.
template <class F>
auto with_type(type t, F const& f) {
  switch (t) {
    case type::predicate: return f(bool{});
    case type::bits8: case type::unsigned8: return f(u8{});
    case type::bits16: case type::unsigned16: return f(u16{});
    case type::bits32: case type::unsigned32: return f(u32{});
    case type::bits64: case type::unsigned64: return f(u64{});
    case type::signed8: return f(s8{});
    case type::signed16: return f(s16{});
    case type::signed32: return f(s32{});
    case type::signed64: return f(s64{});
    case type::half: return f(half_bits{});
    case type::bfloat: return f(bfloat_bits{});
    case type::float32: return f(float{});
    case type::float64: return f(double{});
    case type::none: break;
  }
  throw fault("a type is missing");
}

}  // namespace ptx
