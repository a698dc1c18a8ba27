// The output is written by every executor that traces, and a buffer that cannot take it is refused by its name.
#include "../check.hpp"

#include <string_view>

int main() {
  call const x;
  auto const ratios = [&](auto const& executor) {
    std::vector<float> ratio(x.slots);
    cppo::status const s = cppo::policy_loss(executor, x.batch(), cppo::ppo(), {.trace = {.ratio = ratio}});
    return s.ok() ? ratio : std::vector<float>();
  };
  auto const is = ratios(cppo::seq);
  bool right = is == ratios(cppo::simd) && is.size() == x.slots && is[0] == 1.0F && is[1] > 1.0F && is[2] < 1.0F;
  std::vector<int> whole(x.slots);
  cppo::status const refused = cppo::policy_loss(cppo::seq, x.batch(), cppo::ppo(), {.trace = {.ratio = whole}});
  return right && !refused.ok() && std::string_view(refused.name) == "trace.ratio" ? 0 : 1;
}
