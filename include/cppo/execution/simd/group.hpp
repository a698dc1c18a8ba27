/// @file
/// The heart of `simd`: decides a group of tokens, and writes what became of them.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/columns.hpp>
#include <cppo/execution/simd/report.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Positions past it have no 32 bits; such responses run as `seq`.
inline constexpr index_t longest_on_registers = 0x7fffffff - 2 * group_size;

/// What the tokens of a response are decided with: a copy that nothing points to, so that it stays in registers while
/// outputs are written.
template <class Region, class Weigh>
struct deciding {
  using region_type = Region;
  Region region;
  surrogate<float> objective;
  Weigh weigh;
  simd_prefix prefix;
  simd_lane scale;
  response_summary const* whole;
  soundness input = {};
};

/// Decides a group of tokens, the first at position `first`; their masks as bits.
template <bool Report, bool Whole, class Deciding>
CPPO_ALWAYS_INLINE std::uint64_t decide_group(token_lanes const& in, int k, index_t first, int live, Deciding& with,
                                              simd_counts& counts, simd_reporter& reporter, chunk_outputs const& out) {
  using V = simd_lane;
  using Region = typename Deciding::region_type;
  constexpr bool soft = Region::is_soft, scans = scans_prefix<Region>, numbers = reads_prefix<Region>;
  Region const& region = with.region;
  token<V> t[group_registers] = {load_tokens(region, in, k), load_tokens(region, in, k + simd_size),
                                 load_tokens(region, in, k + 2 * simd_size),
                                 load_tokens(region, in, k + 3 * simd_size)};
  V weight[group_registers], z[group_registers], allowance[group_registers];
  V value[group_registers];
  V::mask fits[group_registers], alive[group_registers], keeps[group_registers];
  simd_marks marks;
  // uncovered: an assumption told to the compiler: never true
  if (first < 1 || first > longest_on_registers) __builtin_unreachable();
  each_register<Whole>([&](int u) CPPO_INLINE_LAMBDA {
    with.input.see(in, k + u * simd_size);
    position<V> const p(first + u * simd_size);
    weight[u] = with.weigh(p);
    t[u].set_weight(p, *with.whole, weight[u]);
    z[u] = t[u].weighted_divergence();
    allowance[u] = weight[u] * V(with.whole->delta_b);
    if constexpr (!Whole) {
      alive[u] = position<V>(u * simd_size + 1).before() < V(live);
      z[u] = only(alive[u], z[u]);
      allowance[u] = only(alive[u], allowance[u]);
    }
    surrogate_product<V> const product =
        with.objective.product(t[u], lanes_at(in.weighted_advantage, k + u * simd_size));
    value[u] = product.value;
    marks.clamped[u] = product.clamped;
    marks.capped[u] = product.capped;
    if constexpr (Report) {
      ratio_estimates<V> estimates = with.objective.estimates(t[u], product);
      V d = t[u].divergence(), ratio = product.ratio, seen_d = d;
      if constexpr (!Whole) {
        seen_d = select(alive[u], d, V(-max_score));
        d = only(alive[u], d), ratio = only(alive[u], ratio);
        estimates = {only(alive[u], estimates.log_ratio), only(alive[u], estimates.k3)};
      }
      reporter.add(u, d, z[u], ratio, estimates);
      counts.see(seen_d, ratio);
    }
  });
  prefix_values seen;
  if constexpr (numbers) with.prefix.advance(z, allowance, weight, live, fits, seen);
  else if constexpr (scans) with.prefix.advance(z, allowance, fits);
  each_register<Whole>([&](int u) CPPO_INLINE_LAMBDA {
    int const lane = u * simd_size;
    if constexpr (scans) t[u].set_within_prefix_budget(fits[u]);
    if constexpr (reads_prefix<Region>)
      t[u].set_prefix(lanes_at(seen.drift, lane), lanes_at(seen.weight, lane), lanes_at(seen.allowance, lane));
    auto const kept = region.keeps(t[u]);
    keeps[u] = kept;
    surrogate_product<V> const product{value[u], V(0), marks.clamped[u], marks.capped[u]};
    V gate(0);
    surrogate_terms<V> terms;
    if constexpr (soft) gate = region.gate_value(t[u], kept);
    if constexpr (soft) terms = with.objective.terms(t[u], product, gate, with.scale);
    else terms = with.objective.terms(t[u], product, kept, with.scale);
    put(out.gradient + lane, terms.gradient, out.far);
    if (out.loss != nullptr) put_lanes(out.loss, lane, terms.loss);
    if constexpr (soft) if (out.gate != nullptr) put_lanes(out.gate, lane, gate);
    if constexpr (Report) {
      if constexpr (Whole) reporter.template add<soft>(u, terms.unscaled, gate);
      else reporter.template add<soft>(u, only(alive[u], terms.unscaled), only(alive[u], gate));
      region.each_decision(
          t[u], kept, [&](decision d_t, V::mask m) CPPO_INLINE_LAMBDA { marks.decided[static_cast<int>(d_t)][u] = m; });
      marks.idle[u] = lanes_at(in.weighted_advantage, k + lane) == V(0);
      marks.toward_rollout[u] = t[u].moves_toward_rollout();
      marks.negative[u] = signs(t[u].advantage());
    }
  });
  std::uint64_t const lives = ~std::uint64_t{0} >> (64 - live);
  std::uint64_t const kept_bits = lane_bits(keeps) & lives;
  if constexpr (Report)
    counts.template count<typename Region::mask_type>(kept_bits, lives, marks, with.objective.caps());
  return kept_bits;
}

/// Decides the last tokens of a response, fewer than a group: out of line.
template <bool Report, class Deciding>
[[gnu::noinline]] std::uint64_t decide_tail(token_lanes const& in, index_t first, int live, Deciding& with,
                                            simd_counts& counts, simd_reporter& reporter, chunk_outputs const& out) {
  return decide_group<Report, false>(in, 0, first, live, with, counts, reporter, out);
}

/// Decides a run of tokens, the first at position `first`; their masks as bits in `kept`.
template <bool Report, class Deciding>
CPPO_ALWAYS_INLINE void decide_chunk(token_lanes const& in, index_t first, int count, Deciding& with,
                                     simd_counts& counts, simd_reporter& reporter, chunk_outputs out,
                                     std::uint64_t* kept) {
  int k = 0;
  bool const fetches = out.far;
  if constexpr (can_stream)
    out.far = fetches && reinterpret_cast<std::uintptr_t>(out.gradient) % (simd_size * sizeof(float)) == 0;
  for (; k + group_size <= count; k += group_size) {
    if constexpr (can_stream) {
      constexpr int ahead = 1024, line = 16;
      for (int j = k + ahead; fetches && j < k + ahead + group_size; j += line) {
        __builtin_prefetch(in.pi + j);
        __builtin_prefetch(in.mu + j);
        __builtin_prefetch(in.advantage + j);
      }
    }
    kept[k / 64] |= decide_group<Report, true>(in, k, first + k, group_size, with, counts, reporter, out) << (k % 64);
    if (out.loss != nullptr) out.loss += group_size;
    if (Deciding::region_type::is_soft && out.gate != nullptr) out.gate += group_size;
    out.gradient += group_size;
  }
  int const live = count - k;
  if (live == 0) return;
  // Copies: nothing points to what the loop keeps in registers.
  Deciding last = with;
  simd_counts some = counts;
  lane_copies<group_size> copies;
  alignas(64) float loss[group_size], gradient[group_size], gate[group_size];
  chunk_outputs const to{out.loss != nullptr ? loss : nullptr, gradient, out.gate != nullptr ? gate : nullptr, false};
  kept[k / 64] |= decide_tail<Report>(padded_tail(in, k, live, copies), first + k, live, last, some, reporter, to)
                  << (k % 64);
  with.input = last.input;
  if constexpr (Report) counts = some;
  std::size_t const bytes = static_cast<std::size_t>(live) * sizeof(float);
  std::memcpy(out.gradient, gradient, bytes);
  if (out.loss != nullptr) std::memcpy(out.loss, loss, bytes);
  if (Deciding::region_type::is_soft && out.gate != nullptr) std::memcpy(out.gate, gate, bytes);
}
}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
