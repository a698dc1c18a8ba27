/// @file
/// The histogram of a report over relative positions, from the masks of a response as bits.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/report_sums.hpp>

#include <bit>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Where the histogram bins of a response end, and how many tokens are kept up to there.
class simd_positions {
 public:
  /// `first` is the position of the first token, `length` the T of the schedule.
  simd_positions(index_t first, index_t length) noexcept
      : length_(length), first_(first), next_(first), open_(first > 1 ? position_bin(first, length) : 0), bin_(open_) {}

  /// Takes the next n tokens, at most 256, their masks in `kept`.
  void take(std::uint64_t const* kept, int n) noexcept {
    index_t before[sum_chunk / 64];  // tokens kept before each word
    for (int w = 0; w < sum_chunk / 64; ++w) {
      before[w] = kept_;
      kept_ += std::popcount(kept[w]);
    }
    index_t const last = next_ + n;
    for (; bin_ + 1 < report::bins; ++bin_) {
      index_t const after = position_after(bin_, length_);
      if (after >= last) break;
      auto const at = static_cast<unsigned>(after - next_);
      end_[bin_] = after;
      kept_by_[bin_] = before[at / 64] + std::popcount(kept[at / 64] & ((std::uint64_t{1} << (at % 64)) - 1));
    }
    next_ = last;
  }
  /// Adds all of them to a report.
  void add_to(report& r) noexcept {
    end_[bin_] = next_;
    kept_by_[bin_] = kept_;
    index_t from = first_, kept_from = 0;
    for (int i = open_; i <= bin_; ++i) {
      index_t const tokens = end_[i] - from, kept = kept_by_[i] - kept_from;
      r.position_tokens[i] += tokens;
      r.position_masked[i] += tokens - kept;
      from = end_[i];
      kept_from = kept_by_[i];
    }
  }

 private:
  index_t length_, first_, next_, kept_ = 0;
  int open_, bin_;                // the first bin, and the one of the next token
  index_t end_[report::bins];     // first position past a bin
  index_t kept_by_[report::bins]; // tokens kept before it
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
