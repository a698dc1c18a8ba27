/// @file
/// The surrogates that rules on one token are made of. A is the advantage, r a ratio and r' its slope.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/quantity/arithmetic.hpp>
#include <cppo/quantity/called.hpp>
#include <cppo/quantity/inputs.hpp>
#include <cppo/surrogate/surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace surrogates {

using quantities::both;
using quantities::constant;

/// -A r; slope -A r'.
template <class Q>
struct ratio_form_of {
  static_assert(detail::differentiable_operand<Q>,
                "ratio_form(r) differentiates r: write a quantity that has a slope, such as cppo::ratio, or "
                "score_form(r), which holds r constant");
  using left_type = Q;                                  ///< the ratio
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_surrogates = true;      ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<Q>;  ///< the ratio's
  Q left;                                               ///< the ratio
  constant right{0.0};                                  ///< nothing
  /// Takes the ratio.
  explicit constexpr ratio_form_of(Q r) noexcept : left(r) {}
  /// -A r.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    auto const r = detail::with_slope(left, t);
    return {-(t.advantage() * r.x), -(t.advantage() * r.slope)};
  }
  /// Checks the ratio.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

/// -w A log pi, with w constant to the gradient; slope -w A.
template <class Q>
struct score_form_of {
  using left_type = Q;                                  ///< the weight
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_surrogates = true;      ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<Q>;  ///< the weight's
  Q left;                                               ///< the weight
  constant right{0.0};                                  ///< nothing
  /// -w A log pi.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    V const slope = -(t.advantage() * left(t));
    return {slope * t.log_prob(), slope};
  }
  /// Checks the weight.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

/// max(-A r, -A clip(r, low, high)). Where the second is the larger, it holds and the slope is 0.
template <class Q, class L, class H>
struct clipped_of {
  using left_type = Q;                              ///< the ratio
  using right_type = both<L, H>;                    ///< the bounds
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<right_type>;  ///< union
  Q left;                                           ///< the ratio
  right_type right;                                 ///< the bounds
  /// PPO's clipped loss.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    auto const r = detail::with_slope(left, t);
    V const open = -(t.advantage() * r.x);
    V const held = -(t.advantage() * max(min(r.x, right.right(t)), right.left(t)));
    auto const live = open >= held;
    return {select(live, open, held), only(live, -(t.advantage() * r.slope))};
  }
  /// Checks the parameters of all three, and of two numbers their order.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right),
                                detail::interval_check(right.left, right.right, "clipped(low, high)")});
  }
};

/// -A r inside the bound that the sign of A asks for; outside it turns back with the share alpha of its slope.
template <class Q, class L, class H>
struct rolled_back_of {
  using left_type = Q;                              ///< the ratio
  using right_type = both<L, H>;                    ///< the bounds
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<right_type>;  ///< union
  Q left;                                           ///< the ratio
  right_type right;                                 ///< the bounds
  double alpha;                                     ///< how steeply it turns back
  /// PPO-RB's loss.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    auto const r = detail::with_slope(left, t);
    V const a = t.advantage(), low = right.left(t), high = right.right(t);
    auto const up = a >= V(0);
    auto const inside = (up & (r.x <= high)) | ((r.x >= low) & !up);
    V const back = V(1.0 + alpha) * select(up, high, low) - V(alpha) * r.x;
    V const rise = a * r.slope;
    return {-(a * select(inside, r.x, back)), select(inside, -rise, V(alpha) * rise)};
  }
  /// Checks the parameters of all three, and alpha.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right),
                                detail::interval_check(right.left, right.right, "rolled_back(low, high, ...)"),
                                {alpha >= 0.0 && alpha <= 1e30, "rolled_back(..., alpha)", alpha,
                                 "in [0, 1e30]: 0 is the held loss of PPO"}});
  }
};

/// -A (4/tau) sigmoid(tau (r - 1)), with tau by the sign of A.
template <class Q>
struct sigmoid_form_of {
  using left_type = Q;                                  ///< the ratio
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_surrogates = true;      ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<Q>;  ///< the ratio's
  Q left;                                               ///< the ratio
  double positive;                                      ///< tau where A > 0
  double negative;                                      ///< tau elsewhere
  constant right{0.0};                                  ///< nothing
  /// SAPO's loss.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    V const four_a = V(4) * t.advantage();
    V const tau = select(t.advantage() > V(0), V(positive), V(negative));
    auto const r = detail::with_slope(left, t);
    V const x = tau * (r.x - V(1));
    V const small = exp(-abs(x)), part = V(1) / (V(1) + small);
    V const other = small * part;  // part + other = 1: the sigmoids of |x| and -|x|
    return {-((four_a / tau) * select(x >= V(0), part, other)), -((four_a * (part * other)) * r.slope)};
  }
  /// Checks that both are positive.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    auto const in_range = [](double tau) { return tau >= 1e-6 && tau <= 1e6; };
    return detail::first_fault({detail::parameters_of(left),
                                {in_range(positive), "sigmoid_form(tau_positive, ...)", positive, "in [1e-6, 1e6]"},
                                {in_range(negative), "sigmoid_form(..., tau_negative)", negative, "in [1e-6, 1e6]"}});
  }
};

/// |A| v (rho - 1)^2 / (2 epsilon), with v constant to the gradient.
template <class Q>
struct quadratic_of {
  using left_type = Q;                                  ///< v
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_surrogates = true;      ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<Q>;  ///< v's
  Q left;                                               ///< v
  double epsilon;                                       ///< `ratio_form` and this: at rest at |rho - 1| = epsilon / v
  constant right{0.0};                                  ///< nothing
  /// What DRPO and SPO add.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    V const r = t.ratio(), gap = r - V(1);
    V const pull = (abs(t.advantage()) * left(t)) * (gap / V(epsilon));
    return {(pull * gap) * V(0.5), t.unclamped(pull * r)};
  }
  /// Checks v and epsilon.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left),
                                {epsilon >= 1e-6 && epsilon <= 1e6, "quadratic(v, epsilon)", epsilon,
                                 "in [1e-6, 1e6]"}});
  }
};

/// beta q, differentiated.
template <class Q, class B>
struct penalty_of {
  using left_type = Q;                              ///< what is penalised
  using right_type = B;                             ///< the coefficient
  static constexpr bool made_of_surrogates = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<B>;  ///< union
  Q left;                                           ///< what is penalised
  B right;                                          ///< the coefficient, constant to the gradient
  /// beta q.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    V const beta = right(t);
    auto const q = detail::with_slope(left, t);
    return {beta * q.x, beta * q.slope};
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// q, constant to the gradient.
template <class Q>
struct value_form_of {
  using left_type = Q;                                  ///< the loss
  using right_type = constant;                          ///< nothing
  static constexpr bool made_of_surrogates = true;      ///< it has been checked on its own
  static constexpr needs needed = detail::needs_of<Q>;  ///< the quantity's
  Q left;                                               ///< the loss
  constant right{0.0};                                  ///< nothing
  /// q, with slope 0.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_value<V> operator()(token<V> const& t) const noexcept {
    return {left(t), V(0)};
  }
  /// Checks the quantity.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept { return detail::parameters_of(left); }
};

}  // namespace surrogates

/// -w A log pi, with w constant to the gradient: CISPO is `score_form(clamped(ratio, low, high))`.
template <detail::quantity_operand Q>
constexpr auto score_form(Q w) noexcept {
  return surrogates::score_form_of<detail::quantity_of<Q>>{detail::as_quantity(w)};
}
/// PPO's clipped loss max(-A r, -A clip(r, low, high)). Where the clip holds, the slope is 0. A call refuses two
/// numbers in the wrong order; of bounds that are quantities the order is not checked.
template <detail::quantity_operand L, detail::quantity_operand H,
          detail::differentiable_operand Q = quantities::ratio_t>
constexpr auto clipped(L low, H high, Q r = {}) noexcept {
  using node = surrogates::clipped_of<detail::quantity_of<Q>, detail::quantity_of<L>, detail::quantity_of<H>>;
  return node{detail::as_quantity(r), {detail::as_quantity(low), detail::as_quantity(high)}};
}
/// PPO-RB: beyond the bound that the sign of A asks for, the loss turns back with the share alpha of its slope.
template <detail::quantity_operand L, detail::quantity_operand H,
          detail::differentiable_operand Q = quantities::ratio_t>
constexpr auto rolled_back(L low, H high, double alpha, Q r = {}) noexcept {
  using node = surrogates::rolled_back_of<detail::quantity_of<Q>, detail::quantity_of<L>, detail::quantity_of<H>>;
  return node{detail::as_quantity(r), {detail::as_quantity(low), detail::as_quantity(high)}, alpha};
}
/// SAPO's loss -A (4/tau) sigmoid(tau (r - 1)), with tau by the sign of A.
template <detail::differentiable_operand Q = quantities::ratio_t>
constexpr auto sigmoid_form(double tau_positive, double tau_negative, Q r = {}) noexcept {
  return surrogates::sigmoid_form_of<detail::quantity_of<Q>>{detail::as_quantity(r), tau_positive, tau_negative};
}
/// |A| v (rho - 1)^2 / (2 epsilon), with v constant to the gradient: `ratio_form + quadratic(v, epsilon)` is SPO with
/// v = 1 and DRPO with v = `rollout_prob`.
template <detail::quantity_operand Q>
constexpr auto quadratic(Q v, double epsilon) noexcept {
  return surrogates::quadratic_of<detail::quantity_of<Q>>{detail::as_quantity(v), epsilon};
}
/// beta q, differentiated through q: a quantity or divergence with a slope. beta is a number, or a quantity that is
/// constant to the gradient.
template <detail::differentiable_operand Q, detail::quantity_operand B>
constexpr auto penalty(Q q, B beta) noexcept {
  static_assert(!detail::plain_number<Q>, "penalty takes what is differentiated and then its coefficient: a number in "
                                          "the first place has no gradient");
  return surrogates::penalty_of<detail::quantity_of<Q>, detail::quantity_of<B>>{detail::as_quantity(q),
                                                                               detail::as_quantity(beta)};
}

/// The loss q, without a slope: under `token_sum` the losses that `objective(value_form(q))` writes are q at each
/// token, which the next call may read as its `token_weight`.
template <detail::quantity_operand Q>
constexpr auto value_form(Q q) noexcept {
  return surrogates::value_form_of<detail::quantity_of<Q>>{detail::as_quantity(q)};
}

/// Chosen where an argument is no quantity, or has no slope: it does not compile, and says what is wrong.
/// @{
constexpr surrogates::nothing_t score_form(detail::quantity_argument) noexcept { return {}; }
constexpr surrogates::nothing_t value_form(detail::quantity_argument) noexcept { return {}; }
constexpr surrogates::nothing_t clipped(detail::quantity_argument, detail::quantity_argument,
                                        detail::differentiable_argument = ratio) noexcept {
  return {};
}
constexpr surrogates::nothing_t penalty(detail::differentiable_argument, detail::quantity_argument) noexcept {
  return {};
}
constexpr surrogates::nothing_t rolled_back(detail::quantity_argument, detail::quantity_argument, double,
                                            detail::differentiable_argument = ratio) noexcept {
  return {};
}
constexpr surrogates::nothing_t sigmoid_form(double, double, detail::differentiable_argument) noexcept { return {}; }
constexpr surrogates::nothing_t quadratic(detail::quantity_argument, double) noexcept { return {}; }
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
