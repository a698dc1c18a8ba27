// What is found of a shard of the vocabulary as whole numbers, which go between languages and ranks: read, checked and
// written.
#pragma once

#include "state_words.hpp"

#include <cppo/logits/found_logits.hpp>

#include <cstring>
#include <limits>

namespace c_api {

/// How much was found.
struct found_counts {
  std::int64_t tokens, listed, largest_count, shards;

  /// Words before the shards: the temperature, the ids of the whole vocabulary, and these four.
  static constexpr std::int64_t before = 6;
  constexpr std::int64_t numbers() const noexcept { return tokens * (1 + listed + largest_count); }
  /// All words; -1 if a count is below 0, or they are too many.
  constexpr std::int64_t words() const noexcept {
    constexpr std::int64_t most = std::int64_t{1} << 28;  // of lists, and of shards
    bool const fit = tokens >= 0 && listed >= 0 && largest_count >= 0 && shards >= 0 && listed <= most &&
                     largest_count <= most && shards <= most && tokens <= most_words / (5 + listed + 2 * largest_count);
    return fit ? before + 2 * shards + tokens * (4 + largest_count) + (numbers() + 1) / 2 : -1;
  }

 private:
  static constexpr std::int64_t most_words = std::int64_t{1} << 58;
};
/// The counts of what was found; 0 of what every call refuses, which has no shards.
inline found_counts counts_of(cppo::found_logits const& f) noexcept {
  if (f.shards.empty()) return {};
  return {f.tokens(), f.listed, f.largest_count, static_cast<std::int64_t>(f.shards.size())};
}

/// True if a float holds it, and a finite logit or -inf it is.
inline bool is_logit(double x) noexcept {
  constexpr double most = std::numeric_limits<float>::max();
  return x >= -most ? x <= most && static_cast<double>(static_cast<float>(x)) == x
                    : x == -std::numeric_limits<double>::infinity();
}
/// What was written. What was not written here becomes what every call refuses.
inline cppo::found_logits found_of(word_view from) {
  constexpr auto before = static_cast<std::size_t>(found_counts::before);
  cppo::found_logits made;
  if (from.size() < before) return made;
  found_counts const n{from[4], from[2], from[3], from[5]};
  if (n.words() != static_cast<std::int64_t>(from.size())) return made;
  made.temperature = std::bit_cast<double>(from[0]);
  made.ids = from[1], made.listed = n.listed, made.largest_count = n.largest_count;
  from = from.subspan(before);
  word_reader read(from);
  for (std::int64_t i = 0; i < n.shards; ++i) {
    std::int64_t const first = read.next();
    made.shards.push_back({first, read.next()});
  }
  auto const real = [&read] { return std::bit_cast<double>(read.next()); };
  for (std::int64_t i = 0; i < n.tokens; ++i) {
    cppo::logit_sums& s = made.sums.emplace_back();
    double const maximum = real();
    if (!is_logit(maximum)) return {};
    s.maximum = static_cast<float>(maximum);
    s.at = read.next();
    s.rest = real(), s.moment = real();
  }
  for (std::int64_t i = 0; i < n.tokens * n.largest_count; ++i) made.largest_ids.push_back(read.next());
  std::vector<float> numbers(static_cast<std::size_t>(n.numbers()));
  if (!numbers.empty()) std::memcpy(numbers.data(), from.data(), numbers.size() * sizeof(float));
  auto const cut = numbers.begin() + static_cast<std::ptrdiff_t>(n.tokens * (1 + n.listed));
  made.logits.assign(numbers.begin(), cut);
  made.largest_logits.assign(cut, numbers.end());
  return made;
}
/// Writes what was found. Pre: there is room for the words of `counts_of(from)`. Returns how many they are.
inline std::int64_t write_found(cppo::found_logits const& from, std::int64_t* into) noexcept {
  found_counts const n = counts_of(from);
  word_writer write(into);
  for (std::int64_t const x : {std::bit_cast<std::int64_t>(from.temperature), std::int64_t{from.ids}, n.listed,
                               n.largest_count, n.tokens, n.shards}) {
    write.next(x);
  }
  if (n.shards == 0) return n.words();
  for (cppo::id_range const& s : from.shards) write.next(s.first), write.next(s.count);
  for (cppo::logit_sums const& s : from.sums) {
    write.next(std::bit_cast<std::int64_t>(static_cast<double>(s.maximum)));
    write.next(s.at);
    for (double const x : {s.rest, s.moment}) write.next(std::bit_cast<std::int64_t>(x));
  }
  for (cppo::index_t const id : from.largest_ids) write.next(id);
  std::int64_t* const floats = into + n.words() - (n.numbers() + 1) / 2;
  if (n.numbers() > 0) into[n.words() - 1] = 0;  // the half of the last word that holds none
  auto* const bytes = reinterpret_cast<unsigned char*>(floats);
  std::size_t const size = from.logits.size() * sizeof(float);
  if (size > 0) std::memcpy(bytes, from.logits.data(), size);
  if (!from.largest_logits.empty()) {
    std::memcpy(bytes + size, from.largest_logits.data(), from.largest_logits.size() * sizeof(float));
  }
  return n.words();
}

/// Where what is found goes.
struct found_room {
  std::int64_t* words = nullptr;
  std::int64_t room = 0;
  std::int64_t* written = nullptr;

  /// Pre: there is room.
  void write(cppo::found_logits const& made) const noexcept { *written = write_found(made, words); }
  /// What every call refuses.
  void refuse() const noexcept {
    if (room >= found_counts::before) write_found({}, words);
    *written = 0;
  }
};

}  // namespace c_api
