// The mask decides, alone and joined with others.
#include "../check.hpp"

int main() {
  call const x;
  auto const alone = cppo::trust_region(cppo::no_divergence, cppo::uniform_weight, cppo::likely_under_rollout{0.5});
  auto const kept = x.mask(cppo::seq, alone);
  auto const joined = cppo::trust_region(cppo::no_divergence, cppo::uniform_weight,
                                         cppo::toward_rollout | cppo::likely_under_rollout{0.5});
  bool const same = kept == x.mask(cppo::simd, alone) && x.mask(cppo::seq, joined) == x.mask(cppo::simd, joined);
  return same && kept == std::vector<std::uint8_t>{1, 1, 0, 0} ? 0 : 1;
}
