/// @file
/// A trust region whose parts are data: one type for all of them.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/described/gate.hpp>
#include <cppo/described/written.hpp>
#include <cppo/region/trust_region.hpp>

namespace cppo { inline namespace CPPO_ABI {

class described_region;

namespace detail {

/// Calls f(decision, mask of the tokens with that decision) for each decision that a described mask can come to.
/// `keeps(K)` is true where the clauses of kind K keep a token, K being a `std::integral_constant`.
template <class Clauses, class Mask, class Keeps, class F>
CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void each_decision_by(Clauses const& mask, Keeps const& keeps,
                                                                    Mask kept, F const& f) noexcept {
  auto open = !kept;
  auto const claim = [&]<clause K>(decision d, std::integral_constant<clause, K> kind) CPPO_INLINE_LAMBDA {
    if (!mask.has(K)) return;
    Mask const in = keeps(kind);
    f(d, open & !in);
    open = open & in;
  };
  claim(decision::masked_ratio, std::integral_constant<clause, clause::ratio>{});
  claim(decision::masked_divergence, std::integral_constant<clause, clause::divergence>{});
  claim(decision::masked_budget, std::integral_constant<clause, clause::budget>{});
  claim(decision::masked_response, std::integral_constant<clause, clause::response>{});
  f(decision::masked_other, open);
  if (!mask.has(clause::toward)) return f(decision::kept, kept);
  Mask const toward = keeps(std::integral_constant<clause, clause::toward>{});
  f(decision::kept_toward, kept & toward);
  f(decision::kept, kept & !toward);
}

}  // namespace detail

/// A trust region whose parts are data. It decides, weighs and reports what the region written out does, bit for bit,
/// on every executor. Trivially copyable: it holds no pointer, and is a kernel's argument.
///
/// `parse_region(text)` makes one of text, `to_text(region)` writes it, and it can be made of any region that consists
/// of the library's own parts. Its mask holds up to `described_mask::capacity` clauses and operators.
class described_region {
 public:
  using divergence_type = named_divergence;  ///< any that has a name
  using weight_type = described_weight;      ///< uniform or linear, in any order
  using mask_type = described_mask;          ///< the library's clauses
  using gate_type = described_gate;          ///< hard or reciprocal

  static constexpr bool runs_in_shapes = true;      ///< on registers: see `with_shape`
  static constexpr bool is_soft = true;             ///< its gate may be soft
  static constexpr bool has_prefix_budget = true;   ///< its mask may hold a prefix budget
  /// What some region of this type needs.
  static constexpr needs needed =
      needs::prefix_budget | needs::prefix_values | needs::response | needs::quantile;

  /// Keeps every token.
  constexpr described_region() noexcept : described_region(detail::no_region) {}
  /// The same region as data. It must consist of the library's own parts, and its mask must fit: see `fits`.
  template <class D, class W, class M, class G>
  explicit constexpr described_region(region<D, W, M, G> const& r) noexcept
      : described_region(r, detail::describe_mask(r.mask())) {}
  /// Takes the parts. `budget` gives the delta_b of the mask's prefix budget.
  constexpr described_region(named_divergence divergence, described_weight weight, described_mask const& mask,
                             described_budget budget, described_gate gate, bool reports_only) noexcept
      : divergence_(divergence), weight_(weight), mask_(mask),
        budget_(mask.has_budget() ? budget : described_budget()), gate_(gate), reports_only_(reports_only),
        asks_(all_needs()) {}

  /// The divergence.
  CPPO_HOST_DEVICE constexpr named_divergence const& divergence() const noexcept { return divergence_; }
  CPPO_HOST_DEVICE constexpr described_weight const& weight() const noexcept { return weight_; }  ///< weight schedule
  CPPO_HOST_DEVICE constexpr described_mask const& mask() const noexcept { return mask_; }        ///< token mask
  CPPO_HOST_DEVICE constexpr described_gate const& gate() const noexcept { return gate_; }        ///< gate
  CPPO_HOST_DEVICE constexpr described_budget const& budget() const noexcept { return budget_; }  ///< gives delta_b
  /// True if the divergence is for the report alone.
  CPPO_HOST_DEVICE constexpr bool reports_only() const noexcept { return reports_only_; }
  /// True if the mask that it was made of fitted.
  CPPO_HOST_DEVICE constexpr bool fits() const noexcept { return fits_; }

  /// True if this region needs one of `wanted`.
  CPPO_HOST_DEVICE constexpr bool asks_for(needs wanted) const noexcept { return any(asks_, wanted); }
  /// The first parameter out of range, in the order divergence, weight, mask from left to right.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    parameter_check const room{fits_ && mask_.complete(), "the mask of a described_region",
                               static_cast<double>(mask_.size()),
                               "whole, and of at most 32 clauses and operators: write the region out as a type"};
    bool const drifts = mask_.has_budget() || mask_.asks_for_response();
    parameter_check const sees{!(reports_only_ && drifts), "the mask of a described_region with reports_only", 1.0,
                               "without sums, means and maxima of D: it sees no divergence"};
    return detail::first_fault({room, divergence_.check(), weight_.check(), mask_.check(budget_), sees});
  }
  /// True if the token is kept.
  template <class V>
  CPPO_HOST_DEVICE constexpr typename V::mask keeps(token<V> const& t) const noexcept {
    return mask_(seen(t));
  }
  /// How far beyond its boundary the token is. [Eq. 19]
  template <class V>
  CPPO_HOST_DEVICE constexpr V excess(token<V> const& t) const noexcept {
    return mask_.excess(seen(t));
  }
  /// The factor on the token's loss, where `kept` is what `keeps(t)` has returned.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V gate_value(token<V> const& t, typename V::mask kept) const noexcept {
    return gate_.is_soft() ? gate_of(excess(t), kept) : select(kept, V(1), V(0));
  }
  /// The same from the token's excess, which is used only if the gate is soft.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V gate_of(V x, typename V::mask kept) const noexcept {
    if (!gate_.is_soft()) return select(kept, V(1), V(0));
    return select(kept, V(1), select(x < detail::excess_limit<V>(), gate_(x), V(0)));
  }
  /// delta_b of a response from its statistics, brought into [0, 1000]; NaN counts as 0. 0 without a prefix budget.
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve_budget(Statistics const& statistics) const noexcept {
    if (!mask_.has_budget()) return 0.0;
    double const b = budget_.resolve(statistics);
    return b > 0.0 ? (b < divergence_limit ? b : divergence_limit) : 0.0;
  }
  /// c_t: the smaller of the threshold on Z_t and of `room`; 1000 if there is neither. [Eq. 8]
  template <class V>
  CPPO_HOST_DEVICE constexpr V threshold(token<V> const& t, V room) const noexcept {
    V const c = mask_.has_budget() ? room : V(divergence_limit);
    return mask_.has_one_threshold() ? min(c, mask_.threshold(t)) : c;
  }
  /// Calls f(decision, mask of the tokens with that decision) for each decision that the mask can come to, given
  /// `keeps(t)`.
  template <class V, class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void each_decision(token<V> const& t, typename V::mask kept,
                                                                   F const& f) const noexcept {
    token<V> const as_seen = seen(t);
    auto const walked = mask_.template walk<described_mask::with_excess::no>(detail::asked_token<V>{as_seen});
    auto const keeps = [&]<clause K>(std::integral_constant<clause, K>) CPPO_INLINE_LAMBDA {
      return walked.clauses[static_cast<int>(K)];
    };
    detail::each_decision_by(mask_, keeps, kept, f);
  }
  /// The number of the token's `decision`, given `keeps(t)`.
  template <class V>
  CPPO_HOST_DEVICE constexpr V decided_by(token<V> const& t, typename V::mask kept) const noexcept {
    V code(0);
    each_decision(t, kept, [&code](decision d, auto taken) { code = select(taken, V(static_cast<int>(d)), code); });
    return code;
  }
  /// True if a threshold masks nothing, whatever the divergences.
  constexpr bool has_threshold_out_of_reach() const noexcept {
    return mask_.out_of_reach(reports_only_ ? 0.0 : detail::largest_divergence(divergence_), budget_);
  }
  /// The initial slack delta of the prefix budget; 0 without one.
  CPPO_HOST_DEVICE constexpr double budget_slack() const noexcept { return mask_.slack(); }

  /// True if both are made of the same parts with the same numbers.
  friend constexpr bool operator==(described_region const&, described_region const&) noexcept = default;
  /// Calls f(argument) for each input that a part of the region reads.
  template <class F>
  friend constexpr void each_input_of(described_region const& r, F const& f) {
    detail::each_input(r.divergence(), f);
  }

 protected:
  /// The token as mask and gate see it: without a divergence that is for the report alone.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr token<V> seen(token<V> t) const noexcept {
    if (reports_only_) [[unlikely]] t.hide_divergence();
    return t;
  }

 private:
  template <class D, class W, class M, class G>
  constexpr described_region(region<D, W, M, G> const& r, detail::mask_description const& m) noexcept
      : divergence_(detail::describe_divergence(r.divergence())), weight_(detail::describe_weight(r.weight())),
        mask_(m.mask), budget_(m.budget), gate_(r.gate()), reports_only_(detail::reports_only<D>), fits_(m.fits),
        asks_(all_needs()) {}
  constexpr needs all_needs() const noexcept {
    needs mine = needs::none;
    if (mask_.has_budget()) mine = mine | needs::prefix_budget;
    if (mask_.has_budget() && gate_.is_soft()) mine = mine | needs::prefix_values;
    if (mask_.asks_for_response()) mine = mine | needs::response;
    if (mask_.has_budget() && budget_.calibrated()) mine = mine | needs::quantile;
    return mine;
  }

  named_divergence divergence_;
  described_weight weight_;
  described_mask mask_;
  described_budget budget_;
  described_gate gate_;
  bool reports_only_ = false, fits_ = true;
  needs asks_ = needs::none;
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
