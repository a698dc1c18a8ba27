/// @file
/// The histogram of a report over relative positions, from the masks of a response as bits.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/report_sums.hpp>
#include <cppo/execution/simd/bits.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Where the histogram bins of a response end, and how many tokens are kept up to there.
class simd_positions {
  static constexpr int words = sum_chunk / 64;  // of a chunk's masks

 public:
  /// `first` is the position of the first token, `length` the T of the schedule.
  simd_positions(index_t first, index_t length) noexcept
      : length_(length), first_(first), next_(first), open_(first > 1 ? position_bin(first, length) : 0), bin_(open_) {}

  /// Takes the next n tokens, at most 256, their masks in `kept`, which must stay until these are added to a report if
  /// they are the whole response.
  void take(std::uint64_t const (&kept)[words], int n) noexcept {
    if (first_ == 1 && n == length_) {  // equivalent: the same counts, bin by bin
      all_ = &kept;
    } else {
      close(kept, n);
    }
  }
  /// Adds all of them to a report.
  void add_to(report& r) noexcept {
    if (all_ != nullptr) add_bins(*all_, static_cast<int>(length_), r.position_tokens, r.position_masked);
    else add_closed(r);
  }

 private:
  /// Closes the bins that end within the next n tokens.
  void close(std::uint64_t const (&kept)[words], int n) noexcept {
    index_t before[words];  // tokens kept before each word
    for (int w = 0; w < words; ++w) {
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
  void add_closed(report& r) noexcept {
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

  index_t length_, first_, next_, kept_ = 0;
  int open_, bin_;                // the first bin, and the one of the next token
  index_t end_[report::bins];     // first position past a bin
  index_t kept_by_[report::bins]; // tokens kept before it
  std::uint64_t const (*all_)[words] = nullptr;  // the masks of a response of one chunk
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
