/// @file
/// A trust region: divergence, weight, mask, gate and surrogate in one value, which every executor runs.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/reported.hpp>
#include <cppo/divergence/none.hpp>
#include <cppo/fold/levels.hpp>
#include <cppo/gate/gates.hpp>
#include <cppo/mask/leaves.hpp>
#include <cppo/mask/prefix_budget.hpp>
#include <cppo/quantity/quantity.hpp>
#include <cppo/region/parts.hpp>
#include <cppo/weight/uniform.hpp>

#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

/// A trust region. Trivially copyable: a value on the stack, or a kernel argument.
///
///     Z_t = w_t D_t
///     M_t = mask(token)                            hard [Eq. 10]
///     M_t = 1 if mask(token), else g(excess)       soft [App. C]
///     l_t = M_t S(token) + P(token)                S = -A rho and P = 0 unless `objective` says otherwise
template <divergence_score D, weight_schedule W, token_mask M, gate G = hard_gate_t,
          token_surrogate S = surrogates::ratio_form_t, token_surrogate P = surrogates::nothing_t>
class region : detail::region_surrogates<S, P> {
  using surrogates_of = detail::region_surrogates<S, P>;

 public:
  using divergence_type = D;  ///< how far pi is from mu
  using weight_type = W;      ///< how much a position counts
  using mask_type = M;        ///< which tokens are kept
  using gate_type = G;        ///< the share of an update that survives beyond the boundary
  using surrogate_type = S;   ///< the loss of a token that is kept
  using penalty_type = P;     ///< the loss of every token, kept or not

  /// True if the loss is another than -A rho M, which `loss_options::surrogate` describes.
  static constexpr bool has_own_surrogate =
      !(std::is_same_v<S, surrogates::ratio_form_t> && std::is_same_v<P, surrogates::nothing_t>);
  /// True if the gate is soft.
  static constexpr bool is_soft = !std::is_same_v<G, hard_gate_t>;
  /// Union of what the parts need.
  static constexpr needs needed = detail::needs_of<D> | detail::needs_of<W> | detail::needs_of<M> |
                                  detail::needs_of<S> | detail::needs_of<P> |
                                  (is_soft ? needs::prefix_values : needs::none);
  /// True if the mask holds a prefix budget, negated or not.
  static constexpr bool has_prefix_budget = detail::prefix_budgets<M> > 0;
  /// The folds that its parts hold, how many are one inside the other, and whether one takes more than a response.
  /// @{
  static constexpr int folds = detail::folds_in<M>() + detail::folds_in<S>() + detail::folds_in<P>();
  static constexpr int fold_levels =
      detail::deepest(detail::level_of<M>(), detail::level_of<S>(), detail::level_of<P>());
  static constexpr bool reads_batch = detail::folds_more_than_a_response<M>() ||
                                      detail::folds_more_than_a_response<S>() ||
                                      detail::folds_more_than_a_response<P>();
  /// @}
  static_assert(detail::together<D, M, detail::pair_of<S, P>>::fit,
                "make a region by trust_region(divergence, weight, mask), which says what is wrong with this one");

 private:
  using numbered = quantities::both<M, quantities::both<S, P>>;  // the parts that may hold folds

 public:
  /// Takes the parts. Use `trust_region`, `softened` and `objective`.
  /// @{
  constexpr region(D divergence, W weight, M mask, G gate) noexcept
      : region(divergence, weight, mask, gate, S{}, P{}) {}
  constexpr region(D divergence, W weight, M mask, G gate, S surrogate, P penalty) noexcept
      : region(divergence, weight, gate, number_folds({mask, {surrogate, penalty}})) {}
  /// @}

  /// The divergence.
  CPPO_HOST_DEVICE constexpr D const& divergence() const noexcept { return divergence_; }
  CPPO_HOST_DEVICE constexpr W const& weight() const noexcept { return weight_; }  ///< weight schedule
  CPPO_HOST_DEVICE constexpr M const& mask() const noexcept { return mask_; }      ///< token mask
  CPPO_HOST_DEVICE constexpr G const& gate() const noexcept { return gate_; }      ///< gate
  /// The loss of a token that is kept.
  CPPO_HOST_DEVICE constexpr S surrogate() const noexcept {
    if constexpr (has_own_surrogate) return this->masked;
    else return {};
  }
  /// The loss of every token, kept or not.
  CPPO_HOST_DEVICE constexpr P penalty() const noexcept {
    if constexpr (has_own_surrogate) return this->everywhere;
    else return {};
  }

  /// Calls f(fold) for one fold of each value that is kept, of those at a level, which count from 1; and for one of
  /// each state.
  /// @{
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <int Level, class F>
  CPPO_HOST_DEVICE constexpr void each_value_at(F const& f) const noexcept {
    int next = 0;
    each_part([&](auto const& part) { detail::each_value_at<Level>(part, next, f); });
  }
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <int Level, class F>
  CPPO_HOST_DEVICE constexpr void each_state_at(F const& f) const noexcept {
    int next = 0;
    each_part([&](auto const& part) { detail::each_state_at<Level>(part, next, f); });
  }
  /// @}

  /// The first parameter out of range, in the order divergence, weight, mask from left to right, gate, surrogate,
  /// penalty.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(divergence_), detail::parameters_of(weight_),
                                detail::parameters_of(mask_), detail::parameters_of(gate_),
                                detail::parameters_of(surrogate()), detail::parameters_of(penalty())});
  }
  /// True if the token is kept.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr typename V::mask keeps(token<V> const& t) const noexcept {
    return mask_(seen(t));
  }
  /// How far beyond its boundary the token is. [Eq. 19]
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V excess(token<V> const& t) const noexcept {
    return detail::excess_of(mask_, seen(t));
  }
  /// The factor on the token's loss, where `kept` is what `keeps(t)` has returned: 1 if the token is kept. If it is
  /// masked, the gate of its excess; 0 if the region has no soft gate, or the mask that masks it no `excess`.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V gate_value(token<V> const& t, typename V::mask kept) const noexcept {
    if constexpr (!is_soft) {
      return select(kept, V(1), V(0));
    } else {
      V const x = excess(t);
      return select(kept, V(1), select(x < detail::excess_limit<V>(), gate_(x), V(0)));
    }
  }
  /// delta_b of a response from its statistics, brought into [0, 1000]; NaN counts as 0. Returns 0 without a prefix
  /// budget.
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class Statistics>
  CPPO_HOST_DEVICE constexpr double resolve_budget(Statistics const& statistics) const noexcept {
    if constexpr (!has_prefix_budget) return 0.0;
    else {
      double const b = detail::leaf<detail::is_prefix_budget>(mask_).source().resolve(statistics);
      return b > 0.0 ? (b < divergence_limit ? b : divergence_limit) : 0.0;
    }
  }
  /// c_t: the smaller of the threshold on Z_t and of `room` = delta + delta_b W_{t-1} - S_{t-1}, which is what the
  /// prefix leaves; 1000 if there is neither. Where there are several thresholds on Z_t, none is taken. [Eq. 8]
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V threshold(token<V> const& t, V room) const noexcept {
    V c(divergence_limit);
    if constexpr (has_prefix_budget) c = room;
    if constexpr (detail::leaves<M, detail::divergence_threshold>() == 1) {
      c = min(c, detail::leaf<detail::divergence_threshold>(mask_).threshold(seen(t)));
    }
    return c;
  }
  /// Calls f(decision, mask of the tokens with that decision) for each decision that the mask can come to, given
  /// `keeps(t)`. Where a masked token fails several clauses, the first in this order decides.
  template <class V, class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void each_decision(token<V> const& t, typename V::mask kept,
                                                                   F const& f) const noexcept {
    auto open = !kept;
    claim<clause::ratio>(decision::masked_ratio, t, open, f);
    claim<clause::divergence>(decision::masked_divergence, t, open, f);
    claim<clause::budget>(decision::masked_budget, t, open, f);
    claim<clause::response>(decision::masked_response, t, open, f);
    f(decision::masked_other, open);
    if constexpr (detail::leaves<M, clause::toward>() > 0) {
      auto const toward = detail::clauses_keep<clause::toward>(mask_, seen(t));
      f(decision::kept_toward, kept & toward);
      f(decision::kept, kept & !toward);
    } else {
      f(decision::kept, kept);
    }
  }
  /// The number of the token's `decision`, given `keeps(t)`.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V decided_by(token<V> const& t, typename V::mask kept) const noexcept {
    V code(0);
    each_decision(t, kept, [&code](decision d, auto taken) { code = select(taken, V(static_cast<int>(d)), code); });
    return code;
  }
  /// The initial slack delta of the prefix budget; 0 without one.
  CPPO_HOST_DEVICE constexpr double budget_slack() const noexcept {
    if constexpr (has_prefix_budget) return detail::leaf<detail::is_prefix_budget>(mask_).delta();
    else return 0.0;
  }

  /// The token as mask, gate and surrogate see it: without a divergence that is for the report alone.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr decltype(auto) seen(token<V> const& t) noexcept {
    if constexpr (!detail::reports_only<D>) {
      return (t);
    } else {
      token<V> without = t;
      without.hide_divergence();
      return without;
    }
  }
 private:
  static constexpr numbered number_folds(numbered parts) noexcept {
    if constexpr (folds > 0) return detail::with_slots(parts);
    else return parts;
  }
  constexpr region(D divergence, W weight, G gate, numbered const& parts) noexcept
      : surrogates_of{parts.right.left, parts.right.right},
        divergence_(divergence),
        weight_(weight),
        mask_(parts.left),
        gate_(gate) {}
  CPPO_CALLS_WHAT_IT_IS_GIVEN
  template <class F>
  CPPO_HOST_DEVICE constexpr void each_part(F const& f) const noexcept {
    f(mask_);
    if constexpr (has_own_surrogate) f(this->masked), f(this->everywhere);
  }
  template <clause K, class V, class F>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void claim(decision d, token<V> const& t, typename V::mask& open,
                                                           F const& f) const noexcept {
    if constexpr (detail::leaves<M, K>() > 0) {
      auto const kept = detail::clauses_keep<K>(mask_, seen(t));
      f(d, open & !kept);
      open = open & kept;
    }
  }

  D divergence_;
  W weight_;
  M mask_;
  G gate_;
};

namespace detail {
/// Calls f(argument) for each input that a part of the region reads.
template <class D, class W, class M, class G, class S, class P, class F>
constexpr void each_input_of(region<D, W, M, G, S, P> const& r, F const& f) {
  each_input(r.divergence(), f);
  each_input(r.weight(), f);
  each_input(r.mask(), f);
  each_input(r.gate(), f);
  each_input(r.surrogate(), f);
  each_input(r.penalty(), f);
}
}  // namespace detail

/// A trust region: a type made by `trust_region`, or one of the same shape.
template <class R>
concept trust_region_like = detail::trivially_copyable_value<R> && requires {
  typename R::divergence_type;
  typename R::weight_type;
  typename R::mask_type;
  typename R::gate_type;
  { R::needed } -> std::convertible_to<needs>;
};

namespace detail {
/// A region that keeps every token. It stands in for one that was refused, so that no other error follows.
using open_region = region<no_divergence_t, uniform_weight_t, keep_all_t>;
inline constexpr open_region no_region(no_divergence, uniform_weight, keep_all, hard_gate);
template <class D, class W, class M>
concept parts_in_order = divergence_score<D> && weight_schedule<W> && token_mask<M>;
}  // namespace detail

/// Makes a region of a divergence, a weight and a mask. [Eq. 10]
template <divergence_score D, weight_schedule W, token_mask M>
constexpr auto trust_region(D measure, W weight, M mask) noexcept {
  using parts = detail::together<D, M>;
  static_assert(parts::one_budget_at_most,
                "a trust region holds at most one prefix_budget: keep one, with the smaller delta and delta_b");
  static_assert(parts::has_budget_it_asks_for,
                "a mask of this trust region asks for the prefix budget, and there is none: put "
                "cppo::prefix_budget(delta, delta_b) into its mask, or ask for something else");
  static_assert(parts::has_drift_it_asks_for,
                "this mask decides by sums, means or maxima of a divergence, but the region has one for its report "
                "alone: write trust_region(divergence, weight, mask), not reporting(region, divergence)");
  if constexpr (parts::fit) return region<D, W, M>(measure, weight, mask, hard_gate);
  else return detail::no_region;
}
/// Chosen where an argument is not the part that belongs there: it does not compile, and says what is wrong.
/// @{
template <detail::any_part D, detail::any_part W, detail::any_part M>
  requires(!detail::parts_in_order<D, W, M>)
constexpr auto trust_region(D, W, M) noexcept {
  static_assert(detail::never<D>, "trust_region takes a divergence, a weight and a mask, in this order");
  return detail::no_region;
}
constexpr auto trust_region(detail::divergence_argument, detail::weight_argument, detail::mask_argument) noexcept {
  return detail::no_region;
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
