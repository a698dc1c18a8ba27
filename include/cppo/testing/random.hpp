/// @file
/// Random numbers that are the same on every machine and standard library.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/exponential.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// The generator splitmix64. The same seed gives the same numbers everywhere: no function of the C or C++ library is
/// used.
class random_source {
 public:
  /// Begins the stream of a seed.
  explicit constexpr random_source(std::uint64_t seed) noexcept : state_(seed) {}

  /// 64 random bits.
  CPPO_WRAPS constexpr std::uint64_t bits() noexcept {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  /// A number uniform in [0, 1).
  constexpr double uniform() noexcept { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  /// A number uniform in [low, high).
  constexpr double uniform(double low, double high) noexcept {
    return low + detail::rounded_product(high - low, uniform());
  }
  /// A number uniform in {0, ..., n - 1}. Pre: n > 0.
  constexpr index_t below(index_t n) noexcept { return static_cast<index_t>(bits() % static_cast<std::uint64_t>(n)); }
  /// True with probability p.
  constexpr bool chance(double p) noexcept { return uniform() < p; }
  /// A number from the exponential law with mean 1.
  constexpr double exponential() noexcept { return -detail::log(1.0 - uniform()); }
  /// A number with mean 0 and variance 1, nearly normal: a sum of twelve uniform ones.
  constexpr double normal() noexcept {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += uniform();
    return sum;
  }

 private:
  std::uint64_t state_;
};

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
