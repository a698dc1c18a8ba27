/// @file
/// The loss of one token and its derivative. [Eq. 11]
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/single_sample.hpp>
#include <cppo/surrogate/surrogate.hpp>

#include <limits>
#include <type_traits>

namespace cppo { inline namespace CPPO_ABI {

/// Which function of log pi is differentiated. M, rho and A are those of the token; sg(x) is a constant to the
/// gradient.
enum class surrogate_form : std::uint8_t {
  ratio,      ///< l = -M rho A, gradient -M rho A [Eq. 11]
  reinforce,  ///< l = -M sg(rho) A log pi, the same gradient
};

/// How rho enters the loss.
struct surrogate_options {
  surrogate_form form = surrogate_form::ratio;  ///< which loss
  /// rho is exp(clamp(log rho, -c, c)). In the ratio form the gradient is 0 where |log rho| > c. 0 switches it off.
  double log_ratio_clamp = 20.0;
  /// rho is min(rho, cap), and the cap is a constant to the gradient: where it binds the gradient is 0 in the ratio
  /// form and -cap A in the REINFORCE form. 0 switches it off.
  double ratio_cap = 0.0;

  /// Checks that both values are in range.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({
        {form <= surrogate_form::reinforce, "surrogate.form", static_cast<double>(form),
         "a value of surrogate_form: ratio is the default"},
        {log_ratio_clamp >= 0.0 && log_ratio_clamp <= 86.0, "surrogate.log_ratio_clamp", log_ratio_clamp,
         "in [0, 86]: 0 switches the clamp off"},
        {ratio_cap >= 0.0 && ratio_cap <= 1e30, "surrogate.ratio_cap", ratio_cap,
         "in [0, 1e30]: 0 switches the cap off"}});
  }
};

/// What a token adds to the objective. The scale is that of the aggregation.
template <class V>
struct surrogate_terms {
  V loss;      ///< l_t, times the scale
  V gradient;  ///< d l_t / d log pi_t, times the scale
  V unscaled;  ///< l_t
};

/// The same of a region with a surrogate of its own.
template <class V>
struct own_terms : surrogate_terms<V> {
  typename V::mask held;  ///< the token is kept, and the surrogate's slope is 0
};

/// The factors of a token's loss that do not depend on the mask.
template <class V>
struct surrogate_product {
  V value;                      ///< rho A, where rho is clamped and capped
  V ratio;                      ///< rho after the clamp, before the cap
  typename V::mask clamped;     ///< |log rho| > c
  typename V::mask capped;      ///< rho > cap
};

/// The log ratio and k3 as reports sum them, after the clamp.
template <class V>
struct ratio_estimates {
  V log_ratio;  ///< log rho
  V k3;         ///< rho - 1 - log rho
};

namespace detail {

/// True if this region, whose loss is another, has a penalty.
template <class R>
CPPO_HOST_DEVICE constexpr bool has_penalty([[maybe_unused]] R const& region) noexcept {
  if constexpr (requires { region.has_penalty(); }) return region.has_penalty();
  else return !std::is_same_v<typename R::penalty_type, surrogates::nothing_t>;
}

}  // namespace detail

/// The surrogate of a call, with its constants rounded once to the arithmetic of the call.
template <class Real>
class surrogate {
 public:
  /// Pre: `o.check()`.
  CPPO_ONCE_PER_CALL CPPO_HOST_DEVICE explicit constexpr surrogate(surrogate_options const& o) noexcept
      : form_(o.form), caps_(o.ratio_cap > 0.0), cap_(static_cast<Real>(o.ratio_cap)) {
    using one = lane<Real>;
    if (!(o.log_ratio_clamp > 0.0)) return;
    clamp_ = static_cast<Real>(o.log_ratio_clamp);
    smallest_ = detail::exp_core(-one(clamp_)).value().raw();
    largest_ = (one(1) / one(smallest_)).raw();
    at_clamp_ = detail::exp_core(-one(clamp_));
    auto const k3_at = [](Real x) { return static_cast<Real>(detail::k3_of(double_lane(x)).raw()); };
    k3_up_ = k3_at(clamp_);
    k3_down_ = k3_at(-clamp_);
  }

  /// rho and rho A of a token, where A is its weighted advantage: the advantage times the token weight, if it has one.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_product<V> product(token<V> const& t,
                                                                             V weighted_advantage) const noexcept {
    V const d = t.log_ratio();
    auto const clamped = abs(d) > V(clamp_);
    // equivalent: what is clamped is not 0
    V const rho = select(clamped, select(d > V(0), V(largest_), V(smallest_)), t.ratio());
    V used = rho;
    auto capped = V(0) < V(0);
    if (caps_) [[unlikely]] {
      capped = rho > V(cap_);
      used = select(capped, V(cap_), rho);
    }
    return {weighted_advantage * used, rho, clamped, capped};
  }
  /// Loss and gradient of a token that keeps the share `gate`. `scale` is that of the aggregation. Where `gate` is 0
  /// both are exactly +0, whatever rho is. [Eq. 11]
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_terms<V>
  terms(token<V> const& t, surrogate_product<V> const& p, V gate, V scale) const noexcept {
    return differentiate(t, p, gate > V(0), -(p.value * gate), scale);
  }
  /// Loss and gradient of a token that is kept or masked.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_terms<V>
  terms(token<V> const& t, surrogate_product<V> const& p, typename V::mask kept, V scale) const noexcept {
    return differentiate(t, p, kept, -p.value, scale);
  }

  /// Brings a token's log ratio into the clamp, as surrogates and folds see it.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr void clamp(token<V>& t) const noexcept {
    t.clamp_log_ratio(V(clamp_), {V(at_clamp_.e.raw()), V(at_clamp_.s.raw()), V(at_clamp_.tail.raw())});
  }
  /// Loss and gradient under a region with a surrogate of its own. `gate` is the share that a kept token has, `weight`
  /// its token weight. Where a token is not kept, the surrogate adds +0 and the penalty what it is.
  template <class Region, class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr own_terms<V> terms(Region const& region, token<V> const& t,
                                                                   typename V::mask kept, V gate, V weight,
                                                                   V scale) const noexcept {
    token<V> seen = region.seen(t);
    clamp(seen);
    surrogate_value<V> const s = region.surrogate()(seen);
    if (!detail::has_penalty(region)) return terms(s, nullptr, kept, gate, weight, scale);
    surrogate_value<V> const p = region.penalty()(seen);
    return terms(s, &p, kept, gate, weight, scale);
  }
  /// The same, given the values of the surrogate and of the penalty, if there is one.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr own_terms<V>
  terms(surrogate_value<V> const& s, std::type_identity_t<surrogate_value<V>> const* penalty, typename V::mask kept,
        V gate, V weight, V scale) const noexcept {
    V loss = only(kept, (s.loss * gate) * weight), slope = only(kept, (s.slope * gate) * weight);
    if (penalty != nullptr) {
      loss = loss + penalty->loss * weight;
      slope = slope + penalty->slope * weight;
    }
    return {{loss * scale, slope * scale, loss}, kept & (s.slope == V(0))};
  }

  /// log rho and k3 of a token, after the clamp.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr ratio_estimates<V>
  estimates(token<V> const& t, surrogate_product<V> const& p) const noexcept {
    V const d = t.log_ratio();
    return {max(min(d, V(clamp_)), V(-clamp_)),
            select(p.clamped, select(d > V(0), V(k3_up_), V(k3_down_)), t.k3(p.ratio))};
  }
  /// True if ratios are capped.
  CPPO_HOST_DEVICE constexpr bool caps() const noexcept { return caps_; }

 private:
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_terms<V>
  differentiate(token<V> const& t, surrogate_product<V> const& p, typename V::mask live, V term,
                V scale) const noexcept {
    V const kept = only(live, term), scaled = kept * scale;
    if (form_ == surrogate_form::ratio) [[likely]] return {scaled, only(!(p.clamped | p.capped), scaled), kept};
    return {only(live, scaled * t.log_prob()), scaled, only(live, kept * t.log_prob())};
  }

  surrogate_form form_;
  bool caps_;
  Real clamp_ = std::numeric_limits<Real>::max(), cap_{};  // no clamp: the largest number, which no log ratio exceeds
  Real smallest_{}, largest_{}, k3_up_{}, k3_down_{};
  detail::exp_parts<lane<Real>> at_clamp_{};  // of e^-clamp, where there is a clamp
};

}}  // namespace cppo

#include <cppo/macros_on.inc>
