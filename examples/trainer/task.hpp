// What a response is rewarded for: prompts, and a reward that a program can check.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace trainer {

/// Token ids.
using token_ids = std::vector<std::int32_t>;

/// A task over token ids.
struct task {
  std::vector<token_ids> prompts;   ///< used by groups of responses in turn, again from the first after the last
  std::vector<token_ids> held_out;  ///< prompts that no response is trained on
  int tokens = 0;                   ///< longest response
  std::int32_t end_token = -1;      ///< the token that ends a response early; -1: none
  /// The reward of a response to a prompt, in [0, 1].
  std::function<double(token_ids const& prompt, token_ids const& response)> reward;
};

}  // namespace trainer
