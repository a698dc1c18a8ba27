/// @file
/// The tokens of a chunk on registers, a group at a time, and the check that their input is valid.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/lists.hpp>
#include <cppo/execution/simd/slots.hpp>
#include <cppo/execution/simd/prefix.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The gates of a region: 0 and 1, which the mask tells, or shares of a token.
enum class gate_kind : bool { hard, soft };

/// The largest position that 32 bits hold, with room for two groups. Longer responses run as `seq`.
inline constexpr index_t longest_on_registers = 0x7fffffff - 2 * group_size;

/// The inputs of a chunk's tokens, as dense floats.
struct token_lanes {
  float const* pi = nullptr;
  float const* mu = nullptr;
  float const* advantage = nullptr;
  float const* weighted_advantage = nullptr;  ///< the weighted advantage: advantage times token weight
  float const* given = nullptr;               ///< null: none lent
  float const* divergence = nullptr;          ///< null: not known yet
  float const* token_weight = nullptr;        ///< null: none lent
  float const* entropy = nullptr;             ///< null: none lent
  float const* reference_log_prob = nullptr;  ///< null: none lent
  index_t rank = 0;                           ///< of the first of them, where folds are read
};
/// Where a chunk's inputs are copied if they cannot be read in place.
template <std::size_t Room>
struct lane_copies {
  alignas(64) float pi[Room], mu[Room], advantage[Room], weighted_advantage[Room], given[Room], divergence[Room],
      token_weight[Room], entropy[Room], reference_log_prob[Room];
};
CPPO_ALWAYS_INLINE simd_lane lanes_at(float const* p, int k) noexcept {
  return simd_lane::from_raw(simd_ops::load(p + k));
}
/// The same, or `fallback` where nothing was lent.
CPPO_ALWAYS_INLINE simd_lane lanes_at(float const* p, int k, float fallback) noexcept {
  return p != nullptr ? lanes_at(p, k) : simd_lane(fallback);
}
CPPO_ALWAYS_INLINE void put_lanes(float* p, int k, simd_lane x) noexcept { simd_ops::save(p + k, x.raw()); }

/// True if the divergence is computed where a token is decided; else in a pass of its own, on registers or one by one.
template <class D>
inline constexpr bool measured_here = measures_on<D, simd_lane> && !measured_apart<D>;
/// A divergence chosen at run time, which says itself where it is computed.
template <class D>
concept chosen_divergence = requires(D const& d) { d.is_apart(); };
/// True if this one is.
template <class D>
constexpr bool is_measured_here(D const& divergence) noexcept {
  if constexpr (chosen_divergence<D>) return !divergence.is_apart();
  else return measured_here<D>;
}
/// A region that is data, whose parts are looked at once for all registers of a group.
template <class Region>
concept walks_together = requires { requires Region::walks_together; };
/// True if D may be known before a token is decided.
template <class Region>
inline constexpr bool knows_divergences = needs_divergences<Region> || !measured_here<typename Region::divergence_type>;

/// The registers that hold a number of tokens.
constexpr int registers_of(int tokens) noexcept { return (tokens + simd_size - 1) / simd_size; }
/// The lanes of tokens [k, k + live), padded to `registers`.
inline token_lanes padded_tail(token_lanes const& in, int k, int live, int registers,
                               lane_copies<group_size>& to) noexcept {
  auto const copy = [=](float const* from, float* out, float pad) -> float const* {
    if (from == nullptr) return nullptr;
    copy_padded(out, from + k, live, registers * simd_size, pad);
    return out;
  };
  return {copy(in.pi, to.pi, -1.0F),
          copy(in.mu, to.mu, -1.0F),
          copy(in.advantage, to.advantage, 0.0F),
          in.weighted_advantage == in.advantage ? to.advantage
                                                : copy(in.weighted_advantage, to.weighted_advantage, 0.0F),
          copy(in.given, to.given, 0.0F),
          copy(in.divergence, to.divergence, 0.0F),
          copy(in.token_weight, to.token_weight, 1.0F),
          copy(in.entropy, to.entropy, 0.0F),
          copy(in.reference_log_prob, to.reference_log_prob, -1.0F),
          in.rank + k};
}
/// f(lanes, offset of the group in them, k) for each group of a chunk.
template <class F>
void each_group(token_chunk const& chunk, token_lanes const& in, F const& f) {
  int k = 0;
  for (; k + group_size <= chunk.count; k += group_size) f(in, k, k);
  if (k == chunk.count) return;
  lane_copies<group_size> copies;
  f(padded_tail(in, k, chunk.count - k, group_registers, copies), 0, k);
}
/// f(lanes, offset of the register in them, k) for each register of a chunk.
template <class F>
CPPO_ALWAYS_INLINE void each_register_of(token_chunk const& chunk, token_lanes const& in, F const& f) {
  int k = 0;
  for (; k + simd_size <= chunk.count; k += simd_size) f(in, k, k);
  if (k == chunk.count) return;
  lane_copies<group_size> copies;
  f(padded_tail(in, k, chunk.count - k, 1, copies), 0, k);
}

/// The tokens of a group, each made where it stays.
struct group_tokens {
  union { token<simd_lane> of[group_registers]; };
  group_tokens() noexcept {}
};

/// Finds input that is not finite, and log-probs out of their range, in a run of tokens.
struct input_extremes {
  simd_lane largest{std::numeric_limits<float>::lowest()};
  simd_lane smallest{0.0F};
  simd_ops::ints sizes =
      simd_ops::ints(std::int32_t{0});  // of log ratios and advantages, as bits: no NaN is less than infinity

  CPPO_ALWAYS_INLINE void see(token_lanes const& in, int k) noexcept {
    simd_lane const pi = lanes_at(in.pi, k), mu = lanes_at(in.mu, k);
    largest = max(largest, max(pi, mu));
    smallest = min(smallest, min(pi, mu));
    sizes = simd_ops::larger(sizes, simd_ops::as_ints(abs(pi - mu).raw()));
    sizes = simd_ops::larger(sizes, simd_ops::as_ints(abs(lanes_at(in.advantage, k)).raw()));
  }
  /// Sees losses and slopes, which must be finite too.
  CPPO_ALWAYS_INLINE void see(simd_lane loss, simd_lane slope) noexcept {
    sizes = simd_ops::larger(sizes, simd_ops::as_ints(abs(loss).raw()));
    sizes = simd_ops::larger(sizes, simd_ops::as_ints(abs(slope).raw()));
  }
  bool within(number_range<float> log_probs) const noexcept {
    auto const within = (largest <= simd_lane(log_probs.high)) & (smallest >= simd_lane(log_probs.low));
    return simd_ops::every_at_most(sizes, 0x7f7fffff) && simd_ops::every(within.raw());
  }
};

/// The tokens of a register, without D, for a region or a divergence.
template <class Asking>
CPPO_ALWAYS_INLINE token<simd_lane> tokens_at(token_lanes const& in, int k) noexcept {
  token<simd_lane> t(lanes_at(in.pi, k), lanes_at(in.mu, k), lanes_at(in.advantage, k));
  t.lend_divergence(lanes_at(in.given, k, 0.0F));
  if constexpr (reads_more<Asking>)
    t.lend_more(lanes_at(in.entropy, k, 0.0F), lanes_at(in.reference_log_prob, k, 0.0F));
  return t;
}
/// The tokens of a register, with D.
template <class Region>
CPPO_ALWAYS_INLINE token<simd_lane> load_tokens(Region const& region, token_lanes const& in, int k) noexcept {
  token<simd_lane> t = tokens_at<Region>(in, k);
  if constexpr (knows_divergences<Region>) {
    if (in.divergence != nullptr) {
      t.set_divergence(lanes_at(in.divergence, k));
      return t;
    }
  }
  using D = typename Region::divergence_type;
  if constexpr (chosen_divergence<D>) t.set_divergence(region.divergence().at_once(t));
  else if constexpr (measured_here<D>) t.set_divergence(divergence_of(region.divergence(), t));
  return t;
}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
