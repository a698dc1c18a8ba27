/// @file
/// Checks that a gate is admissible. [App. C]
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/concepts.hpp>

#include <string_view>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// What `check_gate` finds: the first argument at which the gate breaks a condition.
struct gate_fault {
  bool found = false;             ///< true if there is one
  float x = 0.0F;                 ///< the argument
  float value = 0.0F;             ///< g(x)
  std::string_view condition;     ///< the condition that it breaks
  /// Same as `found`.
  explicit constexpr operator bool() const noexcept { return found; }
};

/// The bits of the next float to try; 0x7f800000 after the last. Floats are dense around 1, and 1, the next float above
/// it, and the largest float are among them.
constexpr std::uint32_t next_probe(std::uint32_t bits) noexcept {
  constexpr std::uint32_t one = 0x3f800000U;
  constexpr std::uint32_t largest = 0x7f7fffffU;
  if (bits == one) return one + 1U;
  if (bits == largest) return largest + 1U;
  std::uint32_t const next = bits + (bits < 0x3f000000U ? 0x4001U : bits < 0x40800000U ? 0x101U : 0x8003U);
  if (bits < one && next > one) return one;
  return next < largest ? next : largest;
}

/// Tries a gate on about 280 000 floats from 0 to the largest, in ascending order: 0 <= g <= 1, g(x) = 1 for x <= 1, g
/// non-increasing, and x g(x) <= 1 beyond 1 (up to two roundings). [Eq. 20]
template <gate G>
gate_fault check_gate(G const& g) noexcept {
  float before = 1.0F;
  for (std::uint32_t bits = 0; bits < 0x7f800000U; bits = next_probe(bits)) {
    auto const x = detail::bits_as<float>(bits);
    float const y = g(float_lane(x)).raw();
    if (!(y >= 0.0F && y <= 1.0F)) return {true, x, y, "0 <= g(x) <= 1"};
    if (x <= 1.0F && y != 1.0F) return {true, x, y, "g(x) = 1 for x <= 1"};
    if (y > before) return {true, x, y, "g is non-increasing"};
    if (x > 1.0F && static_cast<double>(x) * static_cast<double>(y) > 1.0 + 2.5e-7) return {true, x, y, "x g(x) <= 1"};
    before = y;
  }
  return {};
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
