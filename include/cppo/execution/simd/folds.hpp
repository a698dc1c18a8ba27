/// @file
/// The states of folds on registers: a chunk's terms added at once, or one after the other where each token's value is
/// asked for. Nothing here depends on a region.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/tokens.hpp>
#include <cppo/fold/statistics.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A chunk's terms of one fold, and room for what is loaded past the last.
struct chunk_terms {
  alignas(64) float at[chunk_room];
};

/// True if n terms are on the grid, or `besides`.
inline bool inside_grid(float const* terms, int n, float besides) noexcept {
  simd_lane::mask good = simd_lane(0) <= simd_lane(0);
  int k = 0;
  for (; k + simd_size <= n; k += simd_size) {
    simd_lane const x = lanes_at(terms, k);
    good = good & ((abs(x) <= simd_lane(divergence_limit)) | (x == simd_lane(besides)));
  }
  bool all = simd_ops::every(good.raw());
  for (; k < n; ++k) all = all && ((terms[k] >= -1000.0F && terms[k] <= 1000.0F) || terms[k] == besides);
  return all;
}

/// The state of n terms, at most those of a chunk.
inline fold_state state_of(float const* terms, int n) noexcept {
  static_assert(chunk_size / simd_size <= 64, "32 bits hold the limbs of 64 terms in a lane");
  fold_state all;
  simd_ops::ints high(std::int32_t{0}), low(std::int32_t{0});
  simd_lane least(std::numeric_limits<float>::infinity()), most = -least;
  int k = 0;
  for (; k + simd_size <= n; k += simd_size) {
    simd_lane const x = lanes_at(terms, k);
    simd_ops::ints up, rest;
    simd_ops::to_grid(x.raw(), up, rest);
    high = high + up;
    low = low + rest;
    least = min(x, least);
    most = max(x, most);
  }
  if (k > 0) {
    all = {exact_sum{wide_sum(high), wide_sum(low)}, k, -static_cast<double>(largest_lane(-least)) + 0.0,
           static_cast<double>(largest_lane(most)) + 0.0};
  }
  for (; k < n; ++k) all = all + fold_state::of(terms[k]);
  return all;
}

/// Whether the value that a token sees takes its own term.
enum class own_term : bool { left_out, taken };

/// Writes what `Statistic` is before each of n terms, or up to it, one after the other.
template <class Statistic>
void scan_one_by_one(own_term own, fold_state state, float const* terms, int n, float* out,
                     Statistic how = {}) noexcept {
  for (int k = 0; k < n; ++k) {
    fold_state const after = state + fold_state::of(terms[k]);
    out[k] = static_cast<float>(how.value(own == own_term::taken ? after : state));
    state = after;
  }
}
/// Running minima: lane k holds the smallest of x_0, ..., x_k.
CPPO_ALWAYS_INLINE simd_lane running_least(simd_lane x) noexcept {
  for (int by = 1; by < simd_size; by *= 2) x = min(x, earlier_lanes(x, by));
  return x;
}
/// Lane k - 1 of x in lane k; in the first that of `first`.
CPPO_ALWAYS_INLINE simd_lane behind(simd_lane first, simd_lane x) noexcept {
  return select(position<simd_lane>(1).before() == simd_lane(0), first, earlier_lanes(x, 1));
}
CPPO_ALWAYS_INLINE simd_lane in_every_lane_the_last(simd_lane x) noexcept {
  return simd_lane::from_raw(simd_ops::as_floats(in_every_lane_the_last(simd_ops::as_ints(x.raw()))));
}

/// Sums of terms on the grid after what came before, a register at a time.
class running_sums {
 public:
  explicit running_sums(exact_sum const& from) noexcept
      : high_(from.high + (from.low >> low_bits)), low_(static_cast<std::int32_t>(from.low & low_mask)) {}

  /// True if a double holds either limb, so that a sum is rounded once however it is split.
  static bool holds(exact_sum const& x) noexcept {
    constexpr index_t limit = index_t{1} << 51;
    return x.high < limit && x.high > -limit && x.low < limit && x.low > -limit;
  }
  /// The sums up to each lane of x, or before it; then advances over x.
  simd_lane take(own_term own, simd_lane x) noexcept {
    simd_ops::ints high, low;
    simd_ops::to_grid(x.raw(), high, low);
    simd_ops::ints const up = running_sum(high), lower = running_sum(low) + simd_ops::ints(low_);
    auto const base = static_cast<double>(high_);
    simd_lane const sums = own == own_term::taken ? grid_value(base, up, lower)
                                                  : grid_value(base, up - high, lower - low);
    std::int32_t const total = last_lane(lower);
    high_ += index_t{last_lane(up)} + (total >> low_bits);  // limbs of padding may be anything
    low_ = total & static_cast<std::int32_t>(low_mask);
    return sums;
  }
  exact_sum sum() const noexcept { return {high_, low_}; }

 private:
  static constexpr int low_bits = 25;
  static constexpr index_t low_mask = (index_t{1} << low_bits) - 1;

  index_t high_;
  std::int32_t low_;  // from 0 to `low_mask`
};
/// The scans of a chunk: what a statistic of the terms is before each of n, or up to it. Whole registers are written:
/// what lies past the n-th is of no use, and there must be room for it in both arrays.
/// @{
inline void scan_sums(own_term own, fold_state const& state, float const* terms, int n, float* out) noexcept {
  if (!running_sums::holds(state.sum)) return scan_one_by_one<quantities::summed>(own, state, terms, n, out);
  running_sums sums(state.sum);
  for (int k = 0; k < n; k += simd_size) put_lanes(out, k, sums.take(own, lanes_at(terms, k)));
}
/// The smallest term, times `sign`: the largest one if that is -1.
inline void scan_least(float sign, own_term own, fold_state const& state, float const* terms, int n,
                       float* out) noexcept {
  simd_lane const by(sign);
  simd_lane least(sign > 0.0F ? static_cast<float>(state.least) : -static_cast<float>(state.most));
  for (int k = 0; k < n; k += simd_size) {
    simd_lane const upto = min(running_least((lanes_at(terms, k) + simd_lane(0)) * by), least);
    put_lanes(out, k, (own == own_term::taken ? upto : behind(least, upto)) * by);
    least = in_every_lane_the_last(upto);
  }
  if (own == own_term::left_out && state.count == 0) out[0] = 0.0F;
}
template <class Statistic>
void scan(own_term own, fold_state const& state, float const* terms, int n, float* out, Statistic how = {}) noexcept {
  if constexpr (requires { how.which; }) how.visit([&](auto kind) { scan(own, state, terms, n, out, kind); });
  else if constexpr (std::is_same_v<Statistic, quantities::summed>) scan_sums(own, state, terms, n, out);
  else if constexpr (std::is_same_v<Statistic, quantities::smallest>) scan_least(1.0F, own, state, terms, n, out);
  else if constexpr (std::is_same_v<Statistic, quantities::largest>) scan_least(-1.0F, own, state, terms, n, out);
  else scan_one_by_one(own, state, terms, n, out, how);
}
/// @}

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
