// One advantage per response (GRPO): lend the [B] vector as it is, or any view with stride 0.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cstdio>
#include <cstring>
#include <vector>

using namespace cppo;

int main() {
  constexpr index_t B = 3, T = 5;
  std::vector<float> pi, mu;
  for (int i = 0; i < B * T; ++i) {
    mu.push_back(-0.2f * static_cast<float>(1 + i % 4));
    pi.push_back(mu.back() + 0.03f * static_cast<float>(i % 3));
  }

  //! [advantage]
  std::vector<float> const group = {1.2f, -0.3f, -0.9f};  // [B]
  auto const lent = rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(per_response(group)));
  //! [advantage]

  // The same by strides: element (b, t) is data[b * 1 + t * 0]. What a tensor library calls an expanded tensor.
  matrix_view<float const> const expanded(group.data(), B, T, 1, 0);
  auto const by_stride = rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(expanded));

  // The long way: one value per token.
  std::vector<float> copied;
  for (float const a : group) copied.insert(copied.end(), T, a);
  auto const by_copy = rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(copied));

  float one[B * T], two[B * T], three[B * T];
  status const s1 = policy_loss(seq, lent, presets::dense_post_trained(), {.gradient = one});
  status const s2 = policy_loss(seq, by_stride, presets::dense_post_trained(), {.gradient = two});
  status const s3 = policy_loss(simd, by_copy, presets::dense_post_trained(), {.gradient = three});
  assert(s1.ok() && s2.ok() && s3.ok());
  assert(std::memcmp(one, two, sizeof one) == 0 && std::memcmp(one, three, sizeof one) == 0);
  for (index_t b = 0; b < B; ++b) {
    std::printf("A = %+.1f  gradient", static_cast<double>(group[static_cast<std::size_t>(b)]));
    for (index_t t = 0; t < T; ++t) std::printf(" %+.3f", static_cast<double>(one[b * T + t]));
    std::printf("\n");
  }
}
