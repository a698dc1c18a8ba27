/// @file
/// Calls of the library on one case, and their outcome as JSON fields.
#pragma once

#include "lent_case.hpp"

#include <cppo/cppo.hpp>

namespace conformance {

/// The library turned a case away: reported with the result, never hidden as unsupported.
struct rejected : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void require_ok(cppo::status const& s) {
  if (s.ok()) return;
  throw rejected(std::string("the library answered: ") + describe(s).c_str());
}

/// Every per-token output of one call, and its report.
template <class Real>
struct outcome {
  explicit outcome(index_t n)
      : mask(size(n)), gate(size(n)), loss(size(n)), gradient(size(n)), divergence(size(n)), weight(size(n)),
        weighted(size(n)), drift(size(n)), prefix_weight(size(n)), threshold(size(n)), excess(size(n)) {}

  std::vector<std::uint8_t> mask;
  std::vector<Real> gate, loss, gradient, divergence, weight, weighted, drift, prefix_weight, threshold, excess;
  cppo::report report;

  cppo::loss_outputs outputs() {
    return {.loss = loss, .gradient = gradient, .mask = mask, .gate = gate,
            .trace = {.divergence = divergence, .weight = weight, .weighted_divergence = weighted,
                      .prefix_drift = drift, .prefix_weight = prefix_weight, .threshold = threshold, .excess = excess},
            .report = &report};
  }

 private:
  static std::size_t size(index_t n) { return static_cast<std::size_t>(n); }
};

/// Runs regions on one case.
template <class Executor, class Real>
class caller {
 public:
  caller(Executor const& executor, lent_case<Real> const& lent, cppo::loss_options const& options = {})
      : executor_(executor), lent_(lent), options_(options) {}

  case_shape const& shape() const { return lent_.shape; }

  template <class Region>
  outcome<Real> everything(Region const& region) const {
    outcome<Real> r(lent_.shape.elements());
    require_ok(cppo::policy_loss(executor_, lent_.all(), region, r.outputs(), options_));
    return r;
  }
  /// The report alone, under an aggregation.
  template <class Region>
  cppo::report report(Region const& region, cppo::aggregation how = cppo::token_sum) const {
    cppo::report r;
    cppo::loss_options options = options_;
    options.aggregate = how;
    if (how == cppo::seq_mean_token_sum_norm) options.horizon = lent_.shape.width;
    require_ok(cppo::policy_loss(executor_, lent_.all(), region, {.report = &r}, options));
    return r;
  }
  /// A number from the report of each response on its own.
  template <class Region, class Read>
  std::vector<double> by_response(Region const& region, Read const& read) const {
    std::vector<double> values;
    for (index_t b = 0; b < lent_.shape.responses; ++b) {
      cppo::report r;
      require_ok(cppo::policy_loss(executor_, lent_.one(b), region, {.report = &r}, options_));
      values.push_back(read(r));
    }
    return values;
  }

  /// The loss in every aggregation that the layout has.
  template <class Region>
  json scalars(Region const& region) const {
    auto const loss = [&](cppo::aggregation how) { return to_json(report(region, how).loss()); };
    json r = {{"token-sum", loss(cppo::token_sum)},
              {"token-mean", loss(cppo::token_mean)},
              {"seq-mean-token-sum", loss(cppo::seq_mean_token_sum)},
              {"seq-mean-token-mean", loss(cppo::seq_mean_token_mean)}};
    if (!lent_.shape.packed) r["seq-mean-token-sum-norm"] = loss(cppo::seq_mean_token_sum_norm);
    return r;
  }

 private:
  Executor executor_;
  lent_case<Real> const& lent_;
  cppo::loss_options options_;
};

/// log_ratio_clamp and ratio_cap as surrogate options have them: null switches a limit off.
inline double limit_or_off(std::optional<double> limit) { return limit.value_or(0.0); }

}  // namespace conformance
