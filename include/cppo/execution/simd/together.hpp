/// @file
/// A group of tokens under a region whose mask and losses are data: each node is looked at once for all registers.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/prefix.hpp>
#include <cppo/execution/simd/tokens.hpp>
#include <cppo/objective/surrogate.hpp>

#include <utility>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// The walks of a group, first through the mask, then through the losses.
template <class Region>
class group_walk {
  using V = simd_lane;

 public:
  /// Decides the tokens of as many registers, whose prefix is known.
  CPPO_ALWAYS_INLINE group_walk(Region const& region, token<V>* t, int registers) noexcept
      : region_(region), t_(t), registers_(registers), keeps_all_(region.keeps_all()),
        walk_(region.walk(static_cast<token<V> const*>(t), registers)) {
    if (region.reports_only()) [[unlikely]] each([&](int u) { t_[u].hide_divergence(); });
    if (!keeps_all_) walk_.run_mask();
  }
  CPPO_ALWAYS_INLINE V::mask kept(int u) const noexcept { return keeps_all_ ? V(0) <= V(0) : walk_.kept(u); }
  CPPO_ALWAYS_INLINE V gate(int u, V::mask kept) const noexcept {
    return region_.gate().is_soft() ? region_.gate_value(t_[u], kept) : select(kept, V(1), V(0));
  }
  /// Calls f(decision, the tokens of register u with that decision).
  template <class F>
  CPPO_ALWAYS_INLINE void each_decision(int u, V::mask kept, F const& f) const noexcept {
    region_.each_decision(walk_, u, kept, f);
  }

  /// Evaluates surrogate and penalty; the tokens are clamped. After this, nothing is known of the mask.
  CPPO_ALWAYS_INLINE void run_losses(surrogate<float> const& objective) noexcept {
    each([&](int u) CPPO_INLINE_LAMBDA { objective.clamp(t_[u]); });
    walk_.run(region_.program().loss);
    if (!region_.has_penalty()) return;
    each([&](int u) { masked_[u] = walk_.loss(u); });
    walk_.run(region_.program().penalty);
  }
  /// Loss and gradient of register u.
  CPPO_ALWAYS_INLINE own_terms<V> terms(surrogate<float> const& objective, int u, V gate, V weight,
                                        V scale) const noexcept {
    surrogate_value<V> const last = walk_.loss(u);
    if (!region_.has_penalty()) return objective.terms(last, nullptr, gate > V(0), gate, weight, scale);
    return objective.terms(masked_[u], &last, gate > V(0), gate, weight, scale);
  }

 private:
  template <class F>
  CPPO_ALWAYS_INLINE void each(F const& f) const {
    for (int u = 0; u < registers_; ++u) f(u);
  }

  Region const& region_;
  token<V>* t_;
  int registers_;
  bool keeps_all_;
  using walk_type = decltype(std::declval<Region const&>().walk(std::declval<token<V> const*>(), 1));
  static_assert(walk_type::together >= group_registers, "a walk takes the registers of a group along");
  walk_type walk_;
  surrogate_value<V> masked_[group_registers];
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
