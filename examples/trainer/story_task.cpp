#include "story_task.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace trainer {

namespace {

constexpr int wanted_mentions = 4;
constexpr double wanted_words = 0.85;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (char const c : text) {
    bool const part = is_letter(c) || (c == '\'' && inside);
    if (part && !inside) words.emplace_back();
    if (part) words.back() += c;
    inside = part;
  }
  return words;
}

std::string lower(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return is_capital(c) ? static_cast<char>(c - 'A' + 'a') : c; });
  return word;
}

/// The word without a final "'s": "Lily's" gives "Lily".
std::string without_possessive(std::string const& word) {
  bool const possessive = word.size() > 2 && word.compare(word.size() - 2, 2, "'s") == 0;
  return possessive ? word.substr(0, word.size() - 2) : word;
}

bool any_three_words_twice(std::vector<std::string> const& words) {
  std::set<std::array<std::string, 3>> seen;
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (!seen.insert({lower(words[i]), lower(words[i + 1]), lower(words[i + 2])}).second) return true;
  }
  return false;
}

}  // namespace

std::set<std::string> words_in(std::vector<std::string> const& texts) {
  std::set<std::string> all;
  for (std::string const& text : texts) {
    for (std::string const& word : words_of(text)) all.insert(lower(word));
  }
  return all;
}

story_verdict verdict_on(std::string_view story, std::set<std::string> const& dictionary) {
  story_verdict v;
  std::vector<std::string> const words = words_of(story);
  auto const named = std::find(words.begin(), words.end(), "named");
  if (named != words.end() && named + 1 != words.end() && is_capital((named + 1)->front())) {
    v.name = without_possessive(*(named + 1));
    v.mentions = static_cast<int>(std::count_if(words.begin(), words.end(), [&](std::string const& word) {
      return without_possessive(word) == v.name;
    }));
  }
  v.repeats = any_three_words_twice(words);
  if (!dictionary.empty() && !words.empty()) {
    auto const known = std::count_if(words.begin(), words.end(), [&](std::string const& word) {
      std::string const plain = without_possessive(word);
      return plain == v.name || dictionary.count(lower(plain)) > 0 || dictionary.count(lower(word)) > 0;
    });
    v.known = static_cast<double>(known) / static_cast<double>(words.size());
  }
  v.success = v.mentions >= wanted_mentions && !v.repeats && v.known >= wanted_words;
  return v;
}

task story_task(tokenizer const& words, int tokens, std::set<std::string> dictionary) {
  auto const beginning = [&words](char const* opening) {
    token_ids ids{tokenizer::story_token};
    for (std::int32_t const id : words.ids(opening)) ids.push_back(id);
    return ids;
  };
  task t;
  for (char const* opening : {"Once upon a time, there was a little", "Once upon a time, there lived a",
                              "Once upon a time, there was a happy", "Once upon a time, there was a young"}) {
    t.prompts.push_back(beginning(opening));
  }
  for (char const* opening : {"Once upon a time, there was a big", "Once upon a time, in a small house, there lived a",
                              "One day, there was a brave", "Once there was a kind"}) {
    t.held_out.push_back(beginning(opening));
  }
  t.tokens = tokens;
  t.end_token = tokenizer::story_token;
  t.reward = [&words, dictionary = std::move(dictionary)](token_ids const& prompt, token_ids const& response) {
    token_ids all = prompt;
    all.insert(all.end(), response.begin(), response.end());
    return verdict_on(words.text(all), dictionary).success ? 1.0 : 0.0;
  };
  return t;
}

}  // namespace trainer
