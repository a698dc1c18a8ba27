/// @file
/// The results of the oracle, for each token and in total.
#pragma once

#include <cppo/macros_off.inc>

#include <cppo/testing/reference_surrogate.hpp>

namespace cppo { inline namespace CPPO_ABI { namespace testing {

/// Counts and sums over valid tokens, as a report has them.
struct reference_totals {
  index_t tokens = 0;                             ///< valid tokens
  index_t responses = 0;                          ///< responses with a valid token
  index_t by_decision[8] = {};                    ///< tokens by `decision`
  index_t clamped = 0;                            ///< |log rho| > clamp
  index_t capped = 0;                             ///< rho > cap
  double loss = 0.0;                              ///< sum of scaled token losses
  /// Sums of D and Z.
  /// @{
  double divergence = 0.0, weighted_divergence = 0.0;
  /// @}
  double gate = 0.0;                              ///< sum of gates
  /// Sums of rho, -log rho and rho - 1 - log rho, after the clamp.
  /// @{
  double ratio = 0.0, k1 = 0.0, k3 = 0.0;
  /// @}
  /// Maxima over valid tokens.
  /// @{
  double max_divergence = -1000.0, max_ratio = 0.0;
  /// @}
  double delta_b = 0.0;                           ///< sum over responses with a token

  /// Adds a valid token.
  void add(decision why, double d, double z, double survives, reference_terms const& terms) {
    ++by_decision[static_cast<int>(why)];
    clamped += terms.clamped ? 1 : 0;
    capped += terms.capped ? 1 : 0;
    loss += terms.loss;
    divergence += d;
    weighted_divergence += z;
    gate += survives;
    ratio += terms.ratio;
    k1 -= terms.log_ratio;
    k3 += std::expm1(terms.log_ratio) - terms.log_ratio;
    max_divergence = std::max(max_divergence, d);
    max_ratio = std::max(max_ratio, terms.ratio);
  }
};

/// The results of the oracle. Vectors per slot are indexed by `reference_slot`; excluded slots hold 0.
struct reference_result {
  /// M_t, the gate value, l_t and d l_t / d log pi.
  /// @{
  std::vector<double> mask, gate, loss, gradient;
  /// @}
  /// D_t, w_t and Z_t.
  /// @{
  std::vector<double> divergence, weight, weighted_divergence;
  /// @}
  /// S_{t-1} and W_{t-1}.
  /// @{
  std::vector<double> prefix_drift, prefix_weight;
  /// @}
  std::vector<double> threshold;                          ///< c_t; 1000 where nothing bounds Z_t
  std::vector<double> excess;                             ///< x_t of the clauses other than the toward clause
  std::vector<double> margin;   ///< how far the decision is from flipping, relative where a bound exceeds 1; else inf
  std::vector<double> closest;  ///< the least |lhs - rhs| of any comparison made: how far the reason is from changing
  std::vector<decision> reason;     ///< which clause decided
  std::vector<double> delta_b;      ///< per response
  reference_totals totals;          ///< counts and sums

  /// Makes room for `slots` slots and `responses` responses.
  void resize(std::size_t slots, std::size_t responses) {
    for (std::vector<double>* v : {&mask, &gate, &loss, &gradient, &divergence, &weight, &weighted_divergence,
                                   &prefix_drift,
                                   &prefix_weight, &threshold, &excess}) {
      v->assign(slots, 0.0);
    }
    margin.assign(slots, std::numeric_limits<double>::infinity());
    closest = margin;
    reason.assign(slots, decision::excluded);
    delta_b.assign(responses, 0.0);
  }
};

/// Makes comparisons lhs <= rhs and keeps the first that fails as the reason.
class reference_comparisons {
 public:
  /// Compares lhs <= rhs. `x` is the excess of the comparison, at most 1 where it holds.
  void demand(double lhs, double rhs, double x, decision if_not) {
    excess = std::max(excess, x);
    double const gap = std::fabs(lhs - rhs) / std::max(1.0, std::fabs(rhs));
    closest = std::min(closest, gap);
    if (lhs <= rhs) {
      slack_ = std::min(slack_, gap);
    } else {
      violation_ = std::max(violation_, gap);
      if (reason == decision::kept) reason = if_not;
    }
  }
  /// How far the decision is from flipping.
  double margin() const { return reason == decision::kept ? slack_ : violation_; }
  decision reason = decision::kept;                         ///< `kept`, or the first clause that failed
  double closest = std::numeric_limits<double>::infinity(); ///< of all comparisons
  double excess = 0.0;                                      ///< the largest

 private:
  double slack_ = std::numeric_limits<double>::infinity();
  double violation_ = 0.0;
};

}}}  // namespace cppo::testing

#include <cppo/macros_on.inc>
