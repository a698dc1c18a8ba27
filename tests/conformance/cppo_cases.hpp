/// @file
/// Cases of method "cppo": parameters to a trust region, every field of the format from its calls.
#pragma once

#include "calls.hpp"
#include "case_parts.hpp"
#include "named_codes.hpp"

namespace conformance {

/// True where a parameter is `yes`, false where it is `no`.
inline bool choose(object_reader const& p, char const* key, char const* yes, char const* no) {
  std::string const x = p.text(key);
  if (x != yes && x != no) throw unsupported("\"" + std::string(key) + "\": \"" + x + "\" is not offered here");
  return x == yes;
}

/// The parameters of a CPPO case that choose its region; those of the loss are in `loss_options`.
struct cppo_parameters {
  case_divergence divergence;
  double delta, delta_b;
  bool weighted, budgeted, calibrated, soft;
  double w_min;
  cppo::calibration calibration = {};

  explicit cppo_parameters(object_reader const& p)
      : divergence(p.text("divergence")),
        delta(p.number("delta")),
        delta_b(p.number("delta_b")),
        weighted(choose(p, "position_weight", "linear", "none")),
        budgeted(p.flag("prefix_budget")),
        calibrated(p.flag("calibrate")),
        soft(choose(p, "gate", "soft", "hard")),
        w_min(weighted ? p.number("w_min") : 1.0) {
    if (calibrated) calibration = {p.number("quantile"), p.number("quantile_scale"), p.number("ceiling")};
    if (p.has("single_token_weight")) {
      throw unsupported("a response of one token has weight 1 [Eq. 9]; \"single_token_weight\" is not offered");
    }
  }
};

inline cppo::loss_options cppo_loss_options(object_reader const& p, case_shape const& shape) {
  cppo::loss_options o;
  bool const ratio = choose(p, "loss_form", "ratio", "sg_ratio_logp");
  o.surrogate.form = ratio ? cppo::surrogate_form::ratio : cppo::surrogate_form::reinforce;
  o.surrogate.log_ratio_clamp = limit_or_off(p.number_or_null("log_ratio_clamp"));
  o.surrogate.ratio_cap = limit_or_off(p.number_or_null("ratio_cap"));
  if (choose(p, "horizon", "padded", "own")) {
    if (shape.packed) throw unsupported("the padded horizon has no meaning in a packed layout");
    o.positions = cppo::position_convention::padded_column;
  }
  return o;
}

inline json cppo_metrics(cppo::report const& r, double mean_delta_b) {
  return {{"valid_tokens", r.counts.tokens},
          {"kept", r.kept},
          {"masked", r.masked()},
          {"toward_mu", r.kept_toward},
          {"rejected_token_level", r.masked_divergence},
          {"rejected_budget_only", r.masked_budget},
          {"mean_gate", to_json(r.mean_gate())},
          {"mean_D", to_json(r.mean_divergence())},
          {"max_D", to_json(r.max_divergence)},
          {"mean_Z", to_json(r.mean_weighted_divergence())},
          {"mean_delta_b_seq", to_json(mean_delta_b)},
          {"ratio_mean", to_json(r.mean_ratio())},
          {"ratio_max", to_json(r.max_ratio)},
          {"kl_k1", to_json(r.kl_k1())},
          {"kl_k3", to_json(r.kl_k3())}};
}

/// One CPPO case under one source of the budget.
template <class Executor, class Real, class B>
class cppo_case {
 public:
  cppo_case(caller<Executor, Real> const& calls, cppo_parameters const& p, B source)
      : calls_(calls), p_(p), budget_(cppo::prefix_budget(p.delta, source)) {}

  json run() const { return p_.budgeted ? under(within_ & budget_) : under(within_); }

 private:
  template <class Rule>
  auto region(Rule rule, bool keeps_toward) const {
    case_weight const weight{cppo::linear_weight(p_.w_min), p_.weighted};
    return cppo::trust_region(p_.divergence, weight, case_toward{keeps_toward} | rule);
  }

  /// `rule`: the mask but for the clause that keeps what moves toward mu.
  template <class Rule>
  json under(Rule rule) const {
    auto const hard = region(rule, true);
    if (!p_.soft) return fields(hard);
    json r = fields(cppo::softened(hard, cppo::reciprocal_gate));
    // x of the format is what threshold and budget say, whichever way the token moves.
    r["x"] = to_json(calls_.everything(cppo::softened(region(rule, false), cppo::reciprocal_gate)).excess);
    return r;
  }

  template <class Region>
  json fields(Region const& region_of_case) const {
    outcome<Real> const o = calls_.everything(region_of_case);
    // The format has an effective budget also where no mask uses it: it is asked of the region that does.
    auto const budgeted = region(within_ & budget_, true);
    auto const delta_b = [](cppo::report const& r) { return r.mean_delta_b(); };
    return {
        {"mask", p_.soft ? to_json(o.gate) : to_json(o.mask)},
        {"loss_per_token", to_json(o.loss)},
        {"grad_logp", to_json(o.gradient)},
        {"D", to_json(o.divergence)},
        {"w", to_json(o.weight)},
        {"Z", to_json(o.weighted)},
        {"S_prev", to_json(o.drift)},
        {"W_prev", to_json(o.prefix_weight)},
        {"c", to_json(o.threshold)},
        {"delta_b_seq", to_json(calls_.by_response(budgeted, delta_b))},
        {"metrics", cppo_metrics(o.report, p_.budgeted ? o.report.mean_delta_b() : delta_b(calls_.report(budgeted)))},
        {"scalars", calls_.scalars(region_of_case)}};
  }

  caller<Executor, Real> const& calls_;
  cppo_parameters const& p_;
  cppo::divergence_within_t within_ = cppo::divergence_within(p_.delta);
  cppo::prefix_budget_t<B> budget_;
};

template <class Real, class Executor>
json run_cppo(Executor const& executor, object_reader const& c) {
  object_reader const params = c.object("params");
  cppo_parameters const p(params);
  auto const lent = lent_case<Real>::read(c, p.divergence.is_given(), true);
  caller const calls(executor, lent, cppo_loss_options(params, lent.shape));
  if (p.calibrated) {
    json const r = cppo_case(calls, p, cppo::calibrated_budget(p.delta_b, p.calibration)).run();
    require_named_cppo(r, c, lent);
    return r;
  }
  return cppo_case(calls, p, cppo::fixed_budget(p.delta_b)).run();
}

}  // namespace conformance
