/// @file
/// TV and KL of two rows by a block of threads, with the bits of row_divergence.hpp.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/logits/block_tile.hpp>
#include <cppo/logits/row_divergence.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Stretches of each row that are in memory at a time: half a tile, so that both rows take no more than one.
inline constexpr int paired_stretches = tile_stretches / 2, paired_logits = paired_stretches * stretch;

/// Memory that the threads share for two rows.
struct shared_divergence {
  alignas(16) float pi[std::size_t{paired_logits}];
  alignas(16) float mu[std::size_t{paired_logits}];
  float gap[std::size_t{paired_stretches * stretch_lanes}];  ///< sums of each lane of each chunk
  float kl[std::size_t{paired_stretches * stretch_lanes}];
  lane_sums<float> gaps, kls;  ///< sums of the row
};

/// A row of logits and its policy.
struct policy_row {
  logit_rows const& logits;
  index_t row;
  row_policy policy;
};

/// TV, and KL if asked for, of two rows, on `Block`.
template <class Block, divergences_are Which>
class block_divergence {
  static constexpr int all_lanes = paired_stretches * stretch_lanes, lanes = all_lanes / Block::threads;
  static constexpr bool sums_kl = Which == divergences_are::both;
  static_assert(lanes * Block::threads == all_lanes && lane_sums<float>::width % lanes == 0,
                "16 to 256 threads, a power of two");

 public:
  using storage = shared_divergence;

  CPPO_HOST_DEVICE block_divergence(Block& block, storage& shared, policy_row const& pi, policy_row const& mu) noexcept
      : block_(block), shared_(shared), pi_(pi), mu_(mu) {}

  /// The divergences, for every thread.
  CPPO_HOST_DEVICE row_divergences run() noexcept {
    index_t const all = pi_.logits.vocabulary();
    for (index_t first = 0; first < all; first += paired_logits) {
      int const n = all - first < paired_logits ? static_cast<int>(all - first) : paired_logits;
      copy(first, n);
      sum((n + stretch - 1) / stretch * stretch_lanes);
    }
    block_.each([&](int th) {
      if (th >= lane_sums<float>::width) return;
      shared_.gaps.lanes[th] = gap_[th], shared_.kls.lanes[th] = kl_[th];
      shared_.gaps.partial[th] = shared_.kls.partial[th] = 0.0F;
    });
    return row_divergences::of_sums(shared_.gaps.total(), sums_kl ? shared_.kls.total() : 0.0);
  }

 private:
  CPPO_HOST_DEVICE void copy(index_t first, int n) noexcept {
    tile_copy<Block> const of_pi(pi_.logits, pi_.row, first, n, shared_.pi);
    tile_copy<Block> const of_mu(mu_.logits, mu_.row, first, n, shared_.mu);
    block_.each([&](int th) { of_pi.run(th), of_mu.run(th); });
  }
  /// Adds n lanes of chunks to the sums of the row. A thread sums some of them, and another a lane of all chunks.
  CPPO_HOST_DEVICE void sum(int n) noexcept {
    block_.each([&](int th) {
      if (th * lanes < n) sum_terms(th * lanes);
    });
    block_.apart([&](int th) {
      if (th >= lane_sums<float>::width) return;
      for (int k = th; k < n; k += lane_sums<float>::width) {
        gap_[th] += static_cast<double>(shared_.gap[k]);
        if constexpr (sums_kl) kl_[th] += static_cast<double>(shared_.kl[k]);
      }
    });
  }
  CPPO_HOST_DEVICE void sum_terms(int first) const noexcept {
    tile_lanes<lanes> const of_pi(shared_.pi, first), of_mu(shared_.mu, first);
    float_lane gap[std::size_t{lanes}], kl[std::size_t{lanes}];
    for (int u = 0; u < lanes; ++u) gap[u] = kl[u] = float_lane(0);
    for (int i = 0; i < lane_logits; ++i) {
      float_lane x[std::size_t{lanes}], y[std::size_t{lanes}];
      of_pi.read(i, x), of_mu.read(i, y);
      for (int u = 0; u < lanes; ++u) {
        divergence_terms<Which, float_lane> const terms(pi_.policy, mu_.policy, x[u], y[u]);
        gap[u] = gap[u] + terms.gap;
        if constexpr (sums_kl) kl[u] = kl[u] + terms.kl;
      }
    }
    for (int u = 0; u < lanes; ++u) {
      shared_.gap[first + u] = gap[u].raw();
      if constexpr (sums_kl) shared_.kl[first + u] = kl[u].raw();
    }
  }

  Block& block_;
  storage& shared_;
  policy_row pi_, mu_;
  typename Block::template local<double> gap_{}, kl_{};  // of a lane
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
