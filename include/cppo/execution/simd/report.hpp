/// @file
/// The report of one response, taken from registers: the sums and counts of `seq`, in the same order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/slots.hpp>
#include <cppo/execution/simd/prefix.hpp>
#include <cppo/mask/leaves.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/objective/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What the report counts of a group of tokens: a mask for each register.
struct simd_marks {
  using marks = simd_lane::mask[group_registers];
  marks decided[8];                ///< by decision
  marks clamped, capped;
  marks idle;                      ///< the weighted advantage is 0: the token does not teach
  marks toward_rollout, negative;  ///< moves toward mu or nowhere; A < 0
};

/// Counts and extremes of a chunk of tokens.
struct simd_counts {
  using V = simd_lane;
  V top_divergence{-max_score}, top_ratio{0};
  token_counts<index_t> tokens;  ///< all but what teaches: see `of`
  index_t idle = 0, idle_kept = 0,
          idle_toward = 0;  ///< what teaches nothing of all, `kept` and `kept_toward`: mostly none

  /// Takes over values that are larger than those before. Lanes without a token hold 0 and the lowest divergence.
  CPPO_ALWAYS_INLINE void see(V divergence, V ratio) noexcept {
    top_divergence = max(divergence, top_divergence);
    top_ratio = max(ratio, top_ratio);
  }
  /// Counts the tokens of a group by decision. Masked tokens that no other decision accounts for are `masked_other`.
  /// Returns those kept because they move toward mu.
  template <class Mask>
  CPPO_ALWAYS_INLINE std::uint64_t count_decisions(std::uint64_t kept, std::uint64_t lives,
                                                   simd_marks const& m) noexcept {
    index_t const in = std::popcount(kept);
    index_t out = std::popcount(lives) - in;
    auto const count_decision = [&](index_t& n, decision d) CPPO_INLINE_LAMBDA {
      std::uint64_t const those = lane_bits(m.decided[static_cast<int>(d)]) & lives;
      n += std::popcount(those);
      return those;
    };
    std::uint64_t toward = 0;
    if constexpr (leaves<Mask, clause::toward>() > 0)
      toward = count_decision(tokens.kept_toward, decision::kept_toward);
    if constexpr (leaves<Mask, clause::ratio>() > 0)
      out -= std::popcount(count_decision(tokens.masked_ratio, decision::masked_ratio));
    if constexpr (leaves<Mask, clause::divergence>() > 0)
      out -= std::popcount(count_decision(tokens.masked_divergence, decision::masked_divergence));
    if constexpr (leaves<Mask, clause::budget>() > 0)
      out -= std::popcount(count_decision(tokens.masked_budget, decision::masked_budget));
    if constexpr (leaves<Mask, clause::response>() > 0)
      out -= std::popcount(count_decision(tokens.masked_response, decision::masked_response));
    tokens.kept += in;
    tokens.masked_other += out;
    return toward;
  }
  /// Counts the tokens of a group.
  template <class Mask>
  CPPO_ALWAYS_INLINE void count(std::uint64_t kept, std::uint64_t lives, simd_marks const& m, bool may_cap) noexcept {
    std::uint64_t const toward = count_decisions<Mask>(kept, lives, m);
    std::uint64_t away = lives & ~kept;
    if constexpr (!masks_only_away<Mask>) away &= ~lane_bits(m.toward_rollout);
    V::mask const rare[] = {m.clamped[0] | m.idle[0], m.clamped[1] | m.idle[1], m.clamped[2] | m.idle[2],
                            m.clamped[3] | m.idle[3]};
    if (lane_bits((rare[0] | rare[1]) | (rare[2] | rare[3])) != 0) [[unlikely]] {
      tokens.clamped += std::popcount(lane_bits(m.clamped) & lives);
      std::uint64_t const none = lane_bits(m.idle) & lives;
      idle += std::popcount(none);
      idle_kept += std::popcount(none & kept);
      idle_toward += std::popcount(none & toward);
      away &= ~none;
    }
    std::uint64_t const low = lane_bits(m.negative) & away;
    tokens.masked_low += std::popcount(low);
    if constexpr (!masks_only_away<Mask>) tokens.masked_high += std::popcount(away ^ low);
    if (may_cap) [[unlikely]] tokens.capped += std::popcount(lane_bits(m.capped) & lives);
  }
  void add(simd_counts const& o) noexcept {
    see(o.top_divergence, o.top_ratio);
    tokens.each_token_count([](char const*, index_t& mine, index_t other) { mine += other; }, tokens, o.tokens);
    idle += o.idle, idle_kept += o.idle_kept, idle_toward += o.idle_toward;
  }
  /// The counts, of n tokens in all.
  template <class Mask>
  token_counts<index_t> of(index_t n) const noexcept {
    token_counts<index_t> all = tokens;
    all.teaching_tokens = n - idle;
    all.teaching_kept = all.kept - idle_kept;
    all.teaching_toward = all.kept_toward - idle_toward;
    if constexpr (masks_only_away<Mask>) all.masked_high = (all.teaching_tokens - all.teaching_kept) - all.masked_low;
    return all;
  }
};

/// Makes the report of one response.
class simd_reporter {
  using V = simd_lane;
  using ops = simd_ops;

 public:
  /// `first` is the position of the first token, `length` the T of the schedule.
  simd_reporter(index_t first, index_t length) noexcept
      : length_(length),
        next_(first),
        bin_(first > 1 ? position_bin(first, length) : 0),
        after_(position_after(bin_, length)) {}

  /// Adds the quantities of register u of a group that do not depend on its mask.
  CPPO_ALWAYS_INLINE void add(int u, V divergence, V weighted, V ratio, ratio_estimates<V> const& e) noexcept {
    accumulate(sums_.divergence, u, divergence);
    accumulate(sums_.weighted_divergence, u, weighted);
    accumulate(sums_.ratio, u, ratio);
    accumulate(sums_.log_ratio, u, e.log_ratio);
    accumulate(sums_.k3, u, e.k3);
  }
  /// Adds the losses of register u of a group, and its gates where they are soft.
  /// @{
  CPPO_ALWAYS_INLINE void add_loss(int u, V loss) noexcept { accumulate(sums_.loss, u, loss); }
  CPPO_ALWAYS_INLINE void add_gate(int u, V gate) noexcept { accumulate(sums_.gate, u, gate); }
  /// @}
  /// Begins a chunk that is not the first.
  void begin_chunk() noexcept { sums_.each([](auto& s) { s.settle(); }); }
  /// Ends a chunk of n tokens, their masks in `kept`.
  void end_chunk(simd_counts const& counts, std::uint64_t const* kept, int n, report& r) noexcept {
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
    // equivalent: no position is past T: totals that say so are refused
    for (; bin_ + 1 < report::bins && after_ < last; after_ = position_after(++bin_, length_))
      close(static_cast<int>(after_ - next_));
    close(n);
    next_ = last;
  }
  /// Writes everything into the report; the loss is divided by `share`.
  template <class Region>
  void finish(report& r, double delta_b, double share) noexcept {
    static_cast<token_counts<index_t>&>(r) = counts_.of<typename Region::mask_type>(r.counts.tokens);
    sums_.finish(r, share);
    if constexpr (!Region::is_soft) r.sum_gate = static_cast<double>(r.kept);
    if (r.counts.tokens > 0) r.max_divergence = largest(counts_.top_divergence) + 0.0;  // never -0
    r.max_ratio = largest(counts_.top_ratio);
    report_budget(r, delta_b);
  }

 private:
  CPPO_ALWAYS_INLINE static void accumulate(lane_sums<float>& s, int u, V x) noexcept {
    int const at = u * simd_size % lane_sums<float>::width;
    ops::save(s.partial + at, (V::from_raw(ops::load(s.partial + at)) + x).raw());
  }
  static double largest(V x) noexcept { return static_cast<double>(largest_lane(x)); }

  report_sums<float> sums_;
  simd_counts counts_;
  index_t length_, next_;
  int bin_;
  index_t after_;  // first position past the bin
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
