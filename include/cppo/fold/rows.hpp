/// @file
/// Rows of states by rising id: those of two ranks add up where both have one.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/types.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The place of an id in a rising list, or of where it belongs.
inline std::size_t place_of(std::vector<index_t> const& ids, index_t id) noexcept {
  return static_cast<std::size_t>(std::lower_bound(ids.begin(), ids.end(), id) - ids.begin());
}
/// True if ids rise.
inline bool rises(std::vector<index_t> const& ids) noexcept {
  return std::adjacent_find(ids.begin(), ids.end(), [](index_t a, index_t b) { return a >= b; }) == ids.end();
}
/// The ids of both.
inline std::vector<index_t> ids_of(std::vector<index_t> const& a, std::vector<index_t> const& b) {
  std::vector<index_t> both;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

/// Adds n states to others.
template <class State>
void add_states(State* to, State const* from, index_t n) noexcept {
  for (index_t s = 0; s < n; ++s) to[s] = to[s] + from[s];
}
/// Adds rows of n states, one for each id, to those of the same ids in `to`, which has them all.
template <class State>
void add_rows(std::vector<index_t> const& to_ids, std::vector<State>& to, std::vector<index_t> const& ids,
              std::vector<State> const& from, index_t n) noexcept {
  for (std::size_t k = 0; k < ids.size(); ++k) {
    auto const row = static_cast<index_t>(place_of(to_ids, ids[k])) * n;
    add_states(to.data() + row, from.data() + static_cast<index_t>(k) * n, n);
  }
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
