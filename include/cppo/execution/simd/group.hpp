/// @file
/// Decides a group of tokens on registers, and writes its outputs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/columns.hpp>
#include <cppo/execution/simd/known_response.hpp>
#include <cppo/execution/simd/report.hpp>
#include <cppo/execution/simd/together.hpp>
#include <cppo/execution/simd/walk.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// A group of tokens on registers, from what was lent to what is decided.
template <with_report Report, lanes_hold Tokens, class Known>
class token_group {
  using V = simd_lane;
  using Region = typename Known::region_type;
  static constexpr bool whole = Tokens == lanes_hold::all;
  static constexpr bool soft = Region::is_soft;
  static constexpr bool own = has_own_surrogate<Region>;
  static constexpr bool walks = walks_steps<Region>;
  static constexpr bool together = walks_together<Region>;

 public:
  /// Of tokens k, k + 1, ... of `in`, the first of them at position `first`; `live` lanes hold a token.
  /// @{
  CPPO_ALWAYS_INLINE token_group(Known& with, token_lanes const& in, int k, index_t first, int live) noexcept
      : with_(with), in_(in), k_(k), live_(live), first_(first) {
    if (first < 1 || first > longest_on_registers) __builtin_unreachable();
  }
  /// @}

  /// Decides the tokens and writes their outputs. Returns their masks as bits.
  CPPO_ALWAYS_INLINE std::uint64_t decide(chunk_outputs const& out, simd_counts& counts,
                                          simd_reporter& reporter) noexcept {
    prefix_input in;  // apart from the members, which stay in registers because nothing points to them
    leave_out_empty(in);
    each([&](int u) CPPO_INLINE_LAMBDA {
      ::new (static_cast<void*>(t_ + u)) token<V>(load_tokens(with_.region, in_, k_ + u * simd_size));
      weigh(u, in, counts, reporter);
    });
    std::uint64_t const lives = ~std::uint64_t{0} >> (64 - live_);
    std::uint64_t const kept = keep_all(in, out, reporter) & lives;
    if constexpr (reports(Report)) {
      counts.count(with_.region.mask(), kept, lives, marks_, with_.objective.caps());
      if constexpr (own)
        counts.tokens.held += std::popcount(lane_bits(marks_.held) & kept & ~lane_bits(marks_.not_teaching));
    }
    return kept;
  }

 private:
  /// What the prefix is advanced by.
  struct prefix_input {
    V z[group_registers], allowance[group_registers], weight[group_registers];
  };

  /// f(u) for each register. Unrolled where it runs for most tokens.
  template <class F>
  CPPO_ALWAYS_INLINE void each(F const& f) const {
    if constexpr (whole) each_register(f);
    else for (int u = 0; u < registers_of(live_); ++u) f(u);
  }
  /// Empties the registers that hold no token, which `each` leaves out.
  CPPO_ALWAYS_INLINE void leave_out_empty([[maybe_unused]] prefix_input& in) noexcept {
    if constexpr (!whole) {
      for (int u = registers_of(live_); u < group_registers; ++u) {
        in.z[u] = in.allowance[u] = in.weight[u] = V(0);
        keeps_[u] = marks_.clamped[u] = marks_.capped[u] = marks_.not_teaching[u] = marks_.held[u] = V(0) < V(0);
      }
    }
  }
  /// x, and +0 where there is no token.
  CPPO_ALWAYS_INLINE V there(int u, V x) const noexcept {
    if constexpr (whole) return x;
    else return only(alive_[u], x);
  }

  /// What a token has before its prefix is known: weight, Z, allowance and rho.
  CPPO_ALWAYS_INLINE void weigh(int u, prefix_input& to, simd_counts& counts, simd_reporter& reporter) noexcept {
    with_.input.see(in_, k_ + u * simd_size);
    if constexpr (!whole) alive_[u] = position<V>(u * simd_size + 1).before() < V(live_);
    position<V> const p(first_ + u * simd_size);
    V const weight = with_.weigh(p);
    t_[u].set_weight(p, *with_.whole, weight);
    if constexpr (has_folds<Region>) t_[u].set_folds(with_.folds, in_.rank + k_ + u * simd_size);
    if constexpr (walks) ratio_[u] = t_[u].ratio();
    V const z = there(u, t_[u].weighted_divergence());
    to.weight[u] = there(u, weight);
    to.z[u] = z;
    to.allowance[u] = there(u, weight * V(with_.whole->delta_b));
    surrogate_product<V> const product =
        with_.objective.product(t_[u], lanes_at(in_.weighted_advantage, k_ + u * simd_size));
    value_[u] = product.value;
    marks_.clamped[u] = product.clamped;
    marks_.capped[u] = product.capped;
    if constexpr (reports(Report)) report_input(u, z, product, counts, reporter);
  }
  CPPO_ALWAYS_INLINE void report_input(int u, V z, surrogate_product<V> const& product, simd_counts& counts,
                                       simd_reporter& reporter) noexcept {
    ratio_estimates<V> const estimates = with_.objective.estimates(t_[u], product);
    V const d = t_[u].divergence(), ratio = there(u, product.ratio);
    reporter.add(u, there(u, d), z, ratio, {there(u, estimates.log_ratio), there(u, estimates.k3)});
    if constexpr (whole) counts.see(d, ratio);
    else counts.see(select(alive_[u], d, V(-divergence_limit)), ratio);
  }
  /// Decides the tokens of a register, and writes the loss and gradient that follow.
  CPPO_ALWAYS_INLINE void keep(int u, [[maybe_unused]] prefix_values const& seen, chunk_outputs const& out,
                               simd_reporter& reporter) noexcept {
    if constexpr (!reads_prefix<Region>) {
      keep(u, t_[u], out, reporter);
    } else if constexpr (asks_at_run_time<Region>) {
      if (asks_for(with_.region, needs::prefix_values))
        t_[u].set_prefix(seen.drift[u], seen.weight[u], seen.allowance[u]);
      keep(u, t_[u], out, reporter);
    } else {
      token<V> t = t_[u];  // a copy: of the prefix, what nobody asks for is not computed
      t.set_prefix(seen.drift[u], seen.weight[u], seen.allowance[u]);
      keep(u, t, out, reporter);
    }
  }
  CPPO_ALWAYS_INLINE void keep(int u, token<V> const& t, chunk_outputs const& out, simd_reporter& reporter) noexcept {
    Region const& region = with_.region;
    auto const kept = region.keeps(t);
    V gate(0);
    if constexpr (soft) gate = region.gate_value(t, kept);
    write(u, t, kept, gate, out, reporter);
    if constexpr (reports(Report)) {
      region.each_decision(t, kept, note_at(u));
      mark(u, t);
    }
  }
  /// What notes the decisions of a register for the report.
  CPPO_ALWAYS_INLINE auto note_at(int u) noexcept {
    return [this, u](decision d, V::mask those) CPPO_INLINE_LAMBDA { marks_.decided[static_cast<int>(d)][u] = those; };
  }
  /// Decides all registers. Returns the masks as bits.
  CPPO_ALWAYS_INLINE std::uint64_t keep_all(prefix_input const& in, chunk_outputs const& out,
                                            simd_reporter& reporter) noexcept {
    if constexpr (walks) return keep_walked(in, out, reporter);
    else if constexpr (together) return keep_together(in, out, reporter);
    else return keep_each(in, out, reporter);
  }
  CPPO_ALWAYS_INLINE std::uint64_t keep_each([[maybe_unused]] prefix_input const& in, chunk_outputs const& out,
                                             simd_reporter& reporter) noexcept {
    prefix_values seen;
    advance(in, seen);
    each([&](int u) CPPO_INLINE_LAMBDA { keep(u, seen, out, reporter); });
    return lane_bits(keeps_);
  }
  /// Advances the prefix, if the region asks for it, and says which tokens fit its budget.
  CPPO_ALWAYS_INLINE void advance([[maybe_unused]] prefix_input const& in,
                                  [[maybe_unused]] prefix_values& seen) noexcept {
    [[maybe_unused]] V::mask fits[group_registers];
    if constexpr (scans_prefix<Region>) {
      if (asks_for(with_.region, needs::prefix_budget | needs::prefix_values)) {
        if constexpr (reads_prefix<Region>) with_.prefix.advance(in.z, in.allowance, in.weight, fits, seen);
        else with_.prefix.advance(in.z, in.allowance, fits);
        each([&](int u) CPPO_INLINE_LAMBDA { t_[u].set_within_prefix_budget(fits[u]); });
      } else if constexpr (reads_prefix<Region>) {
        each_register([&](int u) { seen.drift[u] = seen.weight[u] = seen.allowance[u] = V(0); });
      }
    }
  }
  /// The same of a region whose mask and losses are data: their nodes are looked at once for all registers.
  CPPO_ALWAYS_INLINE std::uint64_t keep_together(prefix_input const& in, chunk_outputs const& out,
                                                 simd_reporter& reporter) noexcept {
    Region const& region = with_.region;
    prefix_values seen;
    advance(in, seen);
    if (asks_for(region, needs::prefix_values)) {
      each([&](int u) CPPO_INLINE_LAMBDA { t_[u].set_prefix(seen.drift[u], seen.weight[u], seen.allowance[u]); });
    }
    group_walk<Region> walk(region, t_, registers_of(live_));
    V gates[group_registers];
    each([&](int u) CPPO_INLINE_LAMBDA {
      keeps_[u] = walk.kept(u);
      gates[u] = walk.gate(u, keeps_[u]);
      if constexpr (reports(Report)) {
        walk.each_decision(u, keeps_[u], note_at(u));
        mark(u, t_[u]);
      }
    });
    bool const walks_losses = owns_surrogate(region);
    if (walks_losses) walk.run_losses(with_.objective);
    each([&](int u) CPPO_INLINE_LAMBDA {
      if (!walks_losses) return write(u, t_[u], keeps_[u], gates[u], out, reporter);
      own_terms<V> const terms = walk.terms(with_.objective, u, gates[u], token_weight(u), with_.scale);
      put_terms(u, gates[u], watched(u, terms), out, reporter);
    });
    return lane_bits(keeps_);
  }
  /// The same, by one walk through the steps of the mask.
  CPPO_ALWAYS_INLINE std::uint64_t keep_walked(prefix_input const& in, chunk_outputs const& out,
                                               simd_reporter& reporter) noexcept {
    asked_group asked;
    ask(in, asked);
    auto const walked = with_.region.walk(asked);
    each([&](int u) CPPO_INLINE_LAMBDA {
      V::mask const kept = walked.kept.lanes(u);
      V gate(0);
      if constexpr (soft) gate = with_.region.gate_of(walked.excess.lanes(u), kept);
      write(u, t_[u], kept, gate, out, reporter);
      if constexpr (reports(Report)) mark(u, t_[u]);
    });
    if constexpr (reports(Report)) {
      with_.region.each_decision(walked, [&](decision d, group_bits those) CPPO_INLINE_LAMBDA {
        marks_.decided[static_cast<int>(d)] = those.bits;
      });
    }
    return walked.kept.bits;
  }
  /// Advances the prefix, if the mask asks for it, and puts the tokens into a group that is walked through. Registers
  /// that hold no token are as the first.
  CPPO_ALWAYS_INLINE void ask(prefix_input const& in, asked_group& asked) noexcept {
    V::mask fits[group_registers];
    if (asks_for(with_.region, needs::prefix_budget)) {
      if constexpr (reads_prefix<Region>) {
        prefix_values seen;
        with_.prefix.advance(in.z, in.allowance, in.weight, fits, seen);
        each_register([&](int u) CPPO_INLINE_LAMBDA {
          asked.set_prefix(u, seen.drift[u], seen.allowance[u]);
          if constexpr (!Region::template is_answered_by<asked_group>)
            t_[u].set_prefix(seen.drift[u], seen.weight[u], seen.allowance[u]);
        });
      } else {
        with_.prefix.advance(in.z, in.allowance, fits);
      }
      each_register([&](int u) CPPO_INLINE_LAMBDA { asked.set_within_budget(u, fits[u]); });
    }
    asked.set_response(*with_.whole);
    each([&](int u) CPPO_INLINE_LAMBDA { asked.set(u, t_[u], ratio_[u]); });
    if constexpr (!whole) {
      for (int u = registers_of(live_); u < group_registers; ++u) asked.set(u, t_[0], ratio_[0]);
    }
    if constexpr (!Region::template is_answered_by<asked_group>) asked.set_tokens(t_, registers_of(live_));
  }
  /// Writes the loss and gradient of a register whose tokens are decided.
  template <class Kept>
  CPPO_ALWAYS_INLINE void write(int u, token<V> const& t, Kept const& kept, V gate, chunk_outputs const& out,
                                simd_reporter& reporter) noexcept {
    keeps_[u] = kept;
    put_terms(u, gate, terms_of(u, t, kept, gate), out, reporter);
  }
  CPPO_ALWAYS_INLINE void put_terms(int u, V gate, surrogate_terms<V> const& terms, chunk_outputs const& out,
                                    simd_reporter& reporter) noexcept {
    int const lane = u * simd_size;
    put(out.gradient + lane, terms.gradient, out.far);
    if (out.loss != nullptr) put_lanes(out.loss, lane, terms.loss);
    if constexpr (soft) if (out.gate != nullptr) put_lanes(out.gate, lane, gate);
    if constexpr (reports(Report)) {
      reporter.add_loss(u, there(u, terms.unscaled));
      if constexpr (soft) reporter.add_gate(u, there(u, gate));
    }
  }
  /// Loss and gradient of a register whose tokens are decided.
  template <class Kept>
  CPPO_ALWAYS_INLINE surrogate_terms<V> terms_of(int u, token<V> const& t, Kept const& kept, V gate) noexcept {
    if constexpr (own && !together) if (owns_surrogate(with_.region)) {
      V const weight = token_weight(u);
      return watched(u, soft ? with_.objective.terms(with_.region, t, gate > V(0), gate, weight, with_.scale)
                             : with_.objective.terms(with_.region, t, kept, V(1), weight, with_.scale));
    }
    if constexpr (own) marks_.held[u] = V(0) < V(0);
    surrogate_product<V> const product{value_[u], V(0), marks_.clamped[u], marks_.capped[u]};
    if constexpr (soft) return with_.objective.terms(t, product, gate, with_.scale);
    else return with_.objective.terms(t, product, kept, with_.scale);
  }
  /// Notes the loss and gradient of a surrogate of the region's own.
  CPPO_ALWAYS_INLINE surrogate_terms<V> watched(int u, own_terms<V> const& terms) noexcept {
    marks_.held[u] = terms.held;
    if constexpr (reports(Report)) with_.input.see(there(u, terms.loss), there(u, terms.gradient));
    return terms;
  }
  CPPO_ALWAYS_INLINE V token_weight(int u) const noexcept {
    return lanes_at(in_.token_weight, k_ + u * simd_size, 1.0F);
  }
  /// What the report counts of the tokens of a register beside their decision.
  CPPO_ALWAYS_INLINE void mark(int u, token<V> const& t) noexcept {
    marks_.not_teaching[u] = lanes_at(in_.weighted_advantage, k_ + u * simd_size) == V(0);
    marks_.toward_rollout[u] = t.moves_toward_rollout();
    marks_.negative[u] = signs(t.advantage());
  }

  Known& with_;
  token_lanes const& in_;
  int k_, live_;
  index_t first_;
  union { token<V> t_[group_registers]; };
  V value_[group_registers], ratio_[walks ? group_registers : 1];
  V::mask alive_[group_registers], keeps_[group_registers];
  simd_marks<std::conditional_t<walks, std::uint64_t, group_mask>> marks_;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
