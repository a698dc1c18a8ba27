// The weight stands in the trace, and decides.
#include "../check.hpp"

int main() {
  call const x;
  auto const own = cppo::trust_region(cppo::binary_tv, cppo::hyperbolic_weight, cppo::divergence_within(0.05));
  std::vector<float> weight(x.slots);
  cppo::status const s = cppo::policy_loss(cppo::seq, x.batch(), own, {.trace = {.weight = weight}});
  bool const falls = weight == std::vector<float>{1.0F, 0.5F, 1.0F / 3.0F, 0.25F};
  auto const kept = x.mask(cppo::seq, own);
  return s.ok() && falls && kept == x.mask(cppo::simd, own) && kept == std::vector<std::uint8_t>{1, 0, 1, 1} ? 0 : 1;
}
