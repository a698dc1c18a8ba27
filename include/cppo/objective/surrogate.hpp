/// @file
/// The loss of one token and its derivative. [Eq. 11]
#pragma once

#include <cppo/core/token.hpp>

namespace cppo::inline CPPO_ABI {

/// Which function of log pi is differentiated.
enum class surrogate_form : std::uint8_t {
  ratio,      ///< l = -M rho A, gradient -M rho A [Eq. 11]
  reinforce,  ///< l = -M sg(rho) A log pi, the same gradient
};

/// How rho enters the loss.
struct surrogate_options {
  surrogate_form form = surrogate_form::ratio;  ///< which loss
  /// rho is exp(clamp(log rho, -c, c)); in the ratio form the gradient is 0 where |log rho| > c. 0 switches it off.
  double log_ratio_clamp = 20.0;
  /// rho is min(rho, cap), the cap a constant: where it binds the gradient is 0 in the ratio form, -cap A in the
  /// REINFORCE form. 0 switches it off.
  double ratio_cap = 0.0;

  /// Are the values in range?
  CPPO_HOST_DEVICE constexpr bool check() const noexcept {
    return log_ratio_clamp >= 0.0 && log_ratio_clamp <= 86.0 && ratio_cap >= 0.0 && ratio_cap <= 1e30;
  }
};

/// What a token adds to the objective.
template <class V>
struct surrogate_terms {
  V loss;                       ///< l_t, times the scale
  V gradient;                   ///< d l_t / d log pi_t, times the scale
  V ratio;                      ///< rho after the clamp, before the cap
  typename V::mask clamped;     ///< |log rho| > c
  typename V::mask capped;      ///< rho > cap
};

/// The surrogate with its constants rounded once, for lanes of one value type.
template <class Real>
class surrogate {
 public:
  /// Pre: `o.check()`.
  CPPO_HOST_DEVICE explicit constexpr surrogate(surrogate_options const& o) noexcept
      : form_(o.form), clamps_(o.log_ratio_clamp > 0.0), caps_(o.ratio_cap > 0.0) {
    using one = lane<Real>;
    clamp_ = clamps_ ? static_cast<Real>(o.log_ratio_clamp) : Real(0);
    smallest_ = detail::exp_core(-one(clamp_)).value().raw();
    largest_ = (one(1) / one(smallest_)).raw();
    cap_ = static_cast<Real>(o.ratio_cap);
  }

  /// Loss and gradient of a token, given what survives of it. `weight` is the extra constant weight of the token,
  /// `scale` that of the aggregation. Where `gate` is 0 both are exactly +0, whatever rho is.
  template <class V>
  CPPO_HOST_DEVICE CPPO_ALWAYS_INLINE constexpr surrogate_terms<V> at(token<V> const& t, V gate, V weight, V scale) const noexcept {
    V rho = t.ratio();
    V const d = t.log_ratio();
    auto clamped = V(0) < V(0);
    auto capped = clamped;
    if (clamps_) {
      clamped = abs(d) > V(clamp_);
      rho = select(clamped, select(d > V(0), V(largest_), V(smallest_)), rho);
    }
    V used = rho;
    if (caps_) {
      capped = rho > V(cap_);
      used = select(capped, V(cap_), rho);
    }
    V const term = -((((t.advantage() * weight) * used) * gate) * scale);
    auto const live = gate > V(0);
    V const gradient = select(live, term, V(0));
    if (form_ == surrogate_form::reinforce) {
      return {select(live, term * t.log_prob(), V(0)), gradient, rho, clamped, capped};
    }
    return {gradient, select(clamped | capped, V(0), gradient), rho, clamped, capped};
  }

  /// clamp(d, -c, c)
  template <class V>
  CPPO_HOST_DEVICE constexpr V clamp_log_ratio(V d) const noexcept {
    return clamps_ ? max(min(d, V(clamp_)), V(-clamp_)) : d;
  }

 private:
  surrogate_form form_;
  bool clamps_, caps_;
  Real clamp_{}, smallest_{}, largest_{}, cap_{};
};

}  // namespace cppo::inline CPPO_ABI
