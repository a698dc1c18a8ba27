/// @file
/// What the threads of a block add up: prefix sums as integers, and the counts and extremes of the report.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/call/token_decision.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// What a prefix scan adds up over a tile, in units of 2^-40: delta_b W - S, or all three sums if they are asked for. A
/// tile has at most 2048 tokens of magnitude 1000, so 64 bits hold it.
struct net_units {
  index_t net = 0;
  CPPO_HOST_DEVICE static constexpr index_t units(exact_sum s) noexcept { return s.high * (index_t{1} << 25) + s.low; }
  CPPO_HOST_DEVICE static constexpr exact_sum limbs(index_t u) noexcept {
    return {u >> 25, u & ((index_t{1} << 25) - 1)};
  }

  constexpr net_units() noexcept = default;
  CPPO_HOST_DEVICE explicit constexpr net_units(prefix_sums const& p) noexcept : net(units(p.allowance - p.drift)) {}
  CPPO_HOST_DEVICE constexpr prefix_sums sums() const noexcept { return {{}, {}, limbs(net), 0}; }
  CPPO_HOST_DEVICE friend constexpr net_units operator+(net_units a, net_units b) noexcept {
    a.net += b.net;
    return a;
  }
};
struct all_units {
  index_t drift = 0, weight = 0, allowance = 0;

  constexpr all_units() noexcept = default;
  CPPO_HOST_DEVICE explicit constexpr all_units(prefix_sums const& p) noexcept
      : drift(net_units::units(p.drift)),
        weight(net_units::units(p.weight)),
        allowance(net_units::units(p.allowance)) {}
  CPPO_HOST_DEVICE constexpr prefix_sums sums() const noexcept {
    return {net_units::limbs(drift), net_units::limbs(weight), net_units::limbs(allowance), 0};
  }
  CPPO_HOST_DEVICE friend constexpr all_units operator+(all_units a, all_units const& b) noexcept {
    a.drift += b.drift, a.weight += b.weight, a.allowance += b.allowance;
    return a;
  }
};

/// What each thread counts for itself. Counts that few tokens enter are shared by the block's threads instead.
template <class Real>
struct block_counts {
  using token_count = token_counts<std::uint32_t>;
  token_count counts;
  std::uint32_t bad = 0;
  Real top_divergence = Real(-divergence_limit), top_ratio = Real(0);

  template <class Region>
  CPPO_HOST_DEVICE constexpr void see(decided_token<Real> const& d) noexcept {
    count_token<Region>(counts, d);
    take_larger(top_divergence, d.at(sink::divergence));
    take_larger(top_ratio, d.ratio);
  }
  CPPO_HOST_DEVICE friend constexpr block_counts operator+(block_counts a, block_counts const& b) noexcept {
    token_count::each_token_count([](char const*, std::uint32_t& mine, std::uint32_t other) { mine += other; },
                                  a.counts, b.counts);
    a.bad += b.bad;
    take_larger(a.top_divergence, b.top_divergence);
    take_larger(a.top_ratio, b.top_ratio);
    return a;
  }
  /// Writes the counts into the report of a response that has a token. `rare`: the shared counts.
  CPPO_HOST_DEVICE constexpr void put(report& r, token_count const& rare) const noexcept {
    token_counts<index_t>& into = r;
    auto const sum = [](char const*, index_t& all, std::uint32_t mine, std::uint32_t ours) {
      all = index_t{mine} + ours;
    };
    token_count::each_token_count(sum, into, counts, rare);
    r.max_divergence = static_cast<double>(top_divergence) + 0.0;  // never -0
    r.max_ratio = static_cast<double>(top_ratio);
  }

 private:
  CPPO_HOST_DEVICE static constexpr void take_larger(Real& a, Real b) noexcept { a = b > a ? b : a; }
};

/// Adds a and b.
struct plus {
  template <class T>
  CPPO_HOST_DEVICE constexpr T operator()(T const& a, T const& b) const noexcept {
    return a + b;
  }
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
