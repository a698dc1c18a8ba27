// From logits to their gradient with the paper's configuration: a CPPO region that decides by a Top-20 total variation,
// and the gradient written over the logits. Then the same by steps, with the divergence of the full vocabulary.
#include <cppo/cppo.hpp>
#include <cppo/logits.hpp>

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

using namespace cppo;

constexpr index_t B = 2, T = 3, V = 4000, K = 20;
constexpr std::size_t N = B * T, all = N * V, listed = N * K;

int main() {
  std::vector<float> mu_x(all), x(all);  // logits under the rollout policy, and under the one being trained
  for (std::size_t j = 0; j < all; ++j) {
    mu_x[j] = static_cast<float>(j * 7919 % 1013) / 8.0F;
    x[j] = mu_x[j] + 1.2F * std::sin(static_cast<float>(j * j % 977));
  }
  std::vector<std::int64_t> const y = {3, 14, 159, 2, 65, 0};
  std::vector<float> const adv = {1, 1, 1, -1, -1, NAN};
  bool const tokens[] = {true, true, true, true, true, false};  // the last slot is padding: nothing is read there
  for (std::size_t j = all - V; j < all; ++j) x[j] = mu_x[j] = NAN;

  // What an inference engine returns: log mu of the sampled ids, and of the 20 that it ranks highest.
  std::vector<float> mu(N), mu_lists(listed);
  std::vector<std::int32_t> ids(listed);
  auto const rollout = logit_batch(padded(B, T), logits(V, mu_x), token_id(y), response_mask(tokens));
  std::vector<double> mu_total(N);
  status s = log_probs(simd, rollout, {.log_prob = mu, .log_sum_exp = mu_total, .largest_count = K, .largest_id = ids,
                                       .largest_log_prob = mu_lists});
  assert(s.ok());

  std::vector<float> gradient(all), measured(N);
  std::vector<std::uint8_t> mask(N);
  report r;
  //! [logits_to_gradient]
  auto const batch = rollout_batch(padded(B, T), logits(V, x), token_id(y), rollout_log_prob(mu), advantage(adv),
                                   response_mask(tokens), rollout_top_k(K, ids, mu_lists));
  s = policy_loss_from_logits(simd, batch, presets::dense_base(top_k_tv),
                              {.logits_gradient = gradient, .mask = mask, .trace = {.divergence = measured},
                               .report = &r},
                              {.aggregate = token_mean});
  if (!s) { std::puts(describe(s).c_str()); return 1; }
  //! [logits_to_gradient]
  std::printf("loss %.4f, kept %td of %td tokens\n", r.loss(), r.kept, r.counts.tokens);

  // By steps, which may stand in the place of that call: the divergence of the full vocabulary decides.
  std::vector<float> pi(N), slope(N), full(N), by_steps(all);
  std::vector<double> total(N);
  auto const rows = logit_batch(padded(B, T), logits(V, x), token_id(y), response_mask(tokens));
  s = log_probs(simd, rows, {.log_prob = pi, .log_sum_exp = total});
  assert(s.ok());
  //! [full_divergences]
  s = full_divergences(simd, rows, total, {.logits = logits(V, mu_x), .log_sum_exp = mu_total}, {.tv = full});
  auto const decided = rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(adv),
                                     response_mask(tokens), divergence_values(full));
  //! [full_divergences]
  assert(s.ok());
  s = policy_loss(simd, decided, presets::dense_base(precomputed), {.gradient = slope}, {.aggregate = token_mean});
  assert(s.ok());
  s = logits_gradient(simd, rows, {.slope = slope, .log_sum_exp = total}, by_steps);
  assert(s.ok());

  // Written over the logits, the gradient has the same bits; a row of no token, or of a masked one, is 0.
  s = policy_loss_from_logits(seq, batch, presets::dense_base(top_k_tv), {.logits_gradient = x},
                              {.aggregate = token_mean});
  assert(s.ok() && x == gradient);
  for (std::size_t i = 0; i < N; ++i) {
    std::printf("token %zu: Top-%td TV %.4f <= full TV %.4f, mask %d\n", i, K, static_cast<double>(measured[i]),
                static_cast<double>(full[i]), mask[i]);
    assert(measured[i] <= full[i] + 1e-6F);
    for (std::size_t j = i * V; j < (i + 1) * V; ++j) assert(mask[i] == 1 || x[j] == 0.0F);
  }
}
