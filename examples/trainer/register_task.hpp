// Two tasks over the same prompts: one carries a state from token to token, in the other every token stands alone.
#pragma once

#include "pretraining.hpp"
#include "task.hpp"

namespace trainer {

/// A program for two registers of two bits each: instructions, then the state that it begins with.
///
/// Token 0 begins a prompt, tokens 1 to 8 are instructions, tokens 9 to 24 the states 4 a + b. A prompt is 0,
/// `register_steps` instructions, a state. Every instruction is a bijection of the states: a response that holds one
/// wrong state, and goes on as it should from there, never meets a right one again.
inline constexpr int register_steps = 64;
/// A random program.
token_ids register_prompt(random_stream& random);
/// The state after each instruction, the right response to a prompt.
token_ids register_states(token_ids const& prompt);
/// For each instruction a token that depends on nothing else.
token_ids instruction_names(token_ids const& prompt);

/// Rewarded: the share of the states that come before the first wrong one. An early error spoils all that follows.
task register_task();
/// Rewarded: the share of the tokens that name their instruction. No token depends on another, so that position should
/// not matter: the control of `register_task`.
task independent_task();

/// The supervised steps that the models of these tasks begin with. Their teacher slips now and then and goes on from
/// there: a model that has learnt all there is slips as often, and a policy gets better by being surer.
/// @{
pretraining register_pretraining();
pretraining independent_pretraining();
/// @}

}  // namespace trainer
