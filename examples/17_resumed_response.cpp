// A response that one policy began and a newer one went on with: its stale tokens kept, weighed by 0, or masked.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cmath>
#include <cstdio>
#include <limits>

using namespace cppo;

constexpr int stale = 4, T = 10;  // the older policy sampled tokens 1 to 4
struct outcome {
  float gradient[T], weight[T], drift[T], mask[T];
};

template <class Batch>
outcome call(Batch const& batch) {
  outcome o;
  status const s =
      policy_loss(seq, batch, fixed_cppo({.delta = 0.1, .delta_b = 0.03, .w_min = 0.5}),
                  {.gradient = o.gradient, .mask = o.mask, .trace = {.weight = o.weight, .prefix_drift = o.drift}});
  assert(s.ok());
  return o;
}

int main() {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  float const pi[T] = {-.30f, -.50f, -.40f, -.60f, -.70f, -.45f, -.52f, -.80f, -.30f, -.60f};
  float const mu[T] = {-.40f, -.56f, -.47f, -.50f, -.76f,
                       -.50f, -.58f, -.85f, -.33f, -.65f};                                  // whoever sampled the token
  float const unknown[T] = {nan, nan, nan, nan, -.76f, -.50f, -.58f, -.85f, -.33f, -.65f};  // the older ones are lost
  float const adv[T] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

  //! [resumed]
  // Each token's own log mu: the older tokens count like all others, against the policy that sampled them.
  outcome const kept = call(rollout_batch(padded(1, T), log_prob(pi), rollout_log_prob(mu), advantage(adv)));

  // Weighed by 0: they teach nothing, and keep their positions and their drift.
  float const teaches[T] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  outcome const weighed =
      call(rollout_batch(padded(1, T), log_prob(pi), rollout_log_prob(mu), advantage(adv), token_weight(teaches)));

  // Masked: they are part of the prompt. The newer tokens are at positions 1 to 6 of T = 6, and have not drifted yet.
  bool const sampled[T] = {0, 0, 0, 0, 1, 1, 1, 1, 1, 1};
  outcome const masked = call(
      rollout_batch(padded(1, T), log_prob(pi), rollout_log_prob(unknown), advantage(adv), response_mask(sampled)));
  //! [resumed]

  std::printf(
      "        kept            weighed by 0    masked\n   t    w     S     M   w     S     M   w     S     M\n");
  for (int t = 0; t < T; ++t) {
    std::printf("  %2d", t + 1);
    for (outcome const* o : {&kept, &weighed, &masked}) {
      bool const there = o != &masked || sampled[t];
      if (there)
        std::printf("  %.2f  %.3f  %d", static_cast<double>(o->weight[t]), static_cast<double>(o->drift[t]),
                    o->mask[t] > 0);
      if (!there) std::printf("   -     -    -");
    }
    std::printf("\n");
  }

  int more = 0;
  for (int t = 0; t < T; ++t) {
    bool const same =
        weighed.weight[t] == kept.weight[t] && weighed.drift[t] == kept.drift[t] && weighed.mask[t] == kept.mask[t];
    assert(same && weighed.gradient[t] == (t < stale ? 0.0f : kept.gradient[t]));
    if (t < stale) assert(masked.gradient[t] == 0.0f && masked.mask[t] == 0.0f);
    if (t >= stale) more += masked.mask[t] > weighed.mask[t];
  }
  assert(kept.gradient[0] != 0.0f && kept.drift[stale] > 0.0f && kept.weight[stale] < 1.0f);
  assert(masked.weight[stale] == 1.0f && masked.drift[stale] == 0.0f && std::fabs(masked.weight[T - 1] - 0.5f) < 1e-6f);
  assert(more > 0);  // the allowance that the older tokens used is there again
  std::printf("%d tokens more are kept where the older ones are masked\n", more);
}
