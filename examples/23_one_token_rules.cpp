// Rules of the field in a line or two each, and one with parts of one's own. Each runs on every executor.
#include <cppo/cppo.hpp>
#include <cppo/rules.hpp>

#include <cassert>
#include <cstdio>
#include <vector>

//! [quantity]
struct perplexity {  // of pi at the token, from its entropy
  static constexpr cppo::argument reads() { return cppo::argument::entropy; }
  template <class V>
  CPPO_HOST_DEVICE constexpr V operator()(cppo::token<V> const& t) const {
    return exp(t.entropy());
  }
};
static_assert(cppo::quantity<perplexity> && !cppo::differentiable<perplexity>);
//! [quantity]

//! [surrogate]
struct bounded_loss {  // -A tanh(c (rho - 1)) / c: the slope fades on both sides
  double c;
  template <class V>
  CPPO_HOST_DEVICE constexpr cppo::surrogate_value<V> operator()(cppo::token<V> const& t) const {
    V const small = exp(V(-2.0 * c) * abs(t.ratio() - V(1))), part = V(2) / (V(1) + small);
    V const tanh = select(t.ratio() >= V(1), part - V(1), V(1) - part);
    return {-(t.advantage() * tanh) / V(c), t.unclamped(-(t.advantage() * t.ratio()) * (small * part * part))};
  }
};
static_assert(cppo::token_surrogate<bounded_loss>);
//! [surrogate]

int main() {
  using namespace cppo;
  constexpr index_t n = 2048;
  std::vector<float> pi(n), mu(n), ref(n), adv(n), spread(n), fast(n), plain(n);
  for (std::size_t i = 0; i < n; ++i) {  // pi is up to 0.5 nats above mu or below it
    mu[i] = -0.6f - 0.001f * static_cast<float>(i % 997);
    pi[i] = mu[i] + 0.005f * (static_cast<float>(i % 201) - 100.0f);
    ref[i] = mu[i] - 0.1f;
    adv[i] = i % 3 == 0 ? 1.0f : -0.5f;
    spread[i] = 0.01f * static_cast<float>(i % 300);
  }
  auto const batch = rollout_batch(padded(4, n / 4), log_prob(pi), rollout_log_prob(mu), advantage(adv),
                                   entropy(spread), reference_log_prob(ref));
  auto const run = [&](char const* name, auto const& region) {
    report r;
    status const on_simd = policy_loss(simd, batch, region, {.gradient = fast, .report = &r});
    status const on_seq = policy_loss(seq, batch, region, {.gradient = plain});
    assert(on_simd.ok() && on_seq.ok() && fast == plain);  // the same bits
    std::printf("%-24s loss %8.2f, masked %4td, held %4td\n", name, r.loss(), r.masked(), r.held);
    return r;
  };

  //! [rules]
  auto const clipped_ppo = objective(dual_clipped(clipped(0.8, 1.28), 3));  // PPO, Clip-Higher and dual clip
  auto const weighed = objective(score_form(clamped(ratio, 0, 1.2)));       // CISPO: a factor, held constant
  auto const with_kl = fixed_cppo() + penalty(kl_k3(), 0.05);               // CPPO, and a KL to a reference
  auto const undecided = at_least(perplexity{}, 4) & at_most(ratio, below(1.5));
  auto const mine = objective(dppo(), where(undecided, ratio_form, bounded_loss{2.0}));
  //! [rules]

  report const ppo_report = run("PPO, clipped", clipped_ppo), cispo_report = run("CISPO", weighed);
  report const cppo_report = run("CPPO", fixed_cppo()), kl_report = run("CPPO with a KL penalty", with_kl);
  assert(ppo_report.held > 0 && ppo_report.masked() == 0);  // held: the loss counts, the slope is 0
  assert(cispo_report.held == 0 && kl_report.masked() == cppo_report.masked() && kl_report.loss() > cppo_report.loss());
  assert(run("parts of one's own", mine).masked() > 0);
}
