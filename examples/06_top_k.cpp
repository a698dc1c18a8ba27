// Top-K divergences: lend the lists of the K tokens that mu ranks highest, [N, K], with both policies' log-probs.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>

using namespace cppo;

constexpr int N = 4, K = 2, vocabulary = 5;
double const mu_probs[N][vocabulary] = {
    {.50, .20, .15, .10, .05}, {.40, .30, .20, .05, .05}, {.60, .20, .10, .06, .04}, {.30, .30, .20, .10, .10}};
double const pi_probs[N][vocabulary] = {
    {.55, .15, .15, .10, .05}, {.20, .50, .10, .10, .10}, {.60, .20, .06, .10, .04}, {.10, .20, .40, .10, .20}};

int main() {
  std::int64_t const sampled[N] = {0, 1, 4, 2};  // y_t; in rows 2 and 3 it is not among the two listed
  std::int64_t ids[N * K];
  float pi[N], mu[N], pi_lists[N * K], mu_lists[N * K];
  float const adv[N] = {1, 1, 1, 1};
  for (int t = 0; t < N; ++t) {
    pi[t] = static_cast<float>(std::log(pi_probs[t][sampled[t]]));
    mu[t] = static_cast<float>(std::log(mu_probs[t][sampled[t]]));
    for (int j = 0; j < K; ++j) {  // the rows of mu are sorted already
      ids[t * K + j] = j;
      pi_lists[t * K + j] = static_cast<float>(std::log(pi_probs[t][j]));
      mu_lists[t * K + j] = static_cast<float>(std::log(mu_probs[t][j]));
    }
  }

  //! [top_k]
  auto const batch = rollout_batch(padded(1, N), log_prob(pi), rollout_log_prob(mu), advantage(adv), token_id(sampled),
                                   top_k(K, ids, pi_lists, mu_lists));
  auto const region = presets::dense_post_trained(top_k_tv);  // {K listed} + {y_t} + {everything else}
  //! [top_k]

  float binary[N], listed[N];
  status const one = policy_loss(simd, batch, presets::dense_post_trained(), {.trace = {.divergence = binary}});
  status const two = policy_loss(simd, batch, region, {.trace = {.divergence = listed}});
  assert(one.ok() && two.ok());
  for (int t = 0; t < N; ++t) {
    double full = 0.0;
    for (int v = 0; v < vocabulary; ++v) full += 0.5 * std::fabs(pi_probs[t][v] - mu_probs[t][v]);
    std::printf("token %d: Binary-TV %.3f <= Top-%d TV %.3f <= full TV %.3f\n", t, static_cast<double>(binary[t]), K,
                static_cast<double>(listed[t]), full);
    assert(binary[t] <= listed[t] + 1e-6f && static_cast<double>(listed[t]) <= full + 1e-6);
  }

  // A region that reads lists refuses a batch without them, before it writes anything.
  auto const bare = rollout_batch(padded(1, N), log_prob(pi), rollout_log_prob(mu), advantage(adv));
  status const refused = policy_loss(seq, bare, region, {.trace = {.divergence = listed}});
  assert(refused.code == status_code::missing_input && refused.nothing_written());
  std::printf("%s\n", describe(refused).c_str());
}
