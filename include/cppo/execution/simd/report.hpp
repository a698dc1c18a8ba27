/// @file
/// The report of one response, taken from registers: the sums and counts of `seq`, in the same order.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/positions.hpp>
#include <cppo/execution/simd/sums.hpp>
#include <cppo/mask/leaves.hpp>
#include <cppo/mask/toward_rollout.hpp>
#include <cppo/objective/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The tokens of a group of which something is true: a mask for each register.
using group_mask = simd_lane::mask[group_registers];

/// What the report counts of a group of tokens. `Decided`: a `group_mask`, or a word with a bit for each token.
template <class Decided>
struct simd_marks {
  using marks = group_mask;
  Decided decided[8];              ///< by decision
  marks clamped, capped;
  marks not_teaching;              ///< the weighted advantage is 0: the token does not teach
  marks held;                      ///< kept, and the slope of the region's own surrogate is 0
  marks toward_rollout, negative;  ///< moves toward mu or nowhere; A < 0
};

/// Bit k: token k of a group.
/// @{
CPPO_ALWAYS_INLINE std::uint64_t token_bits(group_mask const& m) noexcept { return lane_bits(m); }
CPPO_ALWAYS_INLINE std::uint64_t token_bits(std::uint64_t bits) noexcept { return bits; }
/// @}

/// Counts and extremes of the tokens of a response.
struct simd_counts {
  using V = simd_lane;
  V top_divergence{-divergence_limit}, top_ratio{0};
  token_counts<index_t> tokens;  ///< without those of what teaches: see `of`
  /// Tokens that do not teach, of all, of `kept` and of `kept_toward`: mostly none.
  index_t not_teaching = 0, not_teaching_kept = 0, not_teaching_toward = 0;

  /// Takes over values that are larger than those before. Lanes without a token hold 0 and the lowest divergence.
  CPPO_ALWAYS_INLINE void see(V divergence, V ratio) noexcept {
    top_divergence = max(divergence, top_divergence);
    top_ratio = max(ratio, top_ratio);
  }
  /// Counts the tokens of a group by decision. Masked tokens that no other decision counts are `masked_other`.
  /// Returns those kept because they move toward mu.
  template <class Mask, class Decided>
  CPPO_ALWAYS_INLINE std::uint64_t count_decisions(Mask const& mask, std::uint64_t kept, std::uint64_t lives,
                                                   simd_marks<Decided> const& m) noexcept {
    index_t const in = std::popcount(kept);
    index_t out = std::popcount(lives) - in;
    auto const count_decision = [&](index_t& n, decision d) CPPO_INLINE_LAMBDA {
      std::uint64_t const those = token_bits(m.decided[static_cast<int>(d)]) & lives;
      n += std::popcount(those);
      return those;
    };
    std::uint64_t toward = 0;
    if (holds_clause<clause::toward>(mask))
      toward = count_decision(tokens.kept_toward, decision::kept_toward);
    if (holds_clause<clause::ratio>(mask))
      out -= std::popcount(count_decision(tokens.masked_ratio, decision::masked_ratio));
    if (holds_clause<clause::divergence>(mask))
      out -= std::popcount(count_decision(tokens.masked_divergence, decision::masked_divergence));
    if (holds_clause<clause::budget>(mask))
      out -= std::popcount(count_decision(tokens.masked_budget, decision::masked_budget));
    if (holds_clause<clause::response>(mask))
      out -= std::popcount(count_decision(tokens.masked_response, decision::masked_response));
    tokens.kept += in;
    tokens.masked_other += out;
    return toward;
  }
  /// Counts the tokens of a group.
  template <class Mask, class Decided>
  CPPO_ALWAYS_INLINE void count(Mask const& mask, std::uint64_t kept, std::uint64_t lives,
                                simd_marks<Decided> const& m, bool may_cap) noexcept {
    std::uint64_t const toward = count_decisions(mask, kept, lives, m);
    std::uint64_t away = lives & ~kept;
    if constexpr (!masks_only_away<Mask>) away &= ~lane_bits(m.toward_rollout);
    V::mask const rare[] = {m.clamped[0] | m.not_teaching[0], m.clamped[1] | m.not_teaching[1],
                            m.clamped[2] | m.not_teaching[2], m.clamped[3] | m.not_teaching[3]};
    if (lane_bits((rare[0] | rare[1]) | (rare[2] | rare[3])) != 0) [[unlikely]] {
      tokens.clamped += std::popcount(lane_bits(m.clamped) & lives);
      std::uint64_t const none = lane_bits(m.not_teaching) & lives;
      not_teaching += std::popcount(none);
      not_teaching_kept += std::popcount(none & kept);
      not_teaching_toward += std::popcount(none & toward);
      away &= ~none;
    }
    std::uint64_t const low = lane_bits(m.negative) & away;
    tokens.masked_low += std::popcount(low);
    if constexpr (!masks_only_away<Mask>) tokens.masked_high += std::popcount(away ^ low);
    if (may_cap) [[unlikely]] tokens.capped += std::popcount(lane_bits(m.capped) & lives);
  }
  /// Adds the counts, of n tokens in all.
  template <class Mask>
  void add_to(token_counts<index_t>& all, index_t n) const noexcept {
    all.each_token_count([](char const*, index_t& sum, index_t const& x) { sum += alone(x); }, all, tokens);
    index_t const teaching = n - not_teaching, teaching_kept = tokens.kept - not_teaching_kept;
    all.teaching_tokens += teaching;
    all.teaching_kept += teaching_kept;
    all.teaching_toward += tokens.kept_toward - not_teaching_toward;
    if constexpr (masks_only_away<Mask>) all.masked_high += (teaching - teaching_kept) - tokens.masked_low;
  }
};

/// Makes the report of one response.
class simd_reporter {
  using V = simd_lane;
  using ops = simd_ops;

 public:
  /// `first` is the position of the first token, `length` the T of the schedule.
  simd_reporter(index_t first, index_t length) noexcept : positions_(first, length) {}

  /// Adds the quantities of register u of a group that do not depend on its mask.
  CPPO_ALWAYS_INLINE void add(int u, V divergence, V weighted_divergence, V ratio,
                              ratio_estimates<V> const& e) noexcept {
    sums_.of(report_term::divergence).add(u, divergence);
    sums_.of(report_term::weighted_divergence).add(u, weighted_divergence);
    sums_.of(report_term::ratio).add(u, ratio);
    sums_.of(report_term::log_ratio).add(u, e.log_ratio);
    sums_.of(report_term::k3).add(u, e.k3);
  }
  /// Adds the losses of register u of a group, and its gates where they are soft.
  /// @{
  CPPO_ALWAYS_INLINE void add_loss(int u, V loss) noexcept { sums_.of(report_term::loss).add(u, loss); }
  CPPO_ALWAYS_INLINE void add_gate(int u, V gate) noexcept { sums_.of(report_term::gate).add(u, gate); }
  /// @}
  /// Begins a chunk that is not the first.
  void begin_chunk(gate_kind gates) noexcept { sums_.begin_chunk(gates); }
  /// Ends a chunk of n tokens, their masks in `kept`.
  void end_chunk(std::uint64_t const (&kept)[chunk_size / 64], int n) noexcept { positions_.take(kept, n); }
  /// Adds everything to a report, the losses divided by `share`. False, and nothing is added, if their sum is not
  /// finite.
  template <class Region>
  bool finish(report& r, simd_counts const& counts, batch_counts const& n, double delta_b, double share) noexcept {
    double const gates = Region::is_soft ? sums_.total(report_term::gate) : static_cast<double>(counts.tokens.kept);
    extremes const top{n, largest(counts.top_divergence) + 0.0, largest(counts.top_ratio), delta_b, delta_b};  // no -0
    if (!add_to(r, top, gates, share)) return false;
    counts.add_to<typename Region::mask_type>(r, n.tokens);
    return true;
  }

 private:
  /// The part of a report that does not add up.
  struct extremes {
    batch_counts counts;
    double max_divergence, max_ratio, min_delta_b, max_delta_b;
  };
  /// Adds what does not depend on the region.
  bool add_to(report& r, extremes const& top, double gates, double share) noexcept {
    auto const total = [&](report_term t) { return t == report_term::gate ? gates : sums_.total(t); };
#define CPPO_DETAIL_EACH(name) total(report_term::name),
    double const totals[] = {CPPO_TOKEN_SUMS(CPPO_DETAIL_EACH)};
#undef CPPO_DETAIL_EACH
    if (!is_finite(totals[static_cast<int>(report_term::loss)] / share)) return false;
    r.take_extremes(top);
    r.counts = r.counts + top.counts;
    if (top.counts.responses > 0) r.sum_delta_b += top.min_delta_b;
    each_total(r, totals, share, [](double& sum, double part) { sum += part; });
    positions_.add_to(r);
    return true;
  }
  static double largest(V x) noexcept { return static_cast<double>(largest_lane(x)); }

  simd_sums sums_;
  simd_positions positions_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
