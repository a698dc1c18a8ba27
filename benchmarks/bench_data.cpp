#include "bench_api.hpp"
#include "random_bits.hpp"

#include <cmath>

using bench::random_bits;

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
