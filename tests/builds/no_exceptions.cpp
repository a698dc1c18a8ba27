// Built with -fno-exceptions -fno-rtti: a call on each executor, a rejected one, and a configured one.
#include <cppo/cppo.hpp>
#include <cppo/described.hpp>

#include <cstdio>
#include <limits>

int main() {
  using namespace cppo;
  float const mu[] = {-0.5F, -1.0F, -0.2F};
  float pi[] = {-0.6F, -0.4F, -0.2F};
  float const a[] = {1.0F, 1.0F, -1.0F};
  float one[3], other[3];
  auto const batch = rollout_batch(padded(1, 3), log_prob(pi), rollout_log_prob(mu), advantage(a));
  if (!policy_loss(seq, batch, presets::dense_base(), {.gradient = one})) return 1;
  if (!policy_loss(simd.with_threads(2, 1), batch, presets::dense_base(), {.gradient = other})) return 2;
  for (int i = 0; i < 3; ++i) {
    if (one[i] != other[i]) return 3;
  }
  parsed_region const read = parse_region("ppo(epsilon = 0.2)");
  if (!read || !compute_mask(seq, batch, read.region, one) || parse_region("cpo")) return 4;
  pi[1] = std::numeric_limits<float>::quiet_NaN();
  status const s = policy_loss(seq, batch, presets::dense_base(), {.gradient = one});
  if (s.code != status_code::log_prob_invalid || s.token != 1) return 5;
  std::puts(s.message());
  return 0;
}
