// Walks through floats block by block on all threads: all 2^32 of them, or a sample by exponent.
#pragma once

#include "float_reference.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace exhaustive {

inline constexpr int block_size = 1024;

// Floats in ascending order of their bits.
struct float_block {
  std::array<float, block_size> x;
  std::uint64_t number = 0;
};

// What was found.
struct alignas(128) tally {
  std::uint64_t walked = 0;       // floats that were run
  std::uint64_t inputs = 0;       // inputs of the promise: those whose result was compared
  std::uint64_t differences = 0;  // scalar and SIMD lane differ
  std::uint64_t steps_back = 0;   // not monotone
  double worst = 0.0;             // error
  float worst_at = 0.0F;
  std::uint64_t digest = 0;       // of all result bits; does not depend on order
  // The input before, and what it gave: what rises does so from one block to the next too.
  float x_before = std::numeric_limits<float>::quiet_NaN(), y_before = x_before;
  wide_int n_before = 0;

  void follow(tally const& other) {
    x_before = other.x_before;
    y_before = other.y_before;
    n_before = other.n_before;
  }
  // Counts y if it is on the wrong side of the value of the input before, for a function that must rise.
  template <class Y>
  void step(float x, Y y, Y& before) {
    steps_back += (x > x_before && y < before) || (x < x_before && y > before) ? 1 : 0;
    before = y;
    x_before = x;
  }
  void compare(float x, double error) {
    ++inputs;
    if (error <= worst) return;  // NaN counts as worst
    worst = std::isnan(error) ? HUGE_VAL : error;
    worst_at = x;
  }
  void note(float x, std::uint32_t result) {
    std::uint64_t h = (std::uint64_t{std::bit_cast<std::uint32_t>(x)} << 32 | result) * 0x9e3779b97f4a7c15ULL;
    digest += (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9ULL;
  }
  tally& operator+=(tally const& other) {
    walked += other.walked;
    inputs += other.inputs;
    differences += other.differences;
    steps_back += other.steps_back;
    if (other.worst > worst) {
      worst = other.worst;
      worst_at = other.worst_at;
    }
    digest += other.digest;
    return *this;
  }
};

// A function under test, and what is promised of it.
struct subject {
  std::string name, unit;
  double allowed = 0.0;     // worst error, in `unit`
  bool monotone = false;    // promised?
  std::function<void(float_block const&, tally&)> run;
  bool lanes = false;           // are SIMD lanes compared with scalars?
  bool log_probs = false;       // only x <= 0 is compared: a sample holds negative floats, and the smallest from +0 on
  int of_group = 1, place = 0;  // a sample gives each block to one subject of a group in turn
};

// Points around which a sample takes every float.
inline constexpr float turning_points[] = {-1000.0F, -700.0F, -88.8F, -86.5F, -20.0F, -0.6931472F, 0.5F, 1.0F, 20.0F,
                                           86.5F,    88.0F,   88.37F, 88.72F, 1000.0F, 65504.0F,  65520.0F};

inline constexpr std::uint32_t edge_blocks = 16, stratum_size = 1U << 23;

// What a sample takes of each sign and exponent (a stratum): the first and last 2^14 floats, and every `step`-th of the
// rest, in `blocks` blocks.
struct density {
  std::uint32_t step, blocks;
  constexpr bool whole() const {
    return ((blocks - 2 * edge_blocks) * step + 2 * edge_blocks) * block_size == stratum_size;
  }
};
inline constexpr density of_all{255, 64};        // 512 strata: 2^25 floats
inline constexpr density of_log_probs{68, 152};  // 256 strata: 19/16 of 2^25
static_assert(of_all.whole() && of_log_probs.whole());

// The blocks that a subject is run on: 2^22 of everything; or a sample, with 2^13 floats around each turning point.
class walk {
 public:
  walk(bool all, subject const& s) : all_(all), s_(s), dense_(s.log_probs ? of_log_probs : of_all) {}

  tally run(unsigned threads) const {
    std::atomic<std::uint64_t> next{0};
    std::vector<tally> found(threads);
    auto const work = [&](tally& mine) {
      constexpr std::uint64_t portion = 64;
      for (std::uint64_t from = next.fetch_add(portion); from < blocks(); from = next.fetch_add(portion)) {
        tally before;  // another thread's, perhaps: what rises must rise from there
        if (all_ && from > 0) s_.run(block(from - 1), before);
        mine.follow(before);
        for (std::uint64_t n = from; n < from + portion && n < blocks(); ++n) {
          if (!is_turn(n)) continue;
          s_.run(block(n), mine);
        }
      }
    };
    std::vector<std::thread> pool;
    for (tally& mine : found) pool.emplace_back([&work, &mine] { work(mine); });
    for (std::thread& t : pool) t.join();
    tally total;
    for (tally const& mine : found) total += mine;
    return total;
  }

 private:
  std::uint64_t in_strata() const { return (s_.log_probs ? 256 : 512) * std::uint64_t{dense_.blocks}; }
  std::uint64_t blocks() const {
    return all_ ? std::uint64_t{1} << 22 : in_strata() + std::size(turning_points) * 8 + (s_.log_probs ? 1 : 0);
  }
  float_block block(std::uint64_t n) const {
    if (all_) return filled(n, static_cast<std::uint32_t>(n * block_size), 1);
    if (n >= in_strata()) {
      auto const m = static_cast<std::uint32_t>(n - in_strata());
      if (m == std::size(turning_points) * 8) return filled(n, 0, 1);  // +0 and what follows it
      return filled(n, std::bit_cast<std::uint32_t>(turning_points[m / 8]) - 4096U + m % 8 * block_size, 1);
    }
    auto const sign = s_.log_probs ? 1U << 31 : 0U;
    auto const stratum = sign + static_cast<std::uint32_t>(n / dense_.blocks) * stratum_size;
    auto const k = static_cast<std::uint32_t>(n % dense_.blocks);
    if (k < edge_blocks) return filled(n, stratum + k * block_size, 1);
    std::uint32_t const left = dense_.blocks - k;
    if (left <= edge_blocks) return filled(n, stratum + stratum_size - left * block_size, 1);
    return filled(n, stratum + (edge_blocks + (k - edge_blocks) * dense_.step) * block_size, dense_.step);
  }
  // In a sample each subject of a group has other blocks of an exponent than the next subject, and all have the turning
  // points.
  bool is_turn(std::uint64_t n) const {
    if (all_) return true;
    if (n >= in_strata()) return !s_.log_probs || block(n).x.front() <= 0.0F;
    auto const turn = n % dense_.blocks + n / dense_.blocks;
    return turn % static_cast<unsigned>(s_.of_group) == static_cast<unsigned>(s_.place);
  }
  static float_block filled(std::uint64_t number, std::uint32_t first, std::uint32_t step) {
    float_block b;
    b.number = number;
    for (std::uint32_t i = 0; i < block_size; ++i) b.x[i] = std::bit_cast<float>(first + i * step);
    return b;
  }
  bool all_;
  subject const& s_;
  density dense_;
};

}  // namespace exhaustive
