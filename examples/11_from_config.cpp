// A trust region as text, which a trainer's configuration file or command line gives.
#include <cppo/cppo.hpp>
#include <cppo/described.hpp>

#include <cassert>
#include <cstdio>
#include <vector>

using namespace cppo;

int main() {
  constexpr index_t B = 8, T = 200;
  std::vector<float> pi(B * T), mu(B * T), adv(B * T), gradient(B * T);
  for (std::size_t i = 0; i < pi.size(); ++i) {
    mu[i] = -0.4f - 0.004f * static_cast<float>(i * 37 % 211);
    pi[i] = mu[i] + (i % 31 == 3 ? 0.004f : 0.0003f) * (static_cast<float>(i * 53 % 171) - 80.0f);
    adv[i] = i % 400 < 200 ? 1.0f : -1.0f;
  }
  auto const batch = rollout_batch(padded(B, T), log_prob(pi), rollout_log_prob(mu), advantage(adv));

  //! [config]
  auto const train = [&](char const* text, report& r) {
    parsed_region const read = parse_region(text);
    if (!read) {  // the text, a caret under the place, what is wrong there
      std::printf("%s\n%*s\n%s\n", text, static_cast<int>(read.column), "^", read.error.c_str());
      return false;
    }
    return policy_loss(simd, batch, read.region, {.gradient = gradient, .report = &r}, {.aggregate = token_mean}).ok();
  };
  //! [config]

  for (char const* text : {
           "unrestricted",
           "ppo(epsilon_low = 0.2, epsilon_high = 0.28)",
           "fixed_cppo(delta = 0.01, delta_b = 0.0004, divergence = binary_kl)",
           "softened(calibrated_cppo(0.1, 0.004), reciprocal_gate)",
           "trust_region(k3, linear_weight(0.9), toward_rollout | (divergence_within(0.01) & ratio_within(0.8, 1.2)))",
           R"({"trm_mean": {"delta": 0.0005, "divergence": "binary_kl"}})"}) {
    report r;
    bool const done = train(text, r);
    assert(done);
    std::printf("masked %5.2f %%  loss %+.5f  %s\n", 100.0 * r.masked_fraction(), r.loss(), text);
  }

  // As text or written out: the same region, the same bits.
  report as_text, written;
  bool const done = train("fixed_cppo(0.1, 0.002, divergence = binary_kl)", as_text);
  auto const region = fixed_cppo({.delta = 0.1, .delta_b = 0.002}, binary_kl);
  status const s = policy_loss(seq, batch, region, {.report = &written}, {.aggregate = token_mean});
  assert(done && s.ok() && as_text.loss() == written.loss() && as_text.kept == written.kept);

  // A region writes itself as the expression that makes it: for a log, or a checkpoint.
  std::puts(to_text(described_region(region)).c_str());
  assert(parse_region(to_text(described_region(region))).region == described_region(region));

  // Unknown names are refused, and so are parameters out of range.
  report r;
  assert(!train("trust_region(binary_tv, linear_weigth(0.8), keep_all)", r));
  assert(!train("fixed_cppo(w_min = 1.5)", r));
}
