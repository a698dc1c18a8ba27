// Batches as an engine makes them: each token is drawn from mu over a small vocabulary, and pi is a law over the same
// one.
#pragma once

#include <cppo/algorithm/diagnose.hpp>
#include <cppo/testing/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace cppo_test {

// The options of a sampled batch.
struct sampling {
  cppo::index_t responses = 8, length = 64;
  double spread = 8.0;    // spread of the logits
  double drift = 0.1;     // spread of pi's logits about mu's
  double certain = 0.0;   // share of tokens so certain that their float log-softmax is exactly 0
  double lead = 0.0;      // how far one logit of each token is above the others
  double sharper = 1.0;   // factor on pi's logits
  double top_p = 1.0;     // tokens are drawn from the most probable ones that hold so much
  bool renormalised = false;  // log mu is of the law over these tokens
  bool bfloat16 = false;      // log-probs are rounded
  bool padded_left = false, ragged = false, holes = false;
  double equal_rewards = 0.0;  // share of groups of four whose advantages are 0
};

// Row-major, one entry per slot.
struct sampled_batch {
  cppo::index_t responses = 0, width = 0;
  std::vector<float> pi, mu, a;
  std::vector<std::uint8_t> valid;

  std::size_t size() const { return pi.size(); }
  auto view() const {
    return cppo::rollout_batch(cppo::padded(responses, width), cppo::log_prob(pi), cppo::rollout_log_prob(mu),
                               cppo::advantage(a), cppo::response_mask(valid));
  }
  cppo::batch_diagnosis diagnosis() const { return diagnose(view()); }
};

class batch_sampler {
 public:
  batch_sampler(std::uint64_t seed, sampling const& from) : random_(seed), from_(from) {}

  sampled_batch run() {
    sampled_batch b{.responses = from_.responses, .width = from_.length, .pi = {}, .mu = {}, .a = {}, .valid = {}};
    bool equal = false;
    for (cppo::index_t r = 0; r < b.responses; ++r) {
      if (r % 4 == 0) equal = random_.chance(from_.equal_rewards);
      auto const advantage = equal ? 0.0F : static_cast<float>(random_.normal());
      cppo::index_t const tokens = from_.ragged ? 1 + random_.below(b.width) : b.width;
      cppo::index_t const first = from_.padded_left ? b.width - tokens : 0;
      cppo::index_t const hole = from_.holes ? first + random_.below(tokens) : b.width;
      cppo::index_t const hole_end = hole + 1 + random_.below(6);
      for (cppo::index_t t = 0; t < b.width; ++t) {
        bool const active = t >= first && t < first + tokens && !(t >= hole && t < hole_end);
        b.valid.push_back(active ? 1 : 0);
        add_token(b, active);
        b.a.push_back(active ? advantage : 7.0F);
      }
    }
    return b;
  }

 private:
  static constexpr int vocabulary = 16;
  using law = float[vocabulary];

  // Log-softmax in float, as trainers compute it: where e^x of all others is lost in the sum, the largest is exactly 0.
  static void log_softmax(law& x) {
    float const top = *std::max_element(x, x + vocabulary);
    float sum = 0.0F;
    for (float const l : x) sum += std::exp(l - top);
    float const log_sum = std::log(sum);
    for (float& l : x) l = (l - top) - log_sum;
  }
  float noise() { return static_cast<float>(random_.uniform(-1.0, 1.0)); }
  float kept(float x) const { return from_.bfloat16 ? to_float(cppo::to_bfloat16(x)) : x; }

  void add_token(sampled_batch& b, bool active) {
    if (!active) {
      b.pi.push_back(NAN);
      b.mu.push_back(1e9F);
      return;
    }
    law mu, pi;
    for (float& l : mu) l = static_cast<float>(from_.spread) * noise();
    if (random_.chance(from_.certain)) mu[random_.below(vocabulary)] += 60.0F;
    mu[0] += static_cast<float>(from_.lead);
    auto const sharper = static_cast<float>(from_.sharper), drift = static_cast<float>(from_.drift);
    for (int k = 0; k < vocabulary; ++k) pi[k] = sharper * mu[k] + drift * noise();
    log_softmax(mu);
    log_softmax(pi);
    double held = 0.0;
    int const y = draw(mu, held);
    b.pi.push_back(kept(pi[y]));
    b.mu.push_back(kept(mu[y] - (from_.renormalised ? static_cast<float>(std::log(held)) : 0.0F)));
    b.mu.back() = std::min(b.mu.back(), 0.0F);
  }
  // Draws from the most probable tokens, which hold the probability `held`.
  int draw(law const& mu, double& held) {
    int order[vocabulary];
    for (int k = 0; k < vocabulary; ++k) order[k] = k;
    if (from_.top_p < 1.0) std::sort(order, order + vocabulary, [&](int i, int j) { return mu[i] > mu[j]; });
    int n = 0;
    for (; n < vocabulary && (held < from_.top_p || n == 0); ++n) held += std::exp(static_cast<double>(mu[order[n]]));
    double left = random_.uniform() * held;
    for (int k = 0; k < n; ++k) {
      left -= std::exp(static_cast<double>(mu[order[k]]));
      if (left < 0.0) return order[k];
    }
    return order[0];
  }

  cppo::testing::random_source random_;
  sampling from_;
};

inline sampled_batch sampled(std::uint64_t seed, sampling const& from) { return batch_sampler(seed, from).run(); }

}  // namespace cppo_test
