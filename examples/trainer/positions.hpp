// Where in a response tokens are masked, and by which clause, and where policies differ.
#pragma once

#include <cppo/cppo.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace trainer {

/// Masked tokens in one bin of relative position, by the clause that masked them.
struct bin_counts {
  long tokens = 0;
  long by_threshold = 0;  ///< by a threshold on ratio, divergence or whole response
  long by_budget = 0;     ///< by the prefix budget alone
  double divergence = 0.0;  ///< sum of |pi - mu| at the sampled tokens (Binary-TV), whatever the region measures

  bin_counts& operator+=(bin_counts const& more) {
    tokens += more.tokens;
    by_threshold += more.by_threshold;
    by_budget += more.by_budget;
    divergence += more.divergence;
    return *this;
  }
};
/// Counts by relative position t/T, where t and T count valid tokens, in the bins of `cppo::report`.
using position_counts = std::array<bin_counts, cppo::report::bins>;

/// Adds the decisions (`token_trace::decision`) of a packed batch, and its divergences: one for each slot, or none.
inline void count_positions(std::vector<std::int64_t> const& cu_seqlens, std::vector<std::uint8_t> const& decisions,
                            position_counts& counts, std::span<double const> divergences = {}) {
  for (std::size_t b = 0; b + 1 < cu_seqlens.size(); ++b) {
    auto const first = decisions.begin() + cu_seqlens[b];
    auto const last = decisions.begin() + cu_seqlens[b + 1];
    auto const valid = (last - first) - std::count(first, last, static_cast<std::uint8_t>(cppo::decision::excluded));
    std::ptrdiff_t before = 0;
    for (auto d = first; d != last; ++d) {
      auto const why = static_cast<cppo::decision>(*d);
      if (why == cppo::decision::excluded) continue;
      bin_counts& bin = counts[static_cast<std::size_t>(cppo::report::bins * before++ / valid)];
      ++bin.tokens;
      if (!divergences.empty()) bin.divergence += divergences[static_cast<std::size_t>(d - decisions.begin())];
      bin.by_budget += why == cppo::decision::masked_budget ? 1 : 0;
      bin.by_threshold += why > cppo::decision::kept_toward && why != cppo::decision::masked_budget ? 1 : 0;
    }
  }
}

}  // namespace trainer
