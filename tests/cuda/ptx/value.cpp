#include "value.hpp"

#include <array>
#include <utility>

namespace ptx {

namespace {

struct named_type {
  std::string_view name;
  type t;
  int size;
};
constexpr std::array types{
    named_type{"pred", type::predicate, 1}, named_type{"b8", type::bits8, 1},   named_type{"b16", type::bits16, 2}, named_type{"b32", type::bits32, 4},
    named_type{"b64", type::bits64, 8},   named_type{"u8", type::unsigned8, 1},   named_type{"u16", type::unsigned16, 2}, named_type{"u32", type::unsigned32, 4},
    named_type{"u64", type::unsigned64, 8},   named_type{"s8", type::signed8, 1},   named_type{"s16", type::signed16, 2}, named_type{"s32", type::signed32, 4},
    named_type{"s64", type::signed64, 8},   named_type{"f16", type::half, 2}, named_type{"bf16", type::bfloat, 2}, named_type{"f32", type::float32, 4},
    named_type{"f64", type::float64, 8}};

}  // namespace

int size_of(type t) noexcept {
  for (named_type const& n : types) {
    if (n.t == t) return n.size;
  }
  return 0;
}
type type_named(std::string_view name) noexcept {
  for (named_type const& n : types) {
    if (n.name == name) return n.t;
  }
  return type::none;
}

float to_float(half_bits x) noexcept {
  int const exponent = x.bits >> 10 & 31, fraction = x.bits & 1023;
  float const sign = (x.bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}
float to_float(bfloat_bits x) noexcept { return std::bit_cast<float>(static_cast<u32>(x.bits) << 16); }

}  // namespace ptx
