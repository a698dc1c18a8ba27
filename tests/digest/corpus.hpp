/// @file
/// The fixed corpus behind the digest: inputs made of integers and bit patterns alone, so that no compiler, flag or
/// library can change one of them.
#pragma once

#include <cppo/cppo.hpp>

#include <bit>
#include <cstdint>
#include <vector>

namespace digest {

/// splitmix64.
class generator {
 public:
  explicit generator(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// 0 ... n - 1
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  /// 2^low ... 2^high, any mantissa, negative: a log-prob.
  float log_prob(int low, int high) {
    auto const exponent =
        static_cast<std::uint32_t>(127 + low + static_cast<int>(below(static_cast<std::uint64_t>(high - low))));
    return std::bit_cast<float>(0x80000000U | (exponent << 23) | static_cast<std::uint32_t>(below(1U << 23)));
  }

 private:
  std::uint64_t state_;
};

/// One batch of the corpus, packed; a padded view of it is made by `padded`.
struct batch {
  std::vector<std::int64_t> offsets{0};
  std::vector<float> log_prob, rollout_log_prob, advantage, weight, divergence, top_pi, top_mu;
  std::vector<std::uint8_t> mask;
  std::vector<std::int32_t> ids, top_ids;
};

inline constexpr std::int64_t listed = 4;

/// What stands in a slot that is not a token: NaN of both kinds, infinities, junk.
inline float poison(generator& g) {
  static constexpr std::uint32_t patterns[] = {0x7fc00000U, 0x7f800001U, 0xff800001U, 0x7f800000U, 0xff800000U,
                                               0x7f7fffffU, 0x00000001U, 0x80000000U, 0x42280000U};
  return std::bit_cast<float>(patterns[g.below(std::size(patterns))]);
}

/// Appends one token: its drift from mu grows with `drift`, an exponent.
inline void add_token(batch& b, generator& g, int drift, bool active) {
  float const mu = g.below(40) == 0 ? 0.0F : g.log_prob(-12, 4);
  float const step = g.log_prob(drift - 6, drift);
  float pi = g.below(2) != 0 ? mu + step : mu - step;
  if (g.below(16) == 0) pi = mu;
  if (g.below(50) == 0) pi = g.log_prob(4, 8);
  if (pi > 0.0F) pi = 0.0F;
  static constexpr float advantages[] = {1.0F, -1.0F, 0.5F, -0.25F, 0.0F, -0.0F, 1e-30F, -3e4F, 1.7F, -0.3F};
  b.log_prob.push_back(active ? pi : poison(g));
  b.rollout_log_prob.push_back(active ? mu : poison(g));
  b.advantage.push_back(active ? advantages[g.below(std::size(advantages))] : poison(g));
  b.weight.push_back(active ? static_cast<float>(g.below(9)) * 0.25F : poison(g));
  b.divergence.push_back(active ? -g.log_prob(-14, 2) : poison(g));
  b.mask.push_back(active ? 1 : 0);
  b.ids.push_back(static_cast<std::int32_t>(g.below(6)));
  for (std::int64_t j = 0; j < listed; ++j) {
    b.top_ids.push_back(static_cast<std::int32_t>(j));
    b.top_mu.push_back(active ? g.log_prob(1, 3) : poison(g));
    b.top_pi.push_back(active ? g.log_prob(1, 3) : poison(g));
  }
}

/// Responses of all the lengths that matter to registers, blocks and groups; holes in every other one.
inline batch make_batch(std::uint64_t seed, int drift, bool long_ones) {
  static constexpr int short_lengths[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
  static constexpr int long_lengths[] = {255, 256, 257, 511, 513, 3000, 17000};
  generator g(seed);
  batch b;
  auto const add = [&](int length, bool holes) {
    for (int i = 0; i < length; ++i) add_token(b, g, drift, !holes || g.below(8) != 0);
    b.offsets.push_back(static_cast<std::int64_t>(b.log_prob.size()));
  };
  int k = 0;
  if (long_ones) {
    for (int n : long_lengths) add(n, k++ % 2 != 0);
  } else {
    for (int n : short_lengths) add(n, k++ % 2 != 0);
  }
  return b;
}

/// Two lanes of multiply-and-rotate over bytes.
class hash128 {
 public:
  void bytes(void const* data, std::size_t n) {
    auto const* const p = static_cast<unsigned char const*>(data);
    for (std::size_t i = 0; i < n; ++i) {
      a_ = (a_ ^ p[i]) * 0x100000001b3ULL;
      b_ = std::rotl(b_ + p[i], 23) * 0x9e3779b97f4a7c15ULL;
    }
  }
  template <class T>
  void values(std::vector<T> const& v) {
    bytes(v.data(), v.size() * sizeof(T));
  }
  std::uint64_t high() const { return a_ ^ (a_ >> 29); }
  std::uint64_t low() const { return b_ ^ (b_ >> 31); }
  friend bool operator==(hash128 const&, hash128 const&) = default;

 private:
  std::uint64_t a_ = 0xcbf29ce484222325ULL;
  std::uint64_t b_ = 0x2545f4914f6cdd1dULL;
};

}  // namespace digest
