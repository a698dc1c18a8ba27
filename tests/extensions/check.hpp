// A batch of one response of four tokens, for the programs that look whether something added to the library is there.
#pragma once

#include <cppo/cppo.hpp>

#include <cstdint>
#include <vector>

struct call {
  static constexpr std::size_t slots = 4;
  float mu[slots] = {-0.25F, -0.5F, -1.5F, -2.0F};
  float pi[slots] = {-0.25F, -0.25F, -2.0F, -1.5F};
  float advantage[slots] = {1.0F, 1.0F, 1.0F, 1.0F};

  auto batch() const {
    return cppo::rollout_batch(cppo::padded(1, slots), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                               cppo::advantage(advantage));
  }
  template <class Executor, class Region>
  std::vector<std::uint8_t> mask(Executor const& executor, Region const& region) const {
    std::vector<std::uint8_t> kept(slots, 7);
    return cppo::compute_mask(executor, batch(), region, kept).ok() ? kept : std::vector<std::uint8_t>();
  }
};
