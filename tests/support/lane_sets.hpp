// Numbers on which lane arithmetic is tried, and registers filled from arrays.
#pragma once

#include <cppo/execution/simd/registers.hpp>
#include <cppo/testing/random.hpp>

#include <bit>
#include <limits>
#include <vector>

namespace cppo_test {

// True if both have the same bits, or both are NaN: which NaN an operation makes is not part of the contract.
template <class T>
bool same_number(T a, T b) {
  return (a != a && b != b) || std::memcmp(&a, &b, sizeof(T)) == 0;
}

// Zeros, subnormals, the ends of the range, infinities, NaN, and the arguments at which `exp` changes its form.
inline std::vector<float> special_floats() {
  using limits = std::numeric_limits<float>;
  std::vector<float> all;
  for (float const x : {0.0F, limits::denorm_min(), 1e-40F, limits::min(), 1e-20F, 0.5F, 1.0F, 1.0F + limits::epsilon(),
                        3.0F, 20.0F, 86.5F, 87.0F, 88.0F, 88.5F, 88.8F, 1000.0F, 16777216.0F, limits::max(),
                        limits::infinity(), limits::quiet_NaN()}) {
    all.push_back(x);
    all.push_back(-x);
  }
  return all;
}

// Every pair of special numbers, then random bit patterns.
inline std::vector<std::pair<float, float>> float_pairs(int random_pairs) {
  std::vector<std::pair<float, float>> pairs;
  for (float const a : special_floats()) {
    for (float const b : special_floats()) pairs.emplace_back(a, b);
  }
  cppo::testing::random_source random(7);
  auto const any_float = [&random] { return std::bit_cast<float>(static_cast<std::uint32_t>(random.bits())); };
  for (int i = 0; i < random_pairs; ++i) pairs.emplace_back(any_float(), any_float());
  return pairs;
}

// A full register from memory, and back to memory.
inline cppo::simd_lane gather(float const* x) { return cppo::simd_lane::from_raw(cppo::simd_lane::ops::load(x)); }
inline void scatter(float* to, cppo::simd_lane x) { cppo::simd_lane::ops::save(to, x.raw()); }

}  // namespace cppo_test
