// States of an advantage rule's folds as words: the level, the states of a group, the number of groups, their ids, and
// the states of each group and of the batch.
#pragma once

#include "state_words.hpp"

#include <cppo/advantage/rule_call.hpp>
#include <cppo/advantage/states.hpp>

namespace c_api {

inline constexpr std::int64_t words_before = 3, most_groups = std::int64_t{1} << 40;

/// How many words the states of so many groups take.
constexpr std::int64_t words_of_states(std::int64_t states, std::int64_t groups) noexcept {
  return words_before + groups + (groups + 1) * states * static_cast<std::int64_t>(state_words);
}

/// The states that were written; of no words, those of nothing. What was not written here becomes what no call accepts.
inline cppo::advantage_states reward_states_of(word_view from) {
  cppo::advantage_states made;
  if (from.empty()) return made;
  auto const from_to = [from](std::size_t i, std::int64_t low, std::int64_t high) {
    return from[i] >= low && from[i] <= high;
  };
  auto const size = static_cast<std::int64_t>(from.size());
  bool const begins = size >= words_before && from_to(0, 1, 64) && from_to(1, 0, 64) && from_to(2, 0, most_groups);
  if (!begins || words_of_states(from[1], from[2]) != size) return cppo::detail::refused_states();
  word_reader read(from);
  made.level = static_cast<int>(read.next());
  made.states = read.next();
  std::int64_t const groups = read.next();
  bool good = true;
  auto const take = [&](std::vector<cppo::fold_state>& into, std::int64_t n) {
    for (; n > 0; --n) into.push_back(read.state()), good = good && can_be(into.back(), cppo::detail::folded_limit);
  };
  for (std::int64_t g = 0; g < groups; ++g) made.groups.push_back(read.next());
  take(made.of_group, made.states * groups);
  take(made.of_batch, made.states);
  return good ? made : cppo::detail::refused_states();
}
/// Writes states if there is room. Returns how many words they take.
inline std::int64_t write_states(cppo::advantage_states const& from, std::int64_t* into, std::int64_t room) noexcept {
  if (from.level == 0) return 0;
  auto const groups = static_cast<std::int64_t>(from.groups.size());
  std::int64_t const n = words_of_states(from.states, groups);
  if (into == nullptr || n > room) return n;
  word_writer write(into);
  for (std::int64_t const x : {std::int64_t{from.level}, std::int64_t{from.states}, groups}) write.next(x);
  for (cppo::index_t const id : from.groups) write.next(id);
  for (auto const* const all : {&from.of_group, &from.of_batch}) {
    for (cppo::fold_state const& s : *all) write.state(s);
  }
  return n;
}

}  // namespace c_api
