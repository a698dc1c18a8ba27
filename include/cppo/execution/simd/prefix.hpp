/// @file
/// The exact prefix budget on registers. A group of tokens is decided at once where bounds suffice, and by a scan
/// elsewhere.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/prefix_sums.hpp>
#include <cppo/execution/simd/grid.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Registers of a group, and tokens in them.
inline constexpr int group_registers = 4;
inline constexpr int group_size = group_registers * simd_size;

/// Calls f(0), f(1), ... for the registers of a group, unrolled.
template <class F>
CPPO_ALWAYS_INLINE void each_register(F const& f) {
  static_assert(group_registers == 4);
#if CPPO_UNROLLS
  CPPO_UNROLL(4)
  for (int u = 0; u < group_registers; ++u) f(u);
#else
  f(0), f(1), f(2), f(3);
#endif
}

/// What the tokens of a group see of the prefix as numbers.
struct prefix_values {
  simd_lane drift[group_registers];      // S
  simd_lane weight[group_registers];     // W
  simd_lane allowance[group_registers];  // delta_b W
};

/// The running prefix of one response.
class simd_prefix {
  using V = simd_lane;
  using ops = simd_ops;
  using ints = ops::ints;

 public:
  simd_prefix(prefix_sums const& carry, float slack, double delta_b) noexcept
      : room_(carry.allowance - carry.drift + to_grid(slack)), sums_(carry), allowance_(static_cast<float>(delta_b)) {
    exact_sum const most = to_grid(allowance_);
    group_allowance_ = {group_size * most.high, group_size * most.low};
  }

  /// Decides for each token, given Z and w delta_b, if it fits the budget; then advances over the group.
  CPPO_ALWAYS_INLINE void advance(V const (&z)[group_registers], V const (&allowance)[group_registers],
                                  V::mask (&fits)[group_registers]) noexcept {
    limbs drift[group_registers], net[group_registers];
    each_register([&](int u) CPPO_INLINE_LAMBDA {
      drift[u] = limbs(z[u]);
      net[u] = limbs(allowance[u]) - drift[u];
    });
    exact_sum const total = total_of(net);
    // Where 0 <= Z and 0 <= w delta_b <= delta_b, exact sums bound every prefix in the group.
    V const least = min(min(min(z[0], z[1]), min(z[2], z[3])),
                        min(min(allowance[0], allowance[1]), min(allowance[2], allowance[3])));
    V const most = max(max(allowance[0], allowance[1]), max(allowance[2], allowance[3]));
    bool const bounded = ops::every(((least >= V(0)) & (most <= V(allowance_))).raw());
    if (bounded && (room_ + total - group_allowance_).nonnegative()) {
      for (auto& f : fits) f = V(0) <= V(0);
    } else if (bounded && !(room_ + group_allowance_).nonnegative()) {
      for (auto& f : fits) f = V(0) < V(0);  // equivalent: nowhere is either true
    } else {
      scan(z, allowance, drift, net, fits);
    }
    room_ = room_ + total;
  }

  /// The same; also writes the sums before each token as numbers. Lanes that hold no token have weight 0 too.
  CPPO_ALWAYS_INLINE void advance(V const (&z)[group_registers], V const (&allowance)[group_registers],
                                  V const (&weight)[group_registers], V::mask (&fits)[group_registers],
                                  prefix_values& out) noexcept {
    V const size = largest_of(z, allowance, weight);
    auto const is_small = [](exact_sum const& x) {
      index_t const units = x.high + (x.low >> 25);
      return units < index_t{1} << 23 && units > -(index_t{1} << 23);
    };
    if (is_small(sums_.drift) && is_small(sums_.allowance) && limbs_are_exact() && ops::every((size <= V(3)).raw()))
        [[likely]] advance_in_32_bits<sums_are::small>(z, allowance, weight, fits, out);
    else {
      prefix_values far;  // nothing points to `out`: what nobody reads of it is not computed
      V::mask far_fits[group_registers];
      advance_far(z, allowance, weight, far_fits, far);
      each_register([&](int u) CPPO_INLINE_LAMBDA {
        fits[u] = far_fits[u];
        out.drift[u] = far.drift[u], out.weight[u] = far.weight[u], out.allowance[u] = far.allowance[u];
      });
    }
  }

 private:
  struct limbs {
    ints high, low;
    limbs() noexcept = default;
    explicit limbs(V x) noexcept { ops::to_grid(x.raw(), high, low); }
    friend limbs operator-(limbs a, limbs const& b) noexcept {
      a.high = a.high - b.high;
      a.low = a.low - b.low;
      return a;
    }
  };

  CPPO_ALWAYS_INLINE static exact_sum total_of(limbs const (&x)[group_registers]) noexcept {
    return {wide_sum(x[0].high + x[1].high + x[2].high + x[3].high),
            wide_sum(x[0].low + x[1].low + x[2].low + x[3].low)};
  }

  CPPO_ALWAYS_INLINE static V largest_of(V const (&a)[group_registers], V const (&b)[group_registers],
                                         V const (&c)[group_registers]) noexcept {
    V size(0);
    each_register([&](int u) CPPO_INLINE_LAMBDA { size = max(size, max(max(abs(a[u]), abs(b[u])), abs(c[u]))); });
    return size;
  }
  /// True if doubles hold the limbs of all sums.
  CPPO_ALWAYS_INLINE bool limbs_are_exact() const noexcept {
    auto const exact = [](index_t x) { return x < index_t{1} << 52 && x > -(index_t{1} << 52); };
    auto const both = [&](exact_sum const& x) { return exact(x.high) && exact(x.low); };
    return both(sums_.drift) && both(sums_.weight) && both(sums_.allowance);
  }

  static constexpr index_t low_limb = (index_t{1} << 25) - 1;
  /// Whether 24 bits hold the high limbs of drift and allowance.
  enum class sums_are : bool { small, large };
  /// A sum over the tokens of a group, none larger than 128, in 32 bits.
  class running_limbs {
   public:
    exact_sum from;
    index_t base;  ///< not in the limbs

    CPPO_ALWAYS_INLINE running_limbs(exact_sum const& sum, sums_are size) noexcept
        : from{sum.high + (sum.low >> 25), sum.low & low_limb},
          base(size == sums_are::small ? 0 : from.high),
          high_(static_cast<std::int32_t>(from.high - base)),
          low_(static_cast<std::int32_t>(from.low)) {}
    /// The sum before each of x, which are added.
    CPPO_ALWAYS_INLINE limbs before(limbs const& x) noexcept {
      ints const up = running_sum(x.high), lower = running_sum(x.low);
      limbs all;
      all.high = high_ + up - x.high;
      all.low = low_ + lower - x.low;
      ints const low = low_ + in_every_lane_the_last(lower);
      high_ = high_ + in_every_lane_the_last(up) + (low >> 25);
      low_ = low & ints(static_cast<std::int32_t>(low_limb));
      return all;
    }
    CPPO_ALWAYS_INLINE exact_sum sum() const noexcept {
      return {base + last_lane(high_), index_t{last_lane(low_)}};
    }

   private:
    ints high_, low_;  // the same in every lane
  };
  template <sums_are Size>
  CPPO_ALWAYS_INLINE static V number(running_limbs const& sum, limbs const& at) noexcept {
    if constexpr (Size == sums_are::small) return small_grid_value(at.high, at.low);
    else return grid_value(static_cast<double>(sum.base), at.high, at.low);
  }

  template <sums_are Size>
  CPPO_ALWAYS_INLINE void advance_in_32_bits(V const (&z)[group_registers], V const (&allowance)[group_registers],
                                             V const (&weight)[group_registers], V::mask (&fits)[group_registers],
                                             prefix_values& out) noexcept {
    running_limbs drift(sums_.drift, Size), allowed(sums_.allowance, Size), weights(sums_.weight, sums_are::large);
    constexpr index_t far = index_t{1} << 29;  // no group comes so far
    index_t const high = room_.high + (room_.low >> 25);
    index_t const near = (high > far ? far : high < -far ? -far : high) + (drift.from.high - drift.base) -
                         (allowed.from.high - allowed.base);
    ints const room_high(static_cast<std::int32_t>(near));
    ints const room_low(static_cast<std::int32_t>((room_.low & low_limb) + drift.from.low - allowed.from.low));
    limbs own_weight[group_registers];
    each_register([&](int u) CPPO_INLINE_LAMBDA {
      limbs const spent(z[u]);
      limbs const before = allowed.before(limbs(allowance[u])), drifted = drift.before(spent);
      out.allowance[u] = number<Size>(allowed, before);
      out.drift[u] = number<Size>(drift, drifted);
      ints const low = room_low + before.low - drifted.low - spent.low;
      fits[u] = V::mask(ops::nonnegative(room_high + before.high - drifted.high - spent.high + (low >> 25)));
      own_weight[u] = limbs(weight[u]);
      out.weight[u] = number<sums_are::large>(weights, weights.before(own_weight[u]));
    });
    room_ = room_ + (allowed.sum() - sums_.allowance) - (drift.sum() - sums_.drift);
    sums_.drift = drift.sum();
    sums_.allowance = allowed.sum();
    sums_.weight = sums_.weight + total_of(own_weight);  // not by `weights`, which few masks ask for
  }
  /// The same for large sums.
  [[gnu::noinline]] void advance_far(V const (&z)[group_registers], V const (&allowance)[group_registers],
                                     V const (&weight)[group_registers], V::mask (&fits)[group_registers],
                                     prefix_values& out) noexcept {
    bool const narrow = limbs_are_exact() && ops::every((largest_of(z, allowance, weight) <= V(128)).raw());
    if (narrow) advance_in_32_bits<sums_are::large>(z, allowance, weight, fits, out);
    else advance_one_by_one(z, allowance, weight, fits, out);
  }
  void advance_one_by_one(V const (&z)[group_registers], V const (&allowance)[group_registers],
                          V const (&weight)[group_registers], V::mask (&fits)[group_registers],
                          prefix_values& out) noexcept {
    alignas(64) float spent[simd_size], allowed[simd_size], w[simd_size], fit[simd_size], before[3][simd_size];
    for (int u = 0; u < group_registers; ++u) {
      ops::save(spent, z[u].raw());
      ops::save(allowed, allowance[u].raw());
      ops::save(w, weight[u].raw());
      for (int k = 0; k < simd_size; ++k) {
        before[0][k] = static_cast<float>(sums_.drift.value());
        before[1][k] = static_cast<float>(sums_.weight.value());
        before[2][k] = static_cast<float>(sums_.allowance.value());
        prefix_sums const step{to_grid(spent[k]), to_grid(w[k]), to_grid(allowed[k]), 1};
        fit[k] = (room_ - step.drift).nonnegative() ? 1.0F : 0.0F;
        sums_ = sums_ + step;
        room_ = room_ + step.allowance - step.drift;
      }
      fits[u] = V::from_raw(ops::load(fit)) > V(0);
      out.drift[u] = V::from_raw(ops::load(before[0]));
      out.weight[u] = V::from_raw(ops::load(before[1]));
      out.allowance[u] = V::from_raw(ops::load(before[2]));
    }
  }

  /// Decides token by token, on registers where 32 bits are enough.
  void scan(V const (&z)[group_registers], V const (&allowance)[group_registers], limbs const (&drift)[group_registers],
            limbs const (&net)[group_registers], V::mask (&fits)[group_registers]) const noexcept {
    V size(0);
    for (int u = 0; u < group_registers; ++u) size = max(size, max(abs(z[u]), abs(allowance[u])));
    constexpr index_t low_units = index_t{1} << 25;
    index_t const from = room_.high + (room_.low >> 25);
    // equivalent: 64 tokens of 129 still fit 32 bits beside the room
    bool const narrow = from > -(index_t{1} << 29) && from < (index_t{1} << 29) && ops::every((size <= V(128)).raw());
    if (!narrow) return scan_wide(drift, net, fits);
    ints high(static_cast<std::int32_t>(from)), low(static_cast<std::int32_t>(room_.low & (low_units - 1)));
    for (int u = 0; u < group_registers; ++u) {
      ints const up = running_sum(net[u].high), lower = running_sum(net[u].low);
      ints const at_high = high + up - net[u].high - drift[u].high;
      ints const at_low = low + lower - net[u].low - drift[u].low;
      fits[u] = V::mask(ops::nonnegative(at_high + (at_low >> 25)));
      low = low + ints(last_lane(lower));
      high = high + ints(last_lane(up)) + (low >> 25);
      low = low & ints(static_cast<std::int32_t>(low_units - 1));
    }
  }
  void scan_wide(limbs const (&drift)[group_registers], limbs const (&net)[group_registers],
                 V::mask (&fits)[group_registers]) const noexcept {
    exact_sum room = room_;
    for (int u = 0; u < group_registers; ++u) {
      alignas(64) std::int32_t s[2][simd_size], n[2][simd_size];
      alignas(64) float fit[simd_size];
      ops::save(s[0], drift[u].high);
      ops::save(s[1], drift[u].low);
      ops::save(n[0], net[u].high);
      ops::save(n[1], net[u].low);
      for (int k = 0; k < simd_size; ++k) {
        fit[k] = (room - exact_sum{s[0][k], s[1][k]}).nonnegative() ? 1.0F : 0.0F;
        room = room + exact_sum{n[0][k], n[1][k]};
      }
      fits[u] = V::from_raw(ops::load(fit)) > V(0);
    }
  }

  exact_sum room_;             // delta + delta_b W - S
  prefix_sums sums_;           // kept only where numbers are asked for
  float allowance_;            // delta_b
  exact_sum group_allowance_;  // no group adds a larger allowance
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
