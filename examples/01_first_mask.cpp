// The first call: two responses, the paper's preset, the mask and the gradient.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>

using namespace cppo;

int main() {
  //! [first]
  float const mu[] = {-0.9f, -0.5f, -1.2f, -0.4f,   -1.6f, -0.7f, -0.3f, 0.f};  // [B, T] rollout log-probs
  float const pi[] = {-0.7f, -0.3f, -1.4f, -0.1f,   -1.8f, -0.6f, -0.9f, 0.f};  // [B, T] log-probs being trained
  float const adv[] = {1, 1, 1, 1,   -1, -1, -1, 0};
  bool const valid[] = {1, 1, 1, 1,   1, 1, 1, 0};  // the second response has three tokens and one slot of padding

  auto const batch = rollout_batch(padded(2, 4), log_prob(pi), rollout_log_prob(mu), advantage(adv),
                                   response_mask(valid));
  std::uint8_t mask[8];
  float gradient[8];
  report r;
  status const s = policy_loss(seq, batch, presets::dense_post_trained(),
                               {.gradient = gradient, .mask = mask, .report = &r}, {.aggregate = token_mean});
  if (!s) { std::puts(describe(s).c_str()); return 1; }
  for (int i = 0; i < 8; ++i) std::printf("%d %+.4f%s", mask[i], gradient[i], i % 4 == 3 ? "\n" : "   ");
  std::printf("loss %.4f, kept %td of %td tokens (%td because they move back toward mu)\n", r.loss(), r.kept,
              r.counts.tokens, r.kept_toward);
  //! [first]

  // Response 0: the first token drifts by most of the allowance, so the second is over the prefix budget although it is
  // within delta; the third moves back toward mu; the fourth is beyond delta itself.
  std::uint8_t const expected[] = {1, 0, 1, 0, 1, 1, 0, 0};
  for (int i = 0; i < 8; ++i) assert(mask[i] == expected[i]);
  assert(r.masked_budget == 1 && r.masked_divergence == 2 && r.kept_toward == 2 && r.counts.tokens == 7);
  for (int i = 0; i < 8; ++i) {
    double const rho = std::exp(double{pi[i]} - double{mu[i]});
    assert(std::fabs(gradient[i] + expected[i] * rho * adv[i] / 7.0) < 1e-6);
  }
}
