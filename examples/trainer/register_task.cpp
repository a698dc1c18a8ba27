#include "register_task.hpp"

#include <algorithm>
#include <utility>

namespace trainer {

namespace {

constexpr std::int32_t begin_token = 0, first_instruction = 1, instructions = 8;
constexpr std::int32_t first_state = first_instruction + instructions, states = 16;
constexpr std::int32_t tokens = first_state + states;
constexpr std::size_t prompts_in_training = 8192, prompts_held_out = 64;
constexpr std::uint64_t seed_of_training = 1, seed_of_held_out = 2;

/// The state after an instruction.
std::int32_t after(std::int32_t instruction, std::int32_t state) {
  std::int32_t a = state / 4, b = state % 4;
  switch (instruction) {
    case 0: a += 1; break;
    case 1: b += 1; break;
    case 2: a += b; break;
    case 3: b += a; break;
    case 4: a = 3 - a; break;
    case 5: b = 4 - b; break;
    case 6: b += 2 * a; break;
    default: std::swap(a, b); break;
  }
  return 4 * (a % 4) + b % 4;
}

std::vector<token_ids> prompts(std::size_t count, std::uint64_t seed) {
  std::vector<token_ids> all;
  for (std::size_t i = 0; i < count; ++i) {
    random_stream random({seed, i});
    all.push_back(register_prompt(random));
  }
  return all;
}

task task_of_programs(token_ids (*answer)(token_ids const&), double (*share)(token_ids const&, token_ids const&)) {
  task t;
  t.prompts = prompts(prompts_in_training, seed_of_training);
  t.held_out = prompts(prompts_held_out, seed_of_held_out);
  t.tokens = register_steps;
  t.reward = [=](token_ids const& prompt, token_ids const& response) { return share(response, answer(prompt)); };
  return t;
}

double share_before_error(token_ids const& response, token_ids const& right) {
  auto const error = std::mismatch(response.begin(), response.end(), right.begin(), right.end()).first;
  return static_cast<double>(error - response.begin()) / static_cast<double>(right.size());
}

double share_right(token_ids const& response, token_ids const& right) {
  double same = 0.0;
  for (std::size_t i = 0; i < response.size(); ++i) same += response[i] == right[i] ? 1.0 : 0.0;
  return same / static_cast<double>(right.size());
}

pretraining lessons(char const* name, int steps, token_ids (*answer)(token_ids const&, double, random_stream&),
                    double slips) {
  pretraining p;
  p.name = name;
  p.shape = {32, 96, 2, 2, 2, tokens, 2 * register_steps + 2};
  p.steps = steps;
  p.example = [=](random_stream& random) {
    token_ids const prompt = register_prompt(random);
    sequence s{prompt, static_cast<Index>(prompt.size())};
    token_ids const taught = answer(prompt, slips, random);
    s.ids.insert(s.ids.end(), taught.begin(), taught.end());
    return s;
  };
  return p;
}

/// The states, by a machine that slips with this probability.
token_ids states_with_slips(token_ids const& prompt, double slips, random_stream& random) {
  token_ids answer;
  std::int32_t state = prompt.back() - first_state;
  for (std::size_t i = 1; i + 1 < prompt.size(); ++i) {
    state = after(prompt[i] - first_instruction, state);
    if (random.uniform() < slips) state = static_cast<std::int32_t>(random.below(states));
    answer.push_back(first_state + state);
  }
  return answer;
}

/// The names, by a teacher who is the less sure of them the higher the instruction.
token_ids names_with_slips(token_ids const& prompt, double slips, random_stream& random) {
  token_ids answer = instruction_names(prompt);
  for (std::size_t i = 0; i < answer.size(); ++i) {
    double const less_sure = 0.05 * static_cast<double>(prompt[i + 1] - first_instruction);
    if (random.uniform() < slips + less_sure) {
      answer[i] = first_state + static_cast<std::int32_t>(random.below(states));
    }
  }
  return answer;
}

}  // namespace

token_ids register_prompt(random_stream& random) {
  token_ids prompt{begin_token};
  for (int i = 0; i < register_steps; ++i) {
    prompt.push_back(first_instruction + static_cast<std::int32_t>(random.below(instructions)));
  }
  prompt.push_back(first_state + static_cast<std::int32_t>(random.below(states)));
  return prompt;
}

token_ids register_states(token_ids const& prompt) {
  random_stream unused({0});
  return states_with_slips(prompt, 0.0, unused);
}

token_ids instruction_names(token_ids const& prompt) {
  token_ids answer;
  for (std::size_t i = 1; i + 1 < prompt.size(); ++i) {
    answer.push_back(first_state + (5 * (prompt[i] - first_instruction) + 3) % states);
  }
  return answer;
}

task register_task() { return task_of_programs(register_states, share_before_error); }
task independent_task() { return task_of_programs(instruction_names, share_right); }

pretraining register_pretraining() { return lessons("registers", 400, states_with_slips, 0.06); }
pretraining independent_pretraining() { return lessons("independent", 400, names_with_slips, 0.6); }

}  // namespace trainer
