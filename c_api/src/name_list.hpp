// Names that a text may hold, as the interface hands them out: one after the other; and texts, which may be cut.
#pragma once

#include "answer.hpp"

#include <cppo/described_rule/names.hpp>

#include <algorithm>
#include <iterator>

namespace c_api {

/// A name that a text may hold.
struct named_part {
  char const* name;
  char const* kind;
  cppo::fixed_text<127> parameters;
};
/// All of them.
class name_list {
 public:
  void add(named_part const& p) noexcept {
    if (count_ < static_cast<int>(std::size(of_))) of_[count_++] = p;
  }
  /// What a vocabulary holds.
  void add_words(cppo::detail::vocabulary const& words) noexcept {
    cppo::detail::each_rule_name(words, [this](word name, word kind, cppo::status_text const& parameters) {
      named_part p{name.data(), kind.data(), {}};
      p.parameters.append(word(parameters));
      add(p);
    });
  }
  named_part const* at(std::int64_t i) const noexcept { return i >= 0 && i < count_ ? &of_[i] : nullptr; }

 private:
  named_part of_[256];
  int count_ = 0;
};

/// Takes the numbers of a text. `s` says why there are none.
inline bool take_numbers(double const* numbers, std::int64_t count, cppo_status& s) noexcept {
  if (count != 0 && !given(numbers, "numbers", s)) return false;
  return count >= 0 || refuse(s, cppo_bad_argument, cppo::argument::none, word("count is "), count,
                              word(", but must be 0 or more"));
}
/// The kind of a clause, as reports name the count.
inline word name_of(cppo::clause c) noexcept {
  constexpr word names[] = {"toward", "ratio", "divergence", "budget", "response", "other"};
  static_assert(std::size(names) == static_cast<std::size_t>(cppo::clause::other) + 1);
  return names[static_cast<int>(c)];
}
/// Copies a text into at most `room` characters, a 0 included. Returns how many it has.
inline std::int64_t copy_text(word all, char* text, std::int64_t room) noexcept {
  if (text != nullptr && room > 0) {
    std::size_t const n = std::min(all.size(), static_cast<std::size_t>(room) - 1);
    std::memcpy(text, all.data(), n);
    text[n] = '\0';
  }
  return static_cast<std::int64_t>(all.size());
}

}  // namespace c_api
