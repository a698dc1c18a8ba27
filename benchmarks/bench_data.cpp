#include "bench_api.hpp"

#include <cmath>

namespace {

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

}  // namespace

void bench_fill(std::int64_t n, std::uint64_t seed, double spread, bench_data const* data) {
  random_bits r{seed};
  double here = spread, advantage = 1.0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (i % 8192 == 0) here = spread * (0.85 + 0.3 * r.uniform());
    if (i % 64 == 0) advantage = r.normal();
    double const log_mu = 0.5 * std::log(r.uniform());
    data->rollout_log_prob[i] = static_cast<float>(log_mu);
    data->log_prob[i] = static_cast<float>(-std::fabs(log_mu + here * r.normal()));
    data->advantage[i] = static_cast<float>(advantage);
  }
}

void bench_fill_mask(std::int64_t n, std::uint64_t seed, double holes, std::uint8_t* mask) {
  random_bits r{seed ^ 0x5851F42D4C957F2DU};
  for (std::int64_t i = 0; i < n; ++i) mask[i] = holes > 0.0 && r.uniform() <= holes ? 0 : 1;
}
