#include "evaluation.hpp"

#include "network.hpp"
#include "parallel.hpp"
#include "sampler.hpp"

#include <numeric>

namespace trainer {

namespace {

/// Keeps these streams apart from those of training, whose keys have other lengths.
constexpr std::uint64_t key_of_evaluation = 0x6576616cULL;

struct sums {
  double reward = 0.0, surprise = 0.0, tokens = 0.0;
};

}  // namespace

evaluation evaluated(task const& t, parameters<float> const& weights, parameters<float> const& base,
                     std::size_t responses, std::uint64_t seed, int threads) {
  sampler const engine(weights);
  turned_weights<float> const turned(base);
  network<float> const net(base.shape());
  sampling const how{.tokens = t.tokens, .end_token = t.end_token, .policy = false};
  std::vector<sums> by_prompt(t.held_out.size());
  parallel_for(by_prompt.size(), threads, [&](std::size_t p) {
    token_ids const& prompt = t.held_out[p];
    std::vector<random_stream> streams;
    for (std::size_t r = 0; r < responses; ++r) streams.emplace_back(random_stream({key_of_evaluation, seed, p, r}));
    network_trace<float> trace;
    for (sampled_response const& r : engine.run(prompt, streams, how)) {
      sequence s{prompt, static_cast<Index>(prompt.size())};
      s.ids.insert(s.ids.end(), r.ids.begin(), r.ids.end());
      net.forward(turned, s, trace);
      by_prompt[p].reward += t.reward(prompt, r.ids);
      std::vector<float> const log_prob = trained_policy_of(trace.logits, s.response(), 1.0).log_prob;
      by_prompt[p].surprise -= std::accumulate(log_prob.begin(), log_prob.end(), 0.0);
      by_prompt[p].tokens += static_cast<double>(r.ids.size());
    }
  });
  sums all;
  for (sums const& s : by_prompt) {
    all.reward += s.reward;
    all.surprise += s.surprise;
    all.tokens += s.tokens;
  }
  auto const n = static_cast<double>(by_prompt.size() * responses);
  return {all.reward / n, all.surprise / all.tokens, all.tokens / n};
}

}  // namespace trainer
