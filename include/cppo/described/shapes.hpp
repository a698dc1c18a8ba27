/// @file
/// The shapes in which registers run a described region, so that no region pays for what it has not.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/region.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// A described region with a hard gate, no weights, and a mask of usual shape that has no prefix budget and sees no
/// hidden divergence: it needs no walk over its steps.
class usual_region : public described_region {
 public:
  using shape_of = described_region;       ///< what it is a shape of
  using weight_type = uniform_weight_t;
  static constexpr bool is_soft = false;
  static constexpr bool has_prefix_budget = false;
  static constexpr needs needed = needs::response;
  explicit constexpr usual_region(described_region const& r) noexcept : described_region(r) {}

  constexpr weight_type weight() const noexcept { return uniform_weight; }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask keeps(token<V> const& t) const noexcept {
    return mask().keeps_usual(t);
  }
  template <class V, class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void each_decision(token<V> const& t, typename V::mask kept,
                                                                   F const& f) const noexcept {
    auto const keep = [&]<clause K>(std::integral_constant<clause, K>) CPPO_INLINE_LAMBDA {
      return mask().template clauses_keep<K>(t);
    };
    each_decision_by(mask(), keep, kept, f);
  }
};
/// Any other: its mask is walked through, step by step, for all registers of a group at once. The gate is soft if the
/// walk finds the excess.
template <with_excess Excess>
class walked_region : public described_region {
 public:
  using shape_of = described_region;       ///< what it is a shape of
  static constexpr bool walks_steps = true;  ///< registers are decided in groups
  static constexpr bool is_soft = Excess == with_excess::yes;
  static constexpr needs needed = needs::prefix_budget | needs::response | needs::quantile |
                                  (is_soft ? needs::prefix_values : needs::none);
  explicit constexpr walked_region(described_region const& r) noexcept : described_region(r) {}

  /// Decides a group of tokens.
  template <class Asked>
  constexpr walked_steps<Asked> walk(Asked& tokens) const noexcept {
    if (reports_only()) [[unlikely]] tokens.hide_divergence();
    return mask().template walk<Excess>(tokens);
  }
  /// True if `Asked` knows every clause there is.
  template <class Asked>
  static constexpr bool is_answered_by = described_mask::is_answered_by<Asked>;
  /// Calls f(decision, what has it) for what a walk has found.
  template <class Asked, class F>
  CPPO_ALWAYS_INLINE constexpr void each_decision(walked_steps<Asked> const& w, F const& f) const noexcept {
    auto const keeps = [&](auto k) CPPO_INLINE_LAMBDA { return w.clauses[static_cast<int>(k())]; };
    each_decision_by(mask(), keeps, w.kept, f);
  }
};

/// f(r in the shape that fits).
template <class F>
auto with_shape(described_region const& r, F const& f) {
  bool const hides = r.reports_only() && r.mask().has(clause::divergence);
  bool const usual = r.mask().is_usual() && !hides;
  bool const flat = !r.mask().has_budget() && r.weight() == described_weight(uniform_weight);
  if (r.gate().is_soft()) return f(walked_region<with_excess::yes>(r));
  if (usual && flat) return f(usual_region(r));
  return f(walked_region<with_excess::no>(r));
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
