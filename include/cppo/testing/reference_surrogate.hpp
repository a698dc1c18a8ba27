/// @file
/// The oracle's loss of one token and its derivative. [Eq. 11]
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/reference_options.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// What a token adds to the objective.
struct reference_terms {
  double log_ratio = 0.0;  ///< log rho, clamped
  double ratio = 1.0;      ///< rho after the clamp, before the cap
  double loss = 0.0;       ///< l_t
  double gradient = 0.0;   ///< d l_t / d log pi_t
  bool clamped = false;    ///< |log rho| > clamp
  bool capped = false;     ///< rho > cap
};

/// l_t = -gate rho factor, or -gate sg(rho) factor log pi, where `factor` is the weighted advantage. If the gate is 0,
/// loss and gradient are 0; where clamp or cap bind, rho is a constant to the gradient.
inline reference_terms reference_surrogate(reference_options const& o, double log_prob, double log_ratio, double factor,
                                           double gate) {
  double const limit = o.log_ratio_clamp > 0.0 ? o.log_ratio_clamp : std::numeric_limits<double>::infinity();
  reference_terms t;
  t.clamped = std::fabs(log_ratio) > limit;
  t.log_ratio = std::clamp(log_ratio, -limit, limit);
  t.ratio = std::exp(t.log_ratio);
  t.capped = o.ratio_cap > 0.0 && t.ratio > o.ratio_cap;
  double const used = t.capped ? o.ratio_cap : t.ratio;
  double const term = gate > 0.0 ? -gate * used * factor : 0.0;
  bool const is_ratio = o.form == reference_form::ratio;
  t.loss = is_ratio ? term : term * log_prob;
  t.gradient = is_ratio && (t.clamped || t.capped) ? 0.0 : term;
  return t;
}

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
