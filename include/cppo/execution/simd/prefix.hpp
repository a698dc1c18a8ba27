/// @file
/// The exact prefix budget on registers. A group of tokens is decided at once where bounds suffice, and by a scan
/// elsewhere.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/core/prefix_sums.hpp>
#include <cppo/execution/simd/intrinsics.hpp>

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

/// What the tokens of a group see of the prefix as numbers, lane by lane.
struct prefix_values {
  alignas(64) float drift[group_size];      // S
  alignas(64) float weight[group_size];     // W
  alignas(64) float allowance[group_size];  // delta_b W
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
    exact_sum const total{wide_sum(net[0].high + net[1].high + net[2].high + net[3].high),
                          wide_sum(net[0].low + net[1].low + net[2].low + net[3].low)};
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

  /// The same; also writes the sums before each token as numbers. Lanes from `live` on hold no token.
  void advance(V const (&z)[group_registers], V const (&allowance)[group_registers], V const (&weight)[group_registers],
               int live, V::mask (&fits)[group_registers], prefix_values& out) noexcept {
    alignas(64) float drift[group_size], allowed[group_size], w[group_size], fit[group_size] = {};
    for (int u = 0; u < group_registers; ++u) {
      ops::save(drift + u * simd_size, z[u].raw());
      ops::save(allowed + u * simd_size, allowance[u].raw());
      ops::save(w + u * simd_size, weight[u].raw());
    }
    for (int k = 0; k < group_size; ++k) {
      out.drift[k] = static_cast<float>(sums_.drift.value());
      out.weight[k] = static_cast<float>(sums_.weight.value());
      out.allowance[k] = static_cast<float>(sums_.allowance.value());
      if (k >= live) continue;
      prefix_sums const step{to_grid(drift[k]), to_grid(w[k]), to_grid(allowed[k]), 1};
      fit[k] = (room_ - step.drift).nonnegative() ? 1.0F : 0.0F;
      sums_ = sums_ + step;
      room_ = room_ + step.allowance - step.drift;
    }
    for (int u = 0; u < group_registers; ++u) fits[u] = V::from_raw(ops::load(fit + u * simd_size)) > V(0);
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
