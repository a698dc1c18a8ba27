// Packed responses (cu_seqlens) with holes: tool output inside a response is no token of the policy.
#include <cppo/cppo.hpp>

#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

using namespace cppo;

int main() {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  //! [packed]
  std::array<std::int32_t, 3> const cu_seqlens = {0, 6, 10};  // response 0 is slots 0 .. 5, response 1 is slots 6 .. 9
  std::int8_t const generated[] = {1, 1, 0, 0, 1, 1,   1, 0, 1, 1};  // 0: a tool wrote it
  float const mu[] = {-.9f, -.5f, nan, nan, -1.2f, -.4f,   -1.6f, nan, -.7f, -.3f};
  float const pi[] = {-.8f, -.4f, nan, nan, -1.4f, -.3f,   -1.8f, nan, -.6f, -.9f};
  float const adv[] = {1, 1, nan, nan, 1, 1,   -1, nan, -1, -1};

  auto const batch = rollout_batch(packed(cu_seqlens), log_prob(pi), rollout_log_prob(mu), advantage(adv),
                                   response_mask(generated));
  float gradient[10], weight[10];
  std::uint8_t mask[10];
  report r;
  status const s = policy_loss(seq, batch, presets::dense_post_trained(),
                               {.gradient = gradient, .mask = mask, .trace = {.weight = weight}, .report = &r});
  //! [packed]
  assert(s.ok());  // the NaN are never looked at
  for (int i = 0; i < 10; ++i) {
    std::printf("slot %d: %s", i, generated[i] == 0 ? "hole\n" : "");
    if (generated[i] != 0) std::printf("w = %.4f  M = %d  gradient %+.4f\n", weight[i], mask[i], gradient[i]);
    if (generated[i] == 0) assert(mask[i] == 0 && gradient[i] == 0.0f && !std::signbit(gradient[i]));
  }
  // Holes take no position: response 0 has T = 4, and its token in slot 4 is its third.
  assert(std::fabs(weight[4] - (1 - 0.2 * 2 / 3)) < 1e-6 && weight[5] > 0.7999f && weight[5] < 0.8001f);

  // The same tokens without holes therefore give the same bits, here padded to a width of four.
  bool const valid[] = {1, 1, 1, 1,   1, 1, 1, 0};
  int const slot[] = {0, 1, 4, 5, 6, 8, 9, 0};
  float closed[3][8], closed_gradient[8];
  for (int k = 0; k < 8; ++k) {
    closed[0][k] = pi[slot[k]];
    closed[1][k] = mu[slot[k]];
    closed[2][k] = adv[slot[k]];
  }
  auto const padded_batch = rollout_batch(padded(2, 4), log_prob(closed[0]), rollout_log_prob(closed[1]),
                                          advantage(closed[2]), response_mask(valid));
  status const again = policy_loss(simd, padded_batch, presets::dense_post_trained(), {.gradient = closed_gradient});
  assert(again.ok());
  for (int k = 0; k < 7; ++k) assert(closed_gradient[k] == gradient[slot[k]]);
  std::printf("%td tokens in %td responses; packed and padded agree to the bit\n", r.counts.tokens, r.counts.responses);
}
