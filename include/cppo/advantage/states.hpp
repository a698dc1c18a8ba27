/// @file
/// The states of an advantage rule's folds: what is exported, and added up over micro-batches and ranks.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/fold/fold_state.hpp>
#include <cppo/fold/rows.hpp>

#include <algorithm>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// The states of a rule's folds over some responses: plain numbers, which the caller may send to other ranks.
struct advantage_states {
  int level = 0;                     ///< how many levels of folds are known; below 0: a call failed, and none is
  index_t states = 0;                ///< the number of states of the rule
  std::vector<index_t> groups;       ///< group ids, rising
  std::vector<fold_state> of_group;  ///< [groups, states]
  std::vector<fold_state> of_batch;  ///< [states]

  /// True if both are the same.
  friend bool operator==(advantage_states const&, advantage_states const&) = default;
};

namespace detail {

/// States that no call accepts, in place of those that a failed call was to make.
inline advantage_states refused_states() {
  advantage_states s;
  s.level = -1;
  return s;
}

/// True if the sizes of the lists fit each other.
inline bool fits_itself(advantage_states const& s) noexcept {
  auto const states = static_cast<std::size_t>(s.states < 0 ? 0 : s.states);
  bool const sizes = s.of_batch.size() == states && s.of_group.size() == s.groups.size() * states;
  return s.states >= 0 && rises(s.groups) && sizes;
}

}  // namespace detail

/// The states of both: of two micro-batches or ranks at one level, or of the levels that are known and of the next one.
/// Any order gives the same bits. If one of them is refused, or they are of different rules, so is the sum.
inline advantage_states combine(advantage_states const& a, advantage_states const& b) {
  if (a.level < 0 || b.level < 0) return detail::refused_states();
  if (a.level == 0) return b;
  if (b.level == 0) return a;
  if (a.states != b.states || !detail::fits_itself(a) || !detail::fits_itself(b)) return detail::refused_states();
  advantage_states both;
  both.level = std::max(a.level, b.level);
  both.states = a.states;
  both.groups = detail::ids_of(a.groups, b.groups);
  both.of_group.resize(both.groups.size() * static_cast<std::size_t>(both.states));
  both.of_batch = a.of_batch;
  detail::add_states(both.of_batch.data(), b.of_batch.data(), both.states);
  detail::add_rows(both.groups, both.of_group, a.groups, a.of_group, both.states);
  detail::add_rows(both.groups, both.of_group, b.groups, b.of_group, both.states);
  return both;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
