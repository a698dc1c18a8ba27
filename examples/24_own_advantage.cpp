// Advantages before the loss: an advantage rule by name, one of your own, and one batch in two micro-batches.
#include <cppo/advantage.hpp>
#include <cppo/described_advantage.hpp>

#include <cassert>
#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  using namespace cppo;
  // Six responses to two prompts, 4 slots each; the responses to a prompt need not lie side by side.
  std::vector<float> const rewards{1, 0, 1, 0, 0, 1};
  std::vector<int> const prompts{7, 9, 7, 9, 7, 9};
  std::vector<unsigned char> const tokens{1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1};
  auto const responses = response_batch(padded(6, 4), reward(rewards), group_id(prompts), response_mask(tokens));

  // By name, with published defaults: (R - mean) / (deviation + 1e-6), one number a response.
  std::vector<double> advantages(6);
  status s = compute_advantage(seq, responses, grpo(), per_response(advantages));
  assert(s.ok() && std::abs(advantages[0] - 0.57735) < 1e-5);

  // Another reward in an advantage rule by name: DAPO's penalty on length, before GRPO.
  s = compute_advantage(seq, responses, grpo(1e-6, overlong(4, 2)), per_response(advantages));
  assert(s.ok() && advantages[0] < advantages[2]);  // right both, but the first has no room left

  // The same advantage rule as data, from a configuration file.
  parsed_advantage const read = parse_advantage("grpo(1e-6, overlong(4, 2))");
  std::vector<double> as_data(6);
  s = compute_advantage(seq, responses, read.rule, per_response(as_data));
  assert(s.ok() && as_data == advantages);  // to the bit

  // An advantage rule of your own: the distance from the group's mean, worth more where few answer right.
  auto const right = at_least(reward, above(0));
  auto const difficulty = 1 - group(count(right)) / group(count(keep_all));
  auto const own = difficulty * (reward - group(mean(reward)));
  s = compute_advantage(seq, responses, own, per_response(advantages));
  assert(s.ok());
  for (double const a : advantages) std::printf("%.4f ", a);

  // The same batch in two micro-batches, whose groups lie in both: the states of the folds add up.
  auto const part = [&](std::size_t b) {
    return response_batch(padded(3, 4), reward(rewards.data() + 3 * b), group_id(prompts.data() + 3 * b));
  };
  advantage_states known;
  for (int level = 1; level <= levels_of(own); ++level) {
    advantage_states sums;
    for (std::size_t b = 0; b < 2; ++b) {
      advantage_states more;  // what another rank would send
      s = sum_rewards(seq, part(b), own, known, more);
      assert(s.ok());
      sums = combine(sums, more);
    }
    known = combine(known, sums);
  }
  for (std::size_t b = 0; b < 2; ++b) {
    std::vector<double> half_of_them(3);
    s = compute_advantage(seq, part(b), own, per_response(half_of_them), known);
    assert(s.ok());
    for (std::size_t i = 0; i < 3; ++i) assert(half_of_them[i] == advantages[3 * b + i]);  // to the bit
  }

  // Values in place of groups: generalized advantage estimation from the end of each response.
  std::vector<float> const values(24, 0.5F);
  std::vector<float> out(24), returns(24);
  s = compute_advantage(seq, response_batch(padded(6, 4), reward(per_response(rewards)), value(values),
                                            response_mask(tokens)), gae(1.0, 0.95), out, {.returns = returns});
  assert(s.ok() && out[3] == 0.5F && returns[3] == 1.0F);
  std::printf("\n%.4f %.4f\n", static_cast<double>(out[0]), static_cast<double>(returns[0]));
}
