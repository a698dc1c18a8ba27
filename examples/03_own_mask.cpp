// A trust region of your own: one struct, one line of proof, and it runs wherever the library runs.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <vector>

//! [struct]
struct rare_token_slack {  // the rarer the token under mu, the more room it gets
  float delta, slack;
  template <class V>  // V: cppo's own lane type, one token or many
  CPPO_HOST_DEVICE constexpr auto operator()(cppo::token<V> const& t) const {
    return t.weighted_divergence() <= V(delta) + V(slack) * (V(1) - t.rollout_prob());
  }
};
static_assert(cppo::token_mask<rare_token_slack>);
//! [struct]

int main() {
  using namespace cppo;
  constexpr index_t n = 4096;
  std::vector<float> pi(n), mu(n), adv(n, 1.0f);
  for (std::size_t i = 0; i < n; ++i) {  // away from mu, by up to 0.3 nats
    mu[i] = -0.35f - 0.001f * static_cast<float>(i % 997);
    pi[i] = mu[i] + 0.003f * static_cast<float>(i % 101);
  }
  auto const batch = rollout_batch(padded(4, n / 4), log_prob(pi), rollout_log_prob(mu), advantage(adv));

  //! [use]
  auto const mine = trust_region(binary_tv, linear_weight(0.8), any_of(toward_rollout, rare_token_slack{.1f, .1f}));
  std::vector<std::uint8_t> plain(n), fast(n);
  status const one = compute_mask(seq, batch, mine, plain);
  status const two = compute_mask(simd, batch, mine, fast);
  assert(one.ok() && two.ok());
  assert(plain == fast);  // the same bits, not nearly the same
  //! [use]

  report r, uniform;
  status const three = policy_loss(simd, batch, mine, {.report = &r});
  status const four = policy_loss(simd, batch, dppo({.delta = 0.1}), {.report = &uniform});
  assert(three.ok() && four.ok() && r.masked_other == r.masked() && r.masked() < uniform.masked());
  std::printf("rare_token_slack masks %td tokens of %td, a uniform threshold of 0.1 masks %td\n", r.masked(), n,
              uniform.masked());
}
