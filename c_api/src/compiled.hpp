// A region of parts that its user wrote, compiled after the library: what its shared object offers, and where its bytes
// lie in a cppo_region.
#pragma once

#include "crossing.hpp"

namespace c_api {

/// What the shared object offers. `region_object.hpp` makes it there.
struct compiled_region {
  std::uint64_t tag;   // layout_tag() of its headers
  char const* text;    // what made it, with $0, $1 ... for its numbers
  int numbers;         // how many
  bool calibrates;     // asks for a quantile of D
  /// Writes the region, and the inputs that it reads: 1 << `cppo::argument` each. The status says what is wrong.
  int (*make)(double const* numbers, void* region, std::uint32_t* inputs, void* status) noexcept;
  int (*call)(errand const&) noexcept;
  int (*diagnose)(errand const&) noexcept;
  int (*summarize)(errand const&) noexcept;
  int (*resolve)(errand const&) noexcept;
  int (*sum)(errand const&) noexcept;
  int (*certify)(errand const&) noexcept;
  int (*weigh)(errand const&) noexcept;
};

/// A compiled region as it lies in a cppo_region.
struct compiled_bytes {
  static constexpr int most_numbers = 32;
  static constexpr std::size_t room = 736;
  compiled_region const* by = nullptr;
  std::uint64_t inputs = 0;
  double numbers[most_numbers] = {};
  alignas(16) std::byte region[room] = {};
};

}  // namespace c_api
