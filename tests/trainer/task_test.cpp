// The tasks over register programs, the models that supervised steps make, stale rollouts.
#include "evaluation.hpp"
#include "input_error.hpp"
#include "learner.hpp"
#include "pretraining.hpp"
#include "register_task.hpp"
#include "support/catch_compat.hpp"
#include "support/chosen_region.hpp"

#include <filesystem>
#include <fstream>
#include <set>

using namespace trainer;

namespace {

/// A prompt whose first instructions are these, from 0, and whose state is `state`.
token_ids prompt_of(std::vector<int> const& instructions, int state) {
  token_ids prompt{0};
  for (std::size_t i = 0; i < static_cast<std::size_t>(register_steps); ++i) {
    prompt.push_back(1 + (i < instructions.size() ? instructions[i] : 0));
  }
  prompt.push_back(9 + state);
  return prompt;
}

pretraining few_lessons(int steps) {
  pretraining p = register_pretraining();
  p.steps = steps;
  p.batch = 4;
  return p;
}

}  // namespace

TEST_CASE("a register program is run as its instructions say") {
  // a = 2, b = 3: a += 1; b += 1; a += b; b += a; a = 3 - a; b = -b; b += 2a; swap. By hand, modulo 4.
  token_ids const states = register_states(prompt_of({0, 1, 2, 3, 4, 5, 6, 7}, 4 * 2 + 3));
  std::vector<int> const by_hand = {4 * 3 + 3, 4 * 3 + 0, 4 * 3 + 0, 4 * 3 + 3, 4 * 0 + 3, 4 * 0 + 1, 4 * 0 + 1, 4 * 1};
  for (std::size_t i = 0; i < by_hand.size(); ++i) CHECK(states[i] == 9 + by_hand[i]);
  CHECK(states.size() == static_cast<std::size_t>(register_steps));
}

TEST_CASE("every instruction is a bijection: two states never meet") {
  for (int instruction = 0; instruction < 8; ++instruction) {
    std::set<std::int32_t> reached;
    for (int state = 0; state < 16; ++state) reached.insert(register_states(prompt_of({instruction}, state)).front());
    INFO(instruction);
    CHECK(reached.size() == 16);
    CHECK(*reached.begin() == 9);
    CHECK(*reached.rbegin() == 24);
  }
}

TEST_CASE("an early error spoils the reward of a program, and costs its own token alone in the control") {
  task const chained = register_task(), independent = independent_task();
  token_ids const& prompt = chained.held_out.front();
  CHECK(std::find(chained.prompts.begin(), chained.prompts.end(), prompt) == chained.prompts.end());
  token_ids states = register_states(prompt), names = instruction_names(prompt);
  CHECK(chained.reward(prompt, states) == 1.0);
  CHECK(independent.reward(prompt, names) == 1.0);
  states[16] = states[16] == 9 ? 10 : 9;
  names[16] = names[16] == 9 ? 10 : 9;
  CHECK(chained.reward(prompt, states) == 0.25);
  CHECK(independent.reward(prompt, names) == 63.0 / 64.0);
  CHECK(chained.reward(prompt, {}) == 0.0);
}

TEST_CASE("supervised steps teach, and give the same bits at any number of threads") {
  std::vector<double> losses;
  parameters<float> const once = pretrained(few_lessons(40), 1, [&](int, double loss) { losses.push_back(loss); });
  REQUIRE(losses.size() == 40);
  CHECK(losses.back() < 0.9 * losses.front());
  CHECK(pretrained(few_lessons(40), 3).flat() == once.flat());
}

TEST_CASE("a model is made once, and a file that is none is refused") {
  auto const folder = std::filesystem::temp_directory_path() / "cppo_task_test";
  std::filesystem::remove_all(folder);
  parameters<float> const made = pretrained_once(few_lessons(2), folder.string(), 1);
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::path const file = *std::filesystem::directory_iterator(folder);
  // What the file holds is what is read: here other weights.
  write_model(file.string(), random_model(made.shape(), 77));
  CHECK(pretrained_once(few_lessons(2), folder.string(), 1).flat() == random_model(made.shape(), 77).flat());
  CHECK(pretrained_once(few_lessons(3), folder.string(), 1).flat() != random_model(made.shape(), 77).flat());
  std::ofstream(file) << "no model";
  CHECK_THROWS_AS(pretrained_once(few_lessons(2), folder.string(), 1), input_error);
  CHECK_THROWS_AS(write_model((folder / "nowhere" / "x").string(), made), input_error);
  std::filesystem::remove_all(folder);
}

TEST_CASE("an evaluation has the same bits at any number of threads, and knows its own first model") {
  task const t = register_task();
  parameters<float> const w = random_model(register_pretraining().shape, 1);
  evaluation const one = evaluated(t, w, w, 1, 5, 1), three = evaluated(t, w, w, 1, 5, 3);
  CHECK(one.success == three.success);
  CHECK(one.base_nll == three.base_nll);
  CHECK(one.length == register_steps);
  CHECK(one.base_nll > 1.0);  // random weights are sure of nothing: log 25 = 3.2
  CHECK(evaluated(t, w, w, 1, 6, 1).base_nll != one.base_nll);
}

TEST_CASE("stale rollouts come from the weights of so many updates ago") {
  task const t = register_task();
  parameters<float> const start = random_model(register_pretraining().shape, 1);
  learning_options o;
  o.region = cppo_test::described({.region = "unrestricted"});
  o.responses = 16;
  o.group = 8;
  o.epochs = 1;
  o.minibatches = 2;
  o.threads = 2;
  std::atomic<bool> const stop{false};
  auto const second_step = [&](std::size_t stale) {
    o.stale = stale;
    learner run(start, t, o);
    step_record record;
    REQUIRE(run.step(stop, record));
    parameters<float> const after_first = run.weights();
    REQUIRE(run.step(stop, record));
    return std::pair(after_first, run.experiences());
  };
  auto const [fresh_weights, fresh] = second_step(0);
  auto const [weights, stale] = second_step(2);  // a step has two updates: the first weights again
  CHECK(weights.flat() == fresh_weights.flat());
  network<float> const net(start.shape());
  auto const distance = [&](parameters<float> const& w, experience const& e) {
    network_trace<float> trace;
    net.forward(turned_weights<float>(w), e.tokens, trace);
    double worst = 0.0;
    std::vector<float> const log_prob = trained_policy_of(trace.logits, e.tokens.response(), 1.0).log_prob;
    for (std::size_t i = 0; i < log_prob.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(log_prob[i] - e.mu.log_prob[i])));
    }
    return worst;
  };
  parameters<float> const first = rounded_to_bfloat16(start), last = rounded_to_bfloat16(weights);
  CHECK(distance(first, stale.front()) < 1e-4);
  CHECK(distance(last, stale.front()) > 1e-3);
  CHECK(distance(last, fresh.front()) < 1e-4);
}
