// The random numbers of the data that are measured.
#pragma once

#include <cstdint>

namespace bench {

struct random_bits {  // splitmix64
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  /// A number in (0, 1].
  double uniform() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }
  /// A nearly normal number of variance 1: a sum of four uniform ones.
  double normal() {
    std::uint64_t const z = next();
    auto const sum = static_cast<double>((z & 0xFFFF) + (z >> 16 & 0xFFFF) + (z >> 32 & 0xFFFF) + (z >> 48));
    return (sum / 65536.0 - 2.0) * 1.7320508075688772;
  }
};

}  // namespace bench
