// The states of a rule's folds as whole numbers: a block for each exchange, one after the other. A block has a head,
// how many exchanges are known with it, how many states and how many searches there are; then the states, the numbers
// of the searches, and their bins.
#pragma once

#include "state_words.hpp"

#include <cppo/described_rule/program.hpp>
#include <cppo/rules/fold_states.hpp>

namespace c_api {

inline constexpr std::size_t head_words = 3, bin_words = state_words + 1;

/// The words of a block.
constexpr std::size_t words_of_block(std::size_t states, std::size_t searches) noexcept {
  return head_words + states * state_words + searches * (1 + cppo::fold_bins * bin_words);
}

inline cppo::fold_bin read_bin(word_reader& from) noexcept {
  cppo::fold_state const values = from.state();
  return {values, from.next()};
}
inline bool can_be(cppo::fold_bin const& b) noexcept {
  return can_be(b.values) && b.of_least >= 0 && b.of_least <= b.values.count;
}

/// The states of the first block, which is taken away; what no call accepts if there is none.
inline cppo::fold_states take_block(word_view& from) {
  constexpr std::int64_t most = cppo::detail::rule_program::most_folds;
  auto const refused = [&from] { return from = {}, cppo::detail::refused_folds(); };
  if (from.size() < head_words) return refused();
  word_reader read(from);
  std::int64_t const exchanges = read.next(), states = read.next(), searches = read.next();
  if (exchanges == 0) return from = {}, cppo::fold_states();
  bool const sizes = exchanges > 0 && exchanges <= 64 && states >= 0 && states <= most && searches >= 0 &&
                     searches <= most;
  auto const n = static_cast<std::size_t>(states), m = static_cast<std::size_t>(searches);
  if (!sizes || from.size() < words_of_block(n, m) - head_words) return refused();
  cppo::fold_states s{static_cast<int>(exchanges), states, {}, {}, {}};
  bool good = true;
  for (std::size_t k = 0; k < n; ++k) s.of_batch.push_back(read.state()), good = good && can_be(s.of_batch.back());
  for (std::size_t k = 0; k < m; ++k) s.searches.push_back(read.next());
  s.bins.reserve(m * cppo::fold_bins);
  for (std::size_t k = 0; k < m * cppo::fold_bins; ++k) {
    s.bins.push_back(read_bin(read));
    good = good && can_be(s.bins.back());
  }
  return good ? s : refused();
}
/// The states of all blocks; what no call accepts unless they are those of the first exchanges, in order.
inline cppo::fold_states states_of(word_view from) {
  cppo::fold_states known;
  while (!from.empty() && known.exchanges >= 0) {
    cppo::fold_states const next = take_block(from);
    known = next.exchanges == known.exchanges + 1 ? combine(known, next) : cppo::detail::refused_folds();
  }
  return known;
}
/// Writes the states of one exchange, which are of so many words; what no call accepts if they are none.
inline void write_block(cppo::fold_states const& s, std::span<std::int64_t> into) noexcept {
  std::fill(into.begin(), into.end(), 0);
  if (into.empty()) return;
  bool const fits = s.exchanges >= 0 && into.size() == words_of_block(s.of_batch.size(), s.searches.size());
  if (!fits) {
    if (s.exchanges != 0) into[0] = -1;
    return;
  }
  word_writer write(into.data());
  auto const searches = static_cast<std::int64_t>(s.searches.size());
  for (std::int64_t const x : {std::int64_t{s.exchanges}, std::int64_t{s.states}, searches}) write.next(x);
  for (cppo::fold_state const& f : s.of_batch) write.state(f);
  for (cppo::index_t const id : s.searches) write.next(id);
  for (cppo::fold_bin const& b : s.bins) write.state(b.values), write.next(b.of_least);
}

}  // namespace c_api
