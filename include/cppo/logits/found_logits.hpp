/// @file
/// What a pass over logits finds, as data: of the whole vocabulary, or of a shard of it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/largest.hpp>
#include <cppo/logits/rows.hpp>

#include <algorithm>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// Ids first ... first + count - 1 of a vocabulary.
struct id_range {
  index_t first = 0;  ///< the least
  index_t count = 0;  ///< how many they are
  /// True if both are the same.
  friend constexpr bool operator==(id_range const&, id_range const&) noexcept = default;
};

/// What `find_logits` finds of the tokens of a batch, in the order of slots. Plain numbers: a rank sends them to
/// others, and `combine` adds them up over the shards of a vocabulary. It has 36 + 4 k + 12 m bytes a token, where k
/// ids are listed and the m largest logits asked for.
struct found_logits {
  double temperature = 1.0;   ///< T
  index_t ids = 0;            ///< of the whole vocabulary
  index_t listed = 0;         ///< k
  index_t largest_count = 0;  ///< m, at most `ids`
  std::vector<id_range> shards;        ///< ids that were read, in order; none: every call refuses what was found
  std::vector<logit_sums> sums;        ///< one a token
  std::vector<float> logits;           ///< [tokens, 1 + k]: of the sampled id and of listed ones; -inf if not found
  std::vector<float> largest_logits;   ///< [tokens, m], largest first; -inf past the last
  std::vector<index_t> largest_ids;    ///< [tokens, m]; -1 past the last

  /// Number of tokens.
  index_t tokens() const noexcept { return static_cast<index_t>(sums.size()); }
};

namespace detail {

/// True if there are `each` numbers a token.
inline bool has_each(std::size_t size, std::size_t tokens, index_t each) noexcept {
  if (each < 0) return false;
  if (tokens == 0 || each == 0) return size == 0;
  return size % tokens == 0 && size / tokens == static_cast<std::size_t>(each);
}
/// True if the ranges are those of a vocabulary, in order, and no id is in two.
inline bool are_shards(std::vector<id_range> const& shards, index_t ids) noexcept {
  index_t end = 0;
  for (id_range const& s : shards) {
    if (ids < 0 || s.first < end || s.count <= 0 || s.count > ids - s.first) return false;
    end = s.first + s.count;
  }
  return !shards.empty();
}
/// True if the largest logits of a token are in order: falling, of equal ones by rising id, -1 at -inf past the last.
inline bool is_in_order(float const* logits, index_t const* ids, index_t m, index_t vocabulary) noexcept {
  bool ordered = true;
  for (index_t j = 0; j < m; ++j) {
    bool const is_end = ids[j] == -1 && logits[j] == -special<float>::infinity;
    bool const is_id = ids[j] >= 0 && ids[j] < vocabulary && logits[j] <= special<float>::largest;
    ordered = ordered && (is_end || is_id);
    if (j > 0) ordered = ordered && (logits[j] < logits[j - 1] || (logits[j] == logits[j - 1] && ids[j] >= ids[j - 1]));
  }
  return ordered;
}
/// The same of every token.
inline bool are_in_order(found_logits const& f) noexcept {
  for (std::size_t i = 0; i < f.largest_ids.size(); i += static_cast<std::size_t>(f.largest_count)) {
    if (!is_in_order(&f.largest_logits[i], &f.largest_ids[i], f.largest_count, f.ids)) return false;
  }
  return true;
}
/// True if something was found, every list has the length that it must have, and the largest are in order. What another
/// rank has sent may be anything.
inline bool is_whole(found_logits const& f) noexcept {
  std::size_t const n = f.sums.size();
  bool const counts = f.listed >= 0 && f.listed < special<index_t>::largest && f.largest_count >= 0;
  return counts && are_shards(f.shards, f.ids) && has_each(f.logits.size(), n, 1 + f.listed) &&
         has_each(f.largest_logits.size(), n, f.largest_count) &&
         has_each(f.largest_ids.size(), n, f.largest_count) && are_in_order(f);
}
/// True if both are whole, and of calls of one shape.
inline bool same_call(found_logits const& a, found_logits const& b) noexcept {
  return is_whole(a) && is_whole(b) && a.temperature == b.temperature && a.ids == b.ids && a.listed == b.listed &&
         a.largest_count == b.largest_count && a.sums.size() == b.sums.size();
}
/// The ranges of both, those side by side made one. Where an id is in both, `are_shards` does not hold of it.
inline std::vector<id_range> joined(std::vector<id_range> all, std::vector<id_range> const& more) {
  all.insert(all.end(), more.begin(), more.end());
  std::sort(all.begin(), all.end(), [](id_range a, id_range b) { return a.first < b.first; });
  std::vector<id_range> made;
  for (id_range const& s : all) {
    bool const beside = !made.empty() && made.back().first + made.back().count == s.first;
    if (beside) made.back().count += s.count;
    else made.push_back(s);
  }
  return made;
}
/// Where the numbers of a token begin in a list of `each` a token.
inline std::size_t first_of(index_t token, index_t each) noexcept { return static_cast<std::size_t>(token * each); }

/// The m largest of both, of which no id is in both. Pre: both are in order.
inline void combine_largest(found_logits& a, found_logits const& b, index_t token) {
  using entry = std::pair<float, index_t>;
  std::size_t const m = static_cast<std::size_t>(a.largest_count), first = first_of(token, a.largest_count);
  auto const list = [&](found_logits const& of) {
    std::vector<entry> l;
    for (std::size_t j = first; j < first + m; ++j) l.emplace_back(of.largest_logits[j], of.largest_ids[j]);
    return l;
  };
  std::vector<entry> const x = list(a), y = list(b);
  std::vector<entry> all(2 * m);
  std::merge(x.begin(), x.end(), y.begin(), y.end(), all.begin(), [](entry const& l, entry const& r) {
    return l.first != r.first ? l.first > r.first : l.second < r.second;
  });
  for (std::size_t j = 0; j < m; ++j) {
    a.largest_logits[first + j] = all[j].first;
    a.largest_ids[first + j] = all[j].second;
  }
}

}  // namespace detail

/// What was found in two shards of the vocabulary, or in several each. The order of more than two moves the last bits
/// of the sums. What differs in T, V, k, m or the number of tokens, has an id in both, or lacks a number gives a value
/// without shards, which every call refuses. That the sampled and listed ids were the same is not seen: lend the same.
inline found_logits combine(found_logits a, found_logits const& b) {
  a.shards = detail::same_call(a, b) ? detail::joined(a.shards, b.shards) : std::vector<id_range>{};
  if (!detail::are_shards(a.shards, a.ids)) a.shards.clear();
  if (a.shards.empty()) return a;
  for (std::size_t i = 0; i < a.sums.size(); ++i) a.sums[i] = combine(a.sums[i], b.sums[i], a.temperature);
  for (std::size_t i = 0; i < a.logits.size(); ++i) a.logits[i] = std::max(a.logits[i], b.logits[i]);
  for (index_t i = 0; i < a.tokens() && a.largest_count > 0; ++i) detail::combine_largest(a, b, i);
  return a;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
