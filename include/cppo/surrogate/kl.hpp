/// @file
/// Estimates of KL(pi || reference) at the sampled token, from x = log pi - log reference, with their slopes.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/divergence/single_sample.hpp>
#include <cppo/quantity/arithmetic.hpp>
#include <cppo/quantity/inputs.hpp>

namespace cppo { inline namespace CPPO_ABI {

namespace quantities {

/// e^-x - 1 + x, in double and rounded once.
struct k3_of_log_ratio {
  /// Its value.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V value(V x) noexcept {
    return detail::in_double([](auto a) CPPO_INLINE_LAMBDA { return detail::k3_of(-a); }, x);
  }
  /// Its slope, given those of its operands.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V slope(V x, V, V dx) noexcept {
    return detail::in_double([](auto a) CPPO_INLINE_LAMBDA { return gap(a); }, x) * dx;
  }

 private:
  /// 1 - e^-a, without cancellation.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE static constexpr V gap(V a) noexcept {
    auto const small = detail::exp_core(max(-abs(a), V(detail::exp_floor<double>)));
    V const below = small.complement();  // 1 - e^-|a|
    return select(a >= V(0), below, -(below / small.value()));
  }
};

/// The value of one quantity with the slope of another.
template <class Q, class R>
struct sloped_as {
  using left_type = Q;                              ///< whose value it is
  using right_type = R;                             ///< whose slope it has
  static constexpr bool made_of_quantities = true;  ///< each has been checked on its own
  static constexpr needs needed = detail::needs_of<Q> | detail::needs_of<R>;  ///< union
  Q left;                                           ///< whose value it is
  R right;                                          ///< whose slope it has
  /// The value of the one.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V operator()(token<V> const& t) const noexcept {
    return left(t);
  }
  /// The slope of the other.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr V slope(token<V> const& t) const noexcept
    requires detail::has_slope<R>
  {
    return right.slope(t);
  }
  /// Checks the parameters of both.
  CPPO_HOST_DEVICE constexpr parameter_check check() const noexcept {
    return detail::first_fault({detail::parameters_of(left), detail::parameters_of(right)});
  }
};

/// log pi - log reference.
inline constexpr auto log_ratio_to_reference = log_prob - reference_log_prob;
/// Its type.
using log_ratio_to_reference_t = std::remove_const_t<decltype(log_ratio_to_reference)>;

}  // namespace quantities

/// The value of q with the slope of r.
template <quantity Q, differentiable R>
constexpr auto with_slope_of(Q q, R r) noexcept {
  return quantities::sloped_as<Q, R>{q, r};
}

/// Estimators of KL(pi || reference), for `penalty`. x is the log ratio of the sampled token: to the reference policy,
/// unless another is given.
/// @{
/// x.
template <differentiable Q = quantities::log_ratio_to_reference_t>
constexpr auto kl_k1(Q x = quantities::log_ratio_to_reference) noexcept {
  return x;
}
/// x^2 / 2.
template <differentiable Q = quantities::log_ratio_to_reference_t>
constexpr auto kl_k2(Q x = quantities::log_ratio_to_reference) noexcept {
  return quantities::combine<quantities::times>(0.5, quantities::combine<quantities::times>(x, x));
}
/// |x|. The slope at 0 is 0.
template <differentiable Q = quantities::log_ratio_to_reference_t>
constexpr auto kl_abs(Q x = quantities::log_ratio_to_reference) noexcept {
  return quantities::unary<quantities::magnitude, Q>{x};
}
/// e^-x - 1 + x, but at most 10, where the slope is 0.
template <differentiable Q = quantities::log_ratio_to_reference_t>
constexpr auto kl_k3(Q x = quantities::log_ratio_to_reference) noexcept {
  return clamped(quantities::unary<quantities::k3_of_log_ratio, Q>{x}, 0, 10);
}
/// The value of `kl_k3` with the slope x of `kl_k2`, which is that of the KL on average. ("k3+")
template <differentiable Q = quantities::log_ratio_to_reference_t>
constexpr auto kl_k3_plus(Q x = quantities::log_ratio_to_reference) noexcept {
  return with_slope_of(kl_k3(x), kl_k2(x));
}
/// @}

}}  // namespace cppo

#include <cppo/macros_on.inc>
