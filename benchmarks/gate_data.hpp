// The data of the calls whose instructions are counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

struct buffers {
  std::vector<float> log_prob, rollout, advantage, gradient;
  std::vector<std::uint8_t> valid, mask;
  std::vector<std::int64_t> sampled, listed;
  std::vector<float> listed_log_prob, listed_rollout;
};

/// Draws data by sums and products only, so that they are the same with every libm. Drift is such that a fixed budget
/// runs out in places, and that P90 lies between floor and ceiling of a calibrated one.
inline buffers draw(std::size_t n, bool holes, float spread) {
  buffers b;
  std::uint64_t state = 1;
  auto const uniform = [&state] {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<float>(state >> 40) * 0x1p-24F;
  };
  for (std::size_t i = 0; i < n; ++i) {
    float const u = uniform(), drift = uniform() + uniform() - 1.0F;
    float const mu = -0.001F - 2.0F * u * u;
    b.rollout.push_back(mu);
    b.log_prob.push_back(mu + spread * drift < 0.0F ? mu + spread * drift : 0.0F);
    b.advantage.push_back(i / 64 % 2 == 0 ? 1.0F : -0.5F);
    b.valid.push_back(holes && uniform() < 0.1F ? 0 : 1);
  }
  b.gradient.resize(n);
  b.mask.resize(n);
  return b;
}
