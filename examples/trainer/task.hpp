// What a response is rewarded for: prompts, and a reward that a program can verify.
#pragma once

#include "tokenizer.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

/// A task over token ids.
struct task {
  std::vector<std::vector<std::int32_t>> prompts;  ///< groups of responses take them in turn
  int tokens = 0;                                  ///< longest response
  std::int32_t end_token = -1;                     ///< ends a response early; -1: none does
  /// The reward, in [0, 1], of a response to a prompt.
  std::function<double(std::vector<std::int32_t> const& prompt, std::vector<std::int32_t> const& response)> reward;
};

/// What the story task sees in a text.
struct story_verdict {
  std::string name;        ///< the word after the first "named", if it begins with a capital letter; else empty
  int mentions = 0;        ///< how often that word occurs, the first included
  bool repeats = false;    ///< three consecutive words occur twice
  bool success = false;    ///< somebody is named, mentioned at least four times, and nothing repeats
};
/// Judges a text. Words are runs of letters and apostrophes; repetition is looked for without regard to case.
story_verdict judge(std::string_view story);

/// Continue one of a few openings so that the story names its hero, stays with him or her, and does not go in circles.
/// The name is an early token that binds all later ones, and a collapsed policy cannot satisfy the third condition.
task story_task(tokenizer const& words, int tokens = 112);

}  // namespace trainer
