// What looks wrong in a batch, before it is trained on; and what a call says about input it cannot use.
#include <cppo/cppo.hpp>

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace cppo;

void print(char const* title, batch_diagnosis const& d) {
  std::printf("%s\n", title);
  for (ranked_finding const& f : d.ranked()) {
    std::string_view const text = sentence(f.what);
    std::printf("  - %.*s (%td tokens)\n", static_cast<int>(text.size()), text.data(), f.tokens);
  }
  if (d.clean()) std::printf("  nothing: mean |log ratio| %.4f over %td tokens\n", d.mean_abs_log_ratio, d.tokens);
}

int main() {
  constexpr std::size_t n = 200;
  std::vector<float> pi(n), mu(n), shifted(n), cut(n), missing(n), adv(n, 0.5f), gradient(n);
  for (std::size_t i = 0; i < n; ++i) {
    mu[i] = -0.2f - 0.01f * static_cast<float>(i * 89 % 211);
    pi[i] = mu[i] + 0.0004f * (static_cast<float>(i * 53 % 171) - 80.0f);
    shifted[i] = i > 0 ? mu[i - 1] : -1.0f;  // one side stores the log-prob of the next token
    cut[i] = mu[i] + 0.15f;                  // renormalised after top-p
    missing[i] = i < 100 ? 0.0f : mu[i];     // a trajectory without rollout log-probs
  }
  auto const lend = [&](std::vector<float> const& rollout) {
    return rollout_batch(padded(2, 100), log_prob(pi), rollout_log_prob(rollout), advantage(adv));
  };

  //! [diagnose]
  batch_diagnosis const d = diagnose(lend(shifted));
  assert(d.has(finding::shifted_by_one) && d.ranked().front().what == finding::shifted_by_one);
  //! [diagnose]
  print("rollout log-probs off by one:", d);
  print("rollout log-probs after top-p:", diagnose(lend(cut)));
  print("no rollout log-probs for the first trajectory:", diagnose(lend(missing)));
  print("rollout log-probs replaced by the trainer's:", diagnose(lend(pi)));
  print("as they should be:", diagnose(lend(mu)));
  assert(diagnose(lend(cut)).has(finding::truncated_sampling) && diagnose(lend(mu)).clean());
  print("a threshold of 15 on a total variation:", diagnose(lend(mu), dppo({.delta_low = 15, .delta_high = 15})));

  //! [bad_input]
  pi[117] = std::numeric_limits<float>::quiet_NaN();
  auto const region = presets::dense_post_trained();
  status const s = policy_loss(simd, lend(mu), region, {.gradient = gradient});
  if (!s) std::printf("%s\n", describe(s).c_str());
  //! [bad_input]
  assert(s.code == status_code::log_prob_invalid && s.response == 1 && s.token == 17 && s.count == 1);
  assert(std::string(describe(s)).starts_with("log_prob at response 1, token 17 is nan, but must be finite"));
  for (std::size_t i = 100; i < n; ++i)
    assert(gradient[i] == 0.0f);  // the whole response is left out, the other is not
  assert(gradient[0] != 0.0f);

  // Or only the token is left out, as if its response mask were 0.
  status const left_out = policy_loss(simd, lend(mu), region, {.gradient = gradient},
                                      {.bad_input = on_bad_input::exclude});
  assert(left_out.ok() && left_out.code == status_code::bad_input_excluded && gradient[116] != 0.0f);
  std::printf("%s\n", describe(left_out).c_str());
}
