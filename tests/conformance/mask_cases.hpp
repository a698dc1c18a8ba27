/// @file
/// Cases of the masks that CPPO is set beside: PPO, DPPO and TRM.
#pragma once

#include "calls.hpp"
#include "case_parts.hpp"
#include "named_codes.hpp"

namespace conformance {

/// ppo_mask: the mask of Eq. 2.
template <class Real, class Executor>
json run_ppo_mask(Executor const& executor, object_reader const& c) {
  object_reader const p = c.object("params");
  auto const region = cppo::ppo({.epsilon_low = p.number("eps_low"), .epsilon_high = p.number("eps_high")});
  auto const lent = lent_case<Real>::read(c, false, true);
  return {{"mask", to_json(caller(executor, lent).everything(region).mask)}};
}

/// dppo_mask: the mask of Eq. 3.
template <class Real, class Executor>
json run_dppo_mask(Executor const& executor, object_reader const& c) {
  double const delta = c.object("params").number("delta");
  auto const lent = lent_case<Real>::read(c, false, true);
  return {{"mask", to_json(caller(executor, lent).everything(cppo::dppo({.delta = delta})).mask)}};
}

/// dppo_tv, dppo_kl: the mask with a threshold by the sign of A, and the loss -A r log pi M with r = min(rho, clip_c).
template <class Real, class Executor>
json run_dppo(Executor const& executor, object_reader const& c, case_divergence const& divergence) {
  object_reader const p = c.object("params");
  auto const region = cppo::dppo({.delta_low = p.number("clip_low"), .delta_high = p.number("clip_high")}, divergence);
  cppo::loss_options options;
  options.surrogate.form = cppo::surrogate_form::reinforce;
  options.surrogate.log_ratio_clamp = limit_or_off(p.number_or_null("log_ratio_clamp"));
  options.surrogate.ratio_cap = p.number("clip_c");

  auto const lent = lent_case<Real>::read(c, false, true);
  caller const calls(executor, lent, options);
  outcome<Real> const o = calls.everything(region);
  double const tokens = static_cast<double>(o.report.counts.tokens);
  double const capped = tokens > 0.0 ? static_cast<double>(o.report.capped) / tokens : 0.0;
  json const r = {{"mask", to_json(o.mask)},
                  {"loss_per_token", to_json(o.loss)},
                  {"grad_logp", to_json(o.gradient)},
                  {"metrics",
                   {{"pg_clipfrac", to_json(o.report.masked_fraction())},
                    {"pg_clipfrac_lower", to_json(capped)},
                    {"ppo_kl", to_json(o.report.kl_k1())}}},
                  {"scalars", calls.scalars(region)}};
  require_named_dppo(r, p, lent);
  return r;
}

/// trm_max, trm_avg: whole responses, and the statistic that decides each.
template <class Real, class Executor>
json run_trm(Executor const& executor, object_reader const& c, bool by_max) {
  object_reader const p = c.object("params");
  double const delta = p.number("delta");
  case_divergence const d(p.text("divergence"));
  auto const lent = lent_case<Real>::read(c, d.is_given(), false);
  caller const calls(executor, lent);
  auto const fields = [&](auto const& region, auto const& statistic) -> json {
    return {{"mask", to_json(calls.everything(region).mask)},
            {"seq_stat", to_json(calls.by_response(region, statistic))}};
  };
  if (by_max) return fields(cppo::trm_max({delta}, d), [](cppo::report const& r) { return r.max_divergence; });
  return fields(cppo::trm_mean({delta}, d), [](cppo::report const& r) { return r.mean_divergence(); });
}

}  // namespace conformance
