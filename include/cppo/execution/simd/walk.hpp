/// @file
/// A group of tokens as a walk through the steps of a mask asks about it: what a clause keeps is a bit for each token.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/execution/simd/prefix.hpp>
#include <cppo/mask/divergence_within.hpp>
#include <cppo/mask/prefix_budget.hpp>
#include <cppo/mask/ratio_within.hpp>
#include <cppo/mask/response_within.hpp>
#include <cppo/mask/toward_rollout.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace detail {

/// Tokens of a group, a bit for each.
struct group_bits {
  std::uint64_t bits;
  CPPO_ALWAYS_INLINE friend group_bits operator&(group_bits a, group_bits b) noexcept { return {a.bits & b.bits}; }
  CPPO_ALWAYS_INLINE friend group_bits operator|(group_bits a, group_bits b) noexcept { return {a.bits | b.bits}; }
  CPPO_ALWAYS_INLINE friend group_bits operator!(group_bits a) noexcept { return {~a.bits}; }
  /// Those of register u.
  CPPO_ALWAYS_INLINE simd_lane::mask lanes(int u) const noexcept {
    alignas(64) static constexpr std::int32_t lane[16] = {1 << 0, 1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,
                                                          1 << 6, 1 << 7, 1 << 8,  1 << 9,  1 << 10, 1 << 11,
                                                          1 << 12, 1 << 13, 1 << 14, 1 << 15};
    using ints = simd_ops::ints;
    ints const here = ints(static_cast<std::int32_t>(bits >> (u * simd_size) & 0xffffU)) & ints::load_unaligned(lane);
    return simd_lane::from_raw(simd_ops::to_number(here)) > simd_lane(0);
  }
};

/// A number for each token of a group. Not as lanes, of which g++ clears a stack in a function that may be constexpr.
struct group_numbers {
  simd_register of[group_registers];

  CPPO_ALWAYS_INLINE simd_lane lanes(int u) const noexcept { return simd_lane::from_raw(of[u]); }
  /// f(u) of each register.
  template <class F>
  CPPO_ALWAYS_INLINE static group_numbers each(F const& f) noexcept {
    group_numbers x;
    each_register([&](int u) CPPO_INLINE_LAMBDA { x.of[u] = f(u).raw(); });
    return x;
  }
  CPPO_ALWAYS_INLINE friend group_numbers max(group_numbers const& a, group_numbers const& b) noexcept {
    return each([&](int u) CPPO_INLINE_LAMBDA { return max(a.lanes(u), b.lanes(u)); });
  }
  CPPO_ALWAYS_INLINE friend group_numbers min(group_numbers const& a, group_numbers const& b) noexcept {
    return each([&](int u) CPPO_INLINE_LAMBDA { return min(a.lanes(u), b.lanes(u)); });
  }
};

/// A group of tokens, as far as the library's clauses ask. Copies: nothing points to what a group keeps in registers.
/// A clause that somebody added, of which it knows nothing, sees the tokens themselves.
class asked_group {
  using V = simd_lane;

 public:
  using truth = group_bits;
  using number = group_numbers;

  /// Puts the tokens of a register in their place. `ratio` is their rho.
  CPPO_ALWAYS_INLINE void set(int u, token<V> const& t, V ratio) noexcept {
    ratio_[u] = ratio;
    z_[u] = t.weighted_divergence();
    advantage_[u] = t.advantage();
    toward_[u] = t.moves_toward_rollout();
  }
  /// Whether they fit the prefix budget; only where the mask has one.
  CPPO_ALWAYS_INLINE void set_within_budget(int u, V::mask fits) noexcept { fits_[u] = fits; }
  /// The prefix sums before them; only where the gate is soft too.
  CPPO_ALWAYS_INLINE void set_prefix(int u, V drift, V allowance) noexcept {
    drift_[u] = drift;
    allowance_[u] = allowance;
  }
  /// Their response.
  CPPO_ALWAYS_INLINE void set_response(response_summary const& whole) noexcept { response_ = &whole; }
  /// The tokens, of which the first `registers` hold any; only where a clause asks them itself.
  CPPO_ALWAYS_INLINE void set_tokens(token<V>* tokens, int registers) noexcept {
    tokens_ = tokens;
    registers_ = registers;
  }
  void hide_divergence() noexcept {
    for (int u = 0; u < group_registers; ++u) z_[u] = drift_[u] = V(0);
    for (int u = 0; u < registers_; ++u) tokens_[u].hide_divergence();
  }

  static truth always() noexcept { return {~std::uint64_t{0}}; }

 private:
  /// The tokens that a clause keeps, of what was set.
  /// @{
  CPPO_ALWAYS_INLINE truth kept_by(keep_all_t) const noexcept { return always(); }
  CPPO_ALWAYS_INLINE truth kept_by(keep_none_t) const noexcept { return !always(); }
  CPPO_ALWAYS_INLINE truth kept_by(toward_rollout_t) const noexcept { return {lane_bits(toward_)}; }
  template <class Budget>
  CPPO_ALWAYS_INLINE truth kept_by(prefix_budget_t<Budget> const&) const noexcept {
    return {lane_bits(fits_)};
  }
  CPPO_ALWAYS_INLINE truth kept_by(ratio_within_t const& c) const noexcept {
    return where([&](int u) CPPO_INLINE_LAMBDA { return c.holds(ratio_[u]); });
  }
  CPPO_ALWAYS_INLINE truth kept_by(divergence_within_t const& c) const noexcept {
    return where([&](int u) CPPO_INLINE_LAMBDA { return c.holds(z_[u], advantage_[u]); });
  }
  CPPO_ALWAYS_INLINE truth kept_by(response_max_within_t const& c) const noexcept {
    V const largest(response_->max_divergence);
    return where([&](int) CPPO_INLINE_LAMBDA { return c.holds(largest); });
  }
  CPPO_ALWAYS_INLINE truth kept_by(response_mean_within_t const& c) const noexcept {
    V const mean(response_->mean_divergence());
    return where([&](int) CPPO_INLINE_LAMBDA { return c.holds(mean); });
  }
  /// @}
  /// How far the tokens are beyond the boundary of a clause, of what was set.
  /// @{
  template <class Clause>
  CPPO_ALWAYS_INLINE number excess_beyond(Clause const& c) const noexcept {
    return excess_unless(kept_by(c));
  }
  CPPO_ALWAYS_INLINE number excess_beyond(toward_rollout_t) const noexcept {
    return number::each([&](int u) CPPO_INLINE_LAMBDA { return select(toward_[u], V(0), excess_limit<V>()); });
  }
  template <class Budget>
  CPPO_ALWAYS_INLINE number excess_beyond(prefix_budget_t<Budget> const& c) const noexcept {
    return number::each([&](int u) CPPO_INLINE_LAMBDA { return c.excess_of(drift_[u], z_[u], allowance_[u]); });
  }
  CPPO_ALWAYS_INLINE number excess_beyond(ratio_within_t const& c) const noexcept {
    return number::each([&](int u) CPPO_INLINE_LAMBDA { return c.excess_of(ratio_[u]); });
  }
  CPPO_ALWAYS_INLINE number excess_beyond(divergence_within_t const& c) const noexcept {
    return number::each([&](int u) CPPO_INLINE_LAMBDA { return c.excess_of(z_[u], advantage_[u]); });
  }
  CPPO_ALWAYS_INLINE number excess_beyond(response_max_within_t const& c) const noexcept {
    V const x = c.excess_of(V(response_->max_divergence));
    return number::each([&](int) CPPO_INLINE_LAMBDA { return x; });
  }
  CPPO_ALWAYS_INLINE number excess_beyond(response_mean_within_t const& c) const noexcept {
    V const x = c.excess_of(V(response_->mean_divergence()));
    return number::each([&](int) CPPO_INLINE_LAMBDA { return x; });
  }
  /// @}

  /// The tokens for which f(u) holds, by registers.
  template <class F>
  CPPO_ALWAYS_INLINE static truth where(F const& f) noexcept {
    V::mask kept[group_registers];
    each_register([&](int u) CPPO_INLINE_LAMBDA { kept[u] = f(u); });
    return {lane_bits(kept)};
  }

 public:
  /// True if what was set tells what a clause keeps. (A parameter, because the class is not complete here.)
  template <class Clause, class Group = asked_group>
  static constexpr bool knows = requires(Group const& g, Clause const& c) { g.kept_by(c); };
  /// The tokens that a clause keeps.
  template <class Clause>
  CPPO_ALWAYS_INLINE truth keeps(Clause const& c) const noexcept {
    if constexpr (knows<Clause>) return kept_by(c);
    else return where([&](int u) CPPO_INLINE_LAMBDA { return c(tokens(u)); });
  }
  /// How far the tokens are beyond the boundary of a clause.
  template <class Clause>
  CPPO_ALWAYS_INLINE number excess(Clause const& c) const noexcept {
    if constexpr (knows<Clause>) return excess_beyond(c);
    else return number::each([&](int u) CPPO_INLINE_LAMBDA { return excess_of(c, tokens(u)); });
  }
  CPPO_ALWAYS_INLINE static number excess_unless(truth kept) noexcept {
    return number::each([&](int u) CPPO_INLINE_LAMBDA { return select(kept.lanes(u), V(0), excess_limit<V>()); });
  }

 private:
  /// Of a register; where it holds none, those of the first.
  CPPO_ALWAYS_INLINE token<V> const& tokens(int u) const noexcept { return tokens_[u < registers_ ? u : 0]; }

  V ratio_[group_registers], z_[group_registers], advantage_[group_registers];
  V drift_[group_registers], allowance_[group_registers];
  V::mask toward_[group_registers], fits_[group_registers];
  response_summary const* response_ = nullptr;
  token<V>* tokens_ = nullptr;
  int registers_ = 0;
};

}}}  // namespace cppo::detail

#include <cppo/macros_on.inc>
