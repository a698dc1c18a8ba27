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
  simd_prefix(prefix_sums const& carry, float slack) noexcept
      : room_(gathered(carry.allowance - carry.drift + to_grid(slack))), sums_(carry) {}

  /// Decides for each token, given Z and w delta_b, if it fits the budget; then advances over the group.
  CPPO_ALWAYS_INLINE void advance(V const (&z)[group_registers], V const (&allowance)[group_registers],
                                  V::mask (&fits)[group_registers]) noexcept {
    bool const bounded = are_small(z, allowance);
    if (!room_is_near() || !(bounded || are_in_units(z, allowance))) [[unlikely]] {
      return advance_apart(z, allowance, fits);
    }
    group_units spent, allowed;
    each_register([&](int u) CPPO_INLINE_LAMBDA {
      spent.set(u, z[u]);
      allowed.set(u, allowance[u]);
    });
    index_t const most = spent.total(), gained = allowed.total();
    // Where neither Z nor w delta_b is below 0, their sums bound every prefix in the group.
    if (bounded && room_.low >= most) {
      for (auto& f : fits) f = V(0) <= V(0);
    } else if (bounded && room_.low + gained < 0) {
      for (auto& f : fits) f = V(0) < V(0);  // equivalent: nowhere is either true
    } else {
      scan(spent, allowed, fits);
    }
    room_.low += gained - most;
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
    index_t const room = (high > far ? far : high < -far ? -far : high) + (drift.from.high - drift.base) -
                         (allowed.from.high - allowed.base);
    ints const room_high(static_cast<std::int32_t>(room));
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

  /// The values of a group in units of 2^-40, `unit_bias` in each.
  struct group_units {
    simd_units half[2 * group_registers];
    CPPO_ALWAYS_INLINE void set(int u, V x) noexcept { ops::to_units(x.raw(), half[2 * u], half[2 * u + 1]); }
    CPPO_WRAPS CPPO_ALWAYS_INLINE index_t total() const noexcept {
      simd_units const all = ((half[0] + half[1]) + (half[2] + half[3])) + ((half[4] + half[5]) + (half[6] + half[7]));
      return static_cast<index_t>(sum_of_units(all) - group_size * ops::unit_bias);
    }
  };
  static constexpr index_t near = index_t{1} << 60;
  /// A sum with all of it in the low limb, if that is near 0.
  static exact_sum gathered(exact_sum const& x) noexcept {
    exact_sum const carried{x.high + (x.low >> 25), x.low & low_limb};
    bool const is_near = carried.high < near >> 25 && carried.high > -(near >> 25);
    return is_near ? exact_sum{0, (carried.high << 25) + carried.low} : carried;
  }
  bool room_is_near() const noexcept { return room_.high == 0 && room_.low < near && room_.low > -near; }
  /// True if all are in [0, 2): seen at once, because no bit of such numbers makes another one.
  CPPO_ALWAYS_INLINE static bool are_small(V const (&a)[group_registers], V const (&b)[group_registers]) noexcept {
    ints bits = ops::as_ints(a[0].raw()) | ops::as_ints(b[0].raw());
    for (int u = 1; u < group_registers; ++u) bits = bits | (ops::as_ints(a[u].raw()) | ops::as_ints(b[u].raw()));
    V const all = V::from_raw(ops::as_floats(bits));
    return ops::every(((all >= V(0)) & (all < V(2))).raw());
  }
  CPPO_ALWAYS_INLINE static bool are_in_units(V const (&a)[group_registers], V const (&b)[group_registers]) noexcept {
    return ops::every((largest_of(a, b, b) <= V(1024)).raw());
  }
  /// Decides token by token.
  CPPO_WRAPS CPPO_ALWAYS_INLINE void scan(group_units const& spent, group_units const& allowed,
                                          V::mask (&fits)[group_registers]) const noexcept {
    simd_units room(static_cast<std::uint64_t>(room_.low) + ops::unit_bias);
    auto const left = [&](int i) CPPO_INLINE_LAMBDA {
      simd_units const net = running_units(allowed.half[i] - spent.half[i]);
      simd_units const after = room + net - allowed.half[i];
      room = room + last_unit(net);
      return after;
    };
    each_register([&](int u) CPPO_INLINE_LAMBDA {
      simd_units const low = left(2 * u);
      fits[u] = nonnegative_units(low, left(2 * u + 1));
    });
  }
  /// The same for numbers and sums of any size. Through copies: nothing points to what the caller keeps in registers.
  CPPO_ALWAYS_INLINE void advance_apart(V const (&z)[group_registers], V const (&allowance)[group_registers],
                                        V::mask (&fits)[group_registers]) noexcept {
    alignas(64) float spent[group_size], allowed[group_size], fit[group_size];
    each_register([&](int u) CPPO_INLINE_LAMBDA {
      ops::save(spent + u * simd_size, z[u].raw());
      ops::save(allowed + u * simd_size, allowance[u].raw());
    });
    room_ = after_one_by_one(room_, spent, allowed, fit);
    each_register([&](int u) CPPO_INLINE_LAMBDA { fits[u] = V::from_raw(ops::load(fit + u * simd_size)) > V(0); });
  }
  [[gnu::noinline]] static exact_sum after_one_by_one(exact_sum room, float const* z, float const* allowance,
                                                      float* fit) noexcept {
    for (int k = 0; k < group_size; ++k) {
      exact_sum const left = room - to_grid(z[k]);
      fit[k] = left.nonnegative() ? 1.0F : 0.0F;
      room = left + to_grid(allowance[k]);
    }
    return gathered(room);
  }

  exact_sum room_;    // delta + delta_b W - S
  prefix_sums sums_;  // kept only where numbers are asked for
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
