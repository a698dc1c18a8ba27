/// @file
/// What a pass over logits finds, as data: of the whole vocabulary, or of a part of it.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/largest.hpp>
#include <cppo/logits/rows.hpp>

#include <algorithm>
#include <vector>

namespace cppo { inline namespace CPPO_ABI {

/// What `find_logits` finds of the tokens of a batch, in the order of slots. Plain numbers: a rank sends them to
/// others, and `combine` adds them up over the parts of a vocabulary. It has 36 + 4 k + 12 m bytes a token, where k ids
/// are listed and the m largest logits asked for.
struct found_logits {
  double temperature = 1.0;   ///< T
  index_t ids = 0;            ///< of the whole vocabulary
  index_t found_ids = 0;      ///< of the parts that were read; a value below 0 is refused by every call
  index_t listed = 0;         ///< k
  index_t most = 0;           ///< m
  std::vector<logit_sums> sums;        ///< one a token
  std::vector<float> logits;           ///< [tokens, 1 + k]: of the sampled id and of listed ones; -inf if not found
  std::vector<float> largest_logits;   ///< [tokens, m], largest first; -inf past the last
  std::vector<index_t> largest_ids;    ///< [tokens, m]; -1 past the last

  /// Number of tokens.
  index_t tokens() const noexcept { return static_cast<index_t>(sums.size()); }
};

namespace detail {

/// True if both are of one batch and one call.
inline bool same_call(found_logits const& a, found_logits const& b) noexcept {
  return a.temperature == b.temperature && a.ids == b.ids && a.listed == b.listed && a.most == b.most &&
         a.sums.size() == b.sums.size() && a.found_ids > 0 && b.found_ids > 0;
}
/// Where the numbers of a token begin in a list of `each` a token.
inline std::size_t first_of(index_t token, index_t each) noexcept { return static_cast<std::size_t>(token * each); }

/// The m largest of both, of which no id is in both.
inline void combine_largest(found_logits& a, found_logits const& b, index_t token) {
  std::size_t const m = static_cast<std::size_t>(a.most), first = first_of(token, a.most);
  std::vector<std::pair<float, index_t>> all;
  for (found_logits const* part : {static_cast<found_logits const*>(&a), &b}) {
    for (std::size_t j = first; j < first + m; ++j) {
      if (part->largest_ids[j] >= 0) all.emplace_back(part->largest_logits[j], part->largest_ids[j]);
    }
  }
  std::sort(all.begin(), all.end(), [](auto const& x, auto const& y) {
    return x.first != y.first ? x.first > y.first : x.second < y.second;
  });
  all.resize(m, {-special<float>::infinity, -1});
  for (std::size_t j = 0; j < m; ++j) {
    a.largest_logits[first + j] = all[j].first;
    a.largest_ids[first + j] = all[j].second;
  }
}

}  // namespace detail

/// What was found in two parts of the vocabulary, none of whose ids are in both. Log-probs made of it are within 2e-6
/// of those of the whole; the order of more than two parts may move the last bits. Parts that are not of one batch and
/// call give a value that every call refuses.
inline found_logits combine(found_logits a, found_logits const& b) {
  if (!detail::same_call(a, b)) {
    a.found_ids = -1;
    return a;
  }
  a.found_ids += b.found_ids;
  for (std::size_t i = 0; i < a.sums.size(); ++i) a.sums[i] = combine(a.sums[i], b.sums[i], a.temperature);
  for (std::size_t i = 0; i < a.logits.size(); ++i) a.logits[i] = std::max(a.logits[i], b.logits[i]);
  for (index_t i = 0; i < a.tokens() && a.most > 0; ++i) detail::combine_largest(a, b, i);
  return a;
}

}}  // namespace cppo

#include <cppo/macros_on.inc>
