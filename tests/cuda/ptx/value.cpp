#include "value.hpp"

namespace ptx {

namespace {

struct named_type {
  std::string_view name;
  type t;
  int size;
};
constexpr named_type types[] = {
    {"pred", type::predicate, 1}, {"b8", type::bits8, 1}, {"b16", type::bits16, 2},
    {"b32", type::bits32, 4}, {"b64", type::bits64, 8}, {"u8", type::unsigned8, 1},
    {"u16", type::unsigned16, 2}, {"u32", type::unsigned32, 4}, {"u64", type::unsigned64, 8},
    {"s8", type::signed8, 1}, {"s16", type::signed16, 2}, {"s32", type::signed32, 4},
    {"s64", type::signed64, 8}, {"f16", type::half, 2}, {"bf16", type::bfloat, 2},
    {"f32", type::float32, 4}, {"f64", type::float64, 8},
};

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
