// States of an advantage rule's folds as words, which go between languages and ranks.
#pragma once

#include <cppo/advantage/states.hpp>

#include <bit>
#include <cstdint>

namespace c_api {

inline constexpr std::int64_t words_of_state = 5, words_before = 3, most_groups = std::int64_t{1} << 40;

/// How many words the states of so many groups take.
constexpr std::int64_t words_of_states(std::int64_t states, std::int64_t groups) noexcept {
  return words_before + groups + (groups + 1) * states * words_of_state;
}

/// The states that were written; of no words, those of nothing. What was not written here becomes what no call accepts.
inline cppo::advantage_states states_of(std::int64_t const* words, std::int64_t count) {
  cppo::advantage_states made;
  if (words == nullptr || count == 0) return made;
  auto const from_to = [words](int i, std::int64_t low, std::int64_t high) {
    return words[i] >= low && words[i] <= high;
  };
  bool const begins = count >= words_before && from_to(0, 1, 64) && from_to(1, 0, 64) && from_to(2, 0, most_groups);
  if (!begins || words_of_states(words[1], words[2]) != count) return cppo::detail::refused_states();
  made.level = static_cast<int>(words[0]);
  made.states = words[1];
  made.groups.assign(words + words_before, words + words_before + words[2]);
  std::int64_t const* next = words + words_before + words[2];
  auto const read = [&next](std::vector<cppo::fold_state>& into, std::int64_t n) {
    for (; n > 0; --n, next += words_of_state) {
      into.push_back({{next[1], next[2]}, next[0], std::bit_cast<double>(next[3]), std::bit_cast<double>(next[4])});
    }
  };
  read(made.of_group, words[1] * words[2]);
  read(made.of_batch, words[1]);
  return made;
}
/// Writes states if there is room. Returns how many words they take.
inline std::int64_t write_states(cppo::advantage_states const& from, std::int64_t* into, std::int64_t room) noexcept {
  if (from.level == 0) return 0;
  auto const groups = static_cast<std::int64_t>(from.groups.size());
  std::int64_t const n = words_of_states(from.states, groups);
  if (into == nullptr || n > room) return n;
  *into++ = from.level;
  *into++ = from.states;
  *into++ = groups;
  for (cppo::index_t const id : from.groups) *into++ = id;
  auto const write = [&into](std::vector<cppo::fold_state> const& all) {
    for (cppo::fold_state const& s : all) {
      for (std::int64_t const w : {std::int64_t{s.count}, std::int64_t{s.sum.high}, std::int64_t{s.sum.low},
                                   std::bit_cast<std::int64_t>(s.least), std::bit_cast<std::int64_t>(s.most)}) {
        *into++ = w;
      }
    }
  };
  write(from.of_group);
  write(from.of_batch);
  return n;
}

}  // namespace c_api
