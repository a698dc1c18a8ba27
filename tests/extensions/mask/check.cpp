// The mask decides, alone and joined with others, written out and as text.
#include "../check.hpp"

#include <cppo/described.hpp>

int main() {
  call const x;
  auto const alone = cppo::trust_region(cppo::no_divergence, cppo::uniform_weight, cppo::likely_under_rollout{0.5});
  auto const kept = x.mask(cppo::seq, alone);
  auto const joined = cppo::trust_region(cppo::no_divergence, cppo::uniform_weight,
                                         cppo::toward_rollout | cppo::likely_under_rollout{0.5});
  bool const same = kept == x.mask(cppo::simd, alone) && x.mask(cppo::seq, joined) == x.mask(cppo::simd, joined);
  char const text[] = "trust_region(no_divergence, uniform_weight, toward_rollout | likely_under_rollout(0.5))";
  cppo::parsed_region const read = cppo::parse_region(text);
  bool const back = read.region == cppo::described_region(joined) && to_text(read.region) == text;
  bool const as_text = back && x.mask(cppo::simd, read.region) == x.mask(cppo::seq, joined);
  return same && as_text && kept == std::vector<std::uint8_t>{1, 1, 0, 0} ? 0 : 1;
}
