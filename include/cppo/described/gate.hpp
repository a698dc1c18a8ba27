/// @file
/// A gate that is data: hard, or the reciprocal one.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/gate/gates.hpp>

namespace cppo { inline namespace CPPO_ABI {

/// The hard gate or g(x) = min(1, 1/x). [Eq. 20]
class described_gate {
 public:
  /// The hard gate.
  constexpr described_gate(hard_gate_t = {}) noexcept {}
  /// g(x) = min(1, 1/x).
  constexpr described_gate(reciprocal_gate_t) noexcept : form_(form::reciprocal) {}
  /// True unless it is the hard gate.
  CPPO_HOST_DEVICE constexpr bool is_soft() const noexcept { return form_ == form::reciprocal; }
  /// g(x).
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(V x) const noexcept {
    return is_soft() ? reciprocal_gate_t{}(x) : hard_gate_t{}(x);
  }
  /// True if both are the same gate.
  friend constexpr bool operator==(described_gate, described_gate) noexcept = default;

 private:
  enum class form : std::uint8_t { hard, reciprocal };
  form form_ = form::hard;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
