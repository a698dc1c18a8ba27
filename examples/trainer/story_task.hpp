// Stories: the task of the model that was trained on the TinyStories corpus.
#pragma once

#include "task.hpp"
#include "tokenizer.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

/// All words of the texts, in lower case. A word of a story must be among them; if there are none, every word counts.
std::set<std::string> words_in(std::vector<std::string> const& texts);

/// What the story task finds in a text.
struct story_verdict {
  std::string name;        ///< the word after the first "named", if it begins with a capital letter; else empty
  int mentions = 0;        ///< how often that word occurs, the first included
  bool repeats = false;    ///< three consecutive words occur twice
  double known = 1.0;      ///< share of its words that are in the dictionary
  bool success = false;    ///< somebody is named, mentioned at least four times, nothing repeats, 85 % are words
};
/// Finds it. Words are runs of letters and apostrophes; only the name is compared with regard to case.
story_verdict verdict_on(std::string_view story, std::set<std::string> const& dictionary = {});

/// The task: continue one of a few openings so that the story names its hero, mentions him or her again, does not
/// repeat itself, and consists of words. The name is an early token on which all later ones depend; a collapsed policy
/// repeats itself, and one that has lost the language finds no words. `words` must outlive the task.
task story_task(tokenizer const& words, int tokens, std::set<std::string> dictionary);

}  // namespace trainer
