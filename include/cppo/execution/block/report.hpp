/// @file
/// The report of one response on a block of threads: the sums of `seq`, in its order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/block/block.hpp>
#include <cppo/execution/block/counts.hpp>
#include <cppo/execution/call/host_executor.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Terms wait in shared memory, by the rank of their token, until there are enough to give each thread one lane of one
/// sum. `by_column` and `length` are the position convention and the length that positions are counted against.
template <class Block, class Real>
class block_reporter {
  static constexpr int threads = Block::threads, lanes = lane_sums<Real>::width;
  static constexpr int most = 4096 / static_cast<int>(sizeof(Real));

 public:
  static constexpr int room = 4 * threads < most ? 4 * threads : most;  ///< number of tokens that can wait

  /// The waiting terms.
  struct waiting {
    Real terms[report_terms][std::size_t{room + lanes}];
  };
  /// What has been added up so far.
  struct storage {
    Real partial[report_terms][std::size_t{lanes}];
    double sums[report_terms][std::size_t{lanes}];
    double total[report_terms];
    std::uint32_t masked_at[report::bins], tokens_at[report::bins];
    token_counts<std::uint32_t> rare;
  };

  CPPO_HOST_DEVICE block_reporter(Block& block, waiting& wait, storage& shared, bool by_column, index_t length) noexcept
      : block_(block), waiting_(wait), shared_(shared), by_column_(by_column), length_(length) {}

  CPPO_HOST_DEVICE void clear() const noexcept {
    block_.each([&](int th) {
      // equivalent: what lies past each array is set to the same zero, or before it is read
      for (int j = th; j < report_terms * lanes; j += threads) {
        shared_.partial[j / lanes][j % lanes] = Real(0);
        shared_.sums[j / lanes][j % lanes] = 0.0;
      }
      for (int j = th; j < report::bins; j += threads) shared_.masked_at[j] = shared_.tokens_at[j] = 0;
      if (th == 0) shared_.rare = {};
    });
  }
  /// Puts the terms of token `rank` of the response among those waiting, of which `from` is the first.
  CPPO_HOST_DEVICE void put(index_t rank, index_t from, decided_token<Real> const& d) const noexcept {
    index_t const place = from % lanes + (rank - from);
    for (int q = 0; q < report_terms; ++q) waiting_.terms[q][place] = d.terms[q];
  }
  CPPO_HOST_DEVICE void put_position(index_t at, bool kept) const noexcept {
    if (kept && !by_column_) return;
    int const bin = position_bin(at, length_);
    if (!kept) block_.add(shared_.masked_at[bin], 1);
    if (by_column_) block_.add(shared_.tokens_at[bin], 1);
  }
  /// Adds the token to the counts that few tokens enter. In a body for any call also to those of numbers that outputs
  /// cannot hold.
  template <body_for Calls>
  CPPO_HOST_DEVICE void put_rare(checked_call<Real> const& t, decided_token<Real> const& d) const noexcept {
    auto const one = [this](std::uint32_t& n) { block_.add(n, 1); };
    each_rarity(shared_.rare, d, one);
    if constexpr (Calls == body_for::any) t.each_narrowed(shared_.rare, d.record, one);
  }
  /// Adds up the terms waiting of `here` tokens from token `from` on, as `lane_sums` does; a thread takes one lane at a
  /// time.
  CPPO_HOST_DEVICE void add_up(index_t from, index_t here) const noexcept {
    index_t const shift = from % lanes;
    block_.each([](int) {});  // what waits is there
    block_.each([&](int th) {
      for (int j = th; j < report_terms * lanes; j += threads) {
        int const q = j / lanes, lane = j % lanes;
        Real partial = shared_.partial[q][lane];
        double sum = shared_.sums[q][lane];
        for (index_t p = lane < shift ? lane + lanes : lane; p < shift + here; p += lanes) {
          partial += waiting_.terms[q][p];
          if ((from - shift + p) % sum_chunk < sum_chunk - lanes) continue;
          sum += static_cast<double>(partial);  // the last of the lane in its block of 256
          partial = Real(0);
        }
        shared_.partial[q][lane] = partial;
        shared_.sums[q][lane] = sum;
      }
    });
  }
  /// Writes the report of the response. `before` of its tokens are in earlier pieces; `share` divides its loss.
  CPPO_HOST_DEVICE void finish(index_t before, index_t tokens, block_counts<Real> const& all, double delta_b,
                               double share, report& r) const noexcept {
    block_.each([&](int th) {
      for (int q = th; q < report_terms; q += threads) {
        lane_sums<Real> sums;
        for (int j = 0; j < lanes; ++j) sums.partial[j] = shared_.partial[q][j], sums.lanes[j] = shared_.sums[q][j];
        shared_.total[q] = sums.total();
      }
      index_t const first = before + 1, past = before + tokens + 1;
      auto const begins = [=,
                           this](int bin) {  // first position of the bin among those of the piece, or the one past them
        index_t const at = bin == 0 ? first : bin == report::bins ? past : position_after(bin - 1, length_);
        return at < first ? first : at > past ? past : at;
      };
      for (int bin = th; bin < report::bins; bin += threads) {
        r.position_masked[bin] = shared_.masked_at[bin];
        r.position_tokens[bin] = by_column_ ? index_t{shared_.tokens_at[bin]} : begins(bin + 1) - begins(bin);
      }
    });
    block_.apart([&](int th) {
      if (th != 0) return;
      all.put(r, shared_.rare);
      put_sums(r, shared_.total, share);
      report_budget(r, delta_b);
    });
  }

 private:
  Block& block_;
  waiting& waiting_;
  storage& shared_;
  bool by_column_;
  index_t length_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
