/// @file
/// The report of one response, taken from registers: the sums and counts of `seq`, in the same order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd_block.hpp>
#include <cppo/execution/simd_prefix.hpp>
#include <cppo/mask/leaves.hpp>
#include <cppo/objective/surrogate.hpp>

namespace cppo::inline CPPO_ABI::detail {

/// Counts and extremes of a run of tokens.
struct simd_counts {
  using V = simd_lane;
  V top_divergence{-max_score}, top_ratio{0};
  index_t decided[8] = {}, clamped = 0, capped = 0;

  /// Sees the largest values; lanes without a token hold 0 and the least score.
  CPPO_ALWAYS_INLINE void see(V divergence, V ratio) noexcept {
    top_divergence = max(divergence, top_divergence);
    top_ratio = max(ratio, top_ratio);
  }
  /// Counts the tokens of a group by what was decided; the two most frequent decisions are what is left.
  template <class Mask>
  CPPO_ALWAYS_INLINE void count(std::uint64_t kept, std::uint64_t lives, V::mask const (&taken)[8][4],
                                V::mask const (&clamps)[4], V::mask const (&caps)[4], bool may_cap) noexcept {
    index_t const in = std::popcount(kept);
    index_t out = std::popcount(lives) - in, toward = 0;
    auto const tally = [&](decision d) CPPO_INLINE_LAMBDA {
      index_t const n = std::popcount(lane_bits(taken[static_cast<int>(d)]) & lives);
      decided[static_cast<int>(d)] += n;
      return n;
    };
    if constexpr (leaves<Mask, clause::toward>() > 0) toward = tally(decision::kept_toward);
    if constexpr (leaves<Mask, clause::ratio>() > 0) out -= tally(decision::masked_ratio);
    if constexpr (leaves<Mask, clause::divergence>() > 0) out -= tally(decision::masked_divergence);
    if constexpr (leaves<Mask, clause::budget>() > 0) out -= tally(decision::masked_budget);
    if constexpr (leaves<Mask, clause::response>() > 0) out -= tally(decision::masked_response);
    decided[static_cast<int>(decision::kept)] += in - toward;
    decided[static_cast<int>(decision::masked_other)] += out;
    if (lane_bits((clamps[0] | clamps[1]) | (clamps[2] | clamps[3])) != 0) [[unlikely]] {
      clamped += std::popcount(lane_bits(clamps) & lives);
    }
    if (may_cap) [[unlikely]] capped += std::popcount(lane_bits(caps) & lives);
  }
  void add(simd_counts const& o) noexcept {
    see(o.top_divergence, o.top_ratio);
    for (int d = 0; d < 8; ++d) decided[d] += o.decided[d];
    clamped += o.clamped;
    capped += o.capped;
  }
};

/// Everything the report says of one response.
class simd_notes {
  using V = simd_lane;
  using ops = simd_ops;

 public:
  /// `first` is the position of the first token, `length` the T of the schedule.
  simd_notes(index_t first, index_t length) noexcept : length_(length), next_(first), bin_(first > 1 ? position_bin(first, length) : 0),
        after_(position_after(bin_, length)) {}

  /// Adds what register u of a group holds, whatever its mask turns out to be.
  CPPO_ALWAYS_INLINE void add(int u, V divergence, V weighted, V ratio, ratio_estimates<V> const& e) noexcept {
    accumulate(sums_.divergence, u, divergence);
    accumulate(sums_.weighted, u, weighted);
    accumulate(sums_.ratio, u, ratio);
    accumulate(sums_.log_ratio, u, e.log_ratio);
    accumulate(sums_.k3, u, e.k3);
  }
  /// The same for what its mask decides.
  template <bool Soft>
  CPPO_ALWAYS_INLINE void add(int u, V loss, V gate) noexcept {
    accumulate(sums_.loss, u, loss);
    if constexpr (Soft) accumulate(sums_.gate, u, gate);
  }
  /// Begins a block of tokens after another.
  void begin_block() noexcept { sums_.each([](auto& s) { s.settle(); }); }
  /// Ends a block of n tokens, their masks in `kept`.
  void end_block(simd_counts const& counts, std::uint64_t const* kept, int n, report& r) noexcept {
    counts_.add(counts);
    index_t before = 0;  // kept tokens of the words before
    int word = 0, from = 0;
    index_t kept_from = 0;
    auto const close = [&](int end) {
      for (; word < end / 64; ++word) before += std::popcount(kept[word]);
      std::uint64_t const rest = end % 64 != 0 ? kept[word] & ((std::uint64_t{1} << (end % 64)) - 1) : 0;
      index_t const kept_to = before + std::popcount(rest);
      r.position_tokens[bin_] += end - from;
      r.position_masked[bin_] += (end - from) - (kept_to - kept_from);
      kept_from = kept_to;
      from = end;
    };
    index_t const last = next_ + n;
    for (; bin_ + 1 < report::bins && after_ < last; after_ = position_after(++bin_, length_)) close(static_cast<int>(after_ - next_));
    close(n);
    next_ = last;
  }
  /// Writes everything into the report.
  template <bool Soft>
  void finish(report& r, double delta_b) noexcept {
    for (int d = 0; d < 8; ++d) count_decision(r, static_cast<decision>(d), counts_.decided[d]);
    sums_.finish(r);
    if constexpr (!Soft) r.sum_gate = static_cast<double>(r.kept);
    r.clamped = counts_.clamped;
    r.capped = counts_.capped;
    if (r.counts.tokens > 0) r.max_divergence = largest(counts_.top_divergence) + 0.0;  // never -0
    r.max_ratio = largest(counts_.top_ratio);
    note_budget(r, delta_b);
  }

 private:
  CPPO_ALWAYS_INLINE static void accumulate(lane_sums<float>& s, int u, V x) noexcept {
    int const at = u * simd_size % lane_sums<float>::width;
    ops::save(s.partial + at, (V::from_raw(ops::load(s.partial + at)) + x).raw());
  }
  static double largest(V x) noexcept {
    alignas(64) float a[simd_size];
    ops::save(a, x.raw());
    float m = a[0];
    for (float y : a) m = y > m ? y : m;
    return static_cast<double>(m);
  }

  report_sums<float> sums_;
  simd_counts counts_;
  index_t length_, next_;
  int bin_;
  index_t after_;  // first position past the bin
};

}  // namespace cppo::inline CPPO_ABI::detail

#include <cppo/macros_on.inc>
