// A unit of a program whose other units are built for another instruction set. UNIT is the name of its function.
#include "unit.hpp"

#include <cppo/cppo.hpp>
#include <cppo/execution/simd.hpp>

#include <vector>

#define LINK_ORDER_WORDS_(x) #x
#define LINK_ORDER_WORDS(x) LINK_ORDER_WORDS_(x)

unit_answer UNIT() {
  constexpr int tokens = 5000;
  std::vector<float> pi, mu, a(tokens, 1.0F), gradient(tokens);
  for (int i = 0; i < tokens; ++i) {
    mu.push_back(-0.001F * static_cast<float>(1 + i * 37 % 3000));
    pi.push_back(-0.001F * static_cast<float>(1 + i * 41 % 2900));
  }
  cppo::report r;
  auto const batch = rollout_batch(cppo::padded(5, tokens / 5), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                                   cppo::advantage(a));
  bool const ok = policy_loss(cppo::simd, batch, cppo::calibrated_cppo(), {.gradient = gradient, .report = &r}).ok();
  unit_answer answer{LINK_ORDER_WORDS(CPPO_ABI), ok ? r.loss() : -1.0, r.kept, 0};
  for (float const g : gradient) answer.bits = answer.bits * 31 + cppo::detail::bits_as<std::uint32_t>(g);
  return answer;
}
