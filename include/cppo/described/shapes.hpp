/// @file
/// The shapes in which registers run a described region, so that no region pays for what it has not.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/region.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace detail {

/// Whether a described region asks for the sums of a prefix or for a weight, or may.
enum class with_prefix : bool { never, maybe };
/// A described region with a hard gate and a mask of usual shape that sees no hidden divergence: it needs no walk over
/// its steps.
template <with_prefix Prefix>
class usual_region : public described_region {
  static constexpr bool has_prefix = Prefix == with_prefix::maybe;

 public:
  using shape_of = described_region;  ///< what it is a shape of
  using weight_type = std::conditional_t<has_prefix, described_weight, uniform_weight_t>;
  static constexpr bool is_soft = false;
  static constexpr bool has_prefix_budget = has_prefix;
  static constexpr needs needed =
      has_prefix ? needs::prefix_budget | needs::response | needs::quantile : needs::response;
  explicit constexpr usual_region(described_region const& r) noexcept : described_region(r) {}

  constexpr weight_type weight() const noexcept {
    if constexpr (has_prefix) return described_region::weight();
    else return uniform_weight;
  }
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask keeps(token<V> const& t) const noexcept {
    return mask().keeps_usual(t, has_prefix && mask().has_budget());
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
/// Any other: its mask is walked through, step by step.
class unusual_region : public described_region {
 public:
  using shape_of = described_region;       ///< what it is a shape of
  static constexpr bool walks_steps = true;  ///< registers are decided in groups
  explicit constexpr unusual_region(described_region const& r) noexcept : described_region(r) {}

  template <class V, std::size_t N>
  using walked = described_mask::walked<V, N>;
  /// Decides the tokens of N registers.
  template <class V, std::size_t N>
  constexpr void walk(token<V> const (&t)[N], walked<V, N>& w) const noexcept {
    if (!reports_only()) [[likely]] return walk_seen(t, w);
    token<V> hidden[N];
    for (std::size_t u = 0; u < N; ++u) hidden[u] = seen(t[u]);
    walk_seen(hidden, w);
  }
  /// Calls f(decision, its tokens) for register u.
  template <class V, std::size_t N, class F>
  CPPO_ALWAYS_INLINE constexpr void each_decision(walked<V, N> const& w, int u, F const& f) const noexcept {
    auto const keeps = [&](auto k) CPPO_INLINE_LAMBDA { return w.clauses[static_cast<int>(k())][u]; };
    each_decision_by(mask(), keeps, w.kept[u], f);
  }

 private:
  template <class V, std::size_t N>
  constexpr void walk_seen(token<V> const (&t)[N], walked<V, N>& w) const noexcept {
    if (gate().is_soft()) mask().template walk<described_mask::with_excess::yes>(t, w);
    else mask().template walk<described_mask::with_excess::no>(t, w);
  }
};

/// f(r in the shape that fits).
template <class F>
auto with_shape(described_region const& r, F const& f) {
  bool const hides = r.reports_only() && r.mask().has(clause::divergence);
  bool const usual = r.mask().is_usual() && !hides && !r.gate().is_soft();
  bool const flat = !r.mask().has_budget() && r.weight() == described_weight(uniform_weight);
  if (usual && flat) return f(usual_region<with_prefix::never>(r));
  if (usual) return f(usual_region<with_prefix::maybe>(r));
  return f(unusual_region(r));
}

}  // namespace detail
}}  // namespace cppo

#include <cppo/macros_on.inc>
