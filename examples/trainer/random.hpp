// Random numbers that are the same on every machine, and that depend on what they are used for, not on who asks first.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>

namespace trainer {

/// A stream for each key, for example {seed, step, response}.
class random_stream {
 public:
  explicit random_stream(std::initializer_list<std::uint64_t> key) {
    std::uint64_t mixed = 0;
    for (std::uint64_t const part : key) mixed = scrambled(mixed ^ scrambled(part + 0x9e3779b97f4a7c15ULL));
    engine_.seed(mixed);
  }

  /// A number in [0, 1), with 53 bits.
  double uniform() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }
  /// A number below n.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(uniform() * static_cast<double>(n)); }
  /// A number from a nearly normal law: the sum of twelve uniform ones, less 6. No function of the C library is called.
  double normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  static std::uint64_t scrambled(std::uint64_t x) {  // splitmix64
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
  }
  std::mt19937_64 engine_;
};

}  // namespace trainer
