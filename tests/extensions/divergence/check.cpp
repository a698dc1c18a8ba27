// The divergence decides in a region of its own, and is found by its name.
#include "../check.hpp"

#include <cppo/described.hpp>

#include <algorithm>

int main() {
  call const x;
  auto const mask = cppo::toward_rollout | cppo::divergence_within(0.01);
  auto const own = cppo::trust_region(cppo::hellinger, cppo::uniform_weight, mask);
  std::vector<std::uint8_t> const kept = x.mask(cppo::seq, own);
  bool right = kept == x.mask(cppo::simd, own) && kept == std::vector<std::uint8_t>{1, 0, 1, 0};
  auto const& names = cppo::divergence_names();
  right = right && std::find(std::begin(names), std::end(names), "hellinger") != std::end(names);
  cppo::parsed_region const read = cppo::parse_region("dppo(delta = 0.01, divergence = hellinger)");
  return read && right && x.mask(cppo::seq, read.region) == kept ? 0 : 1;
}
