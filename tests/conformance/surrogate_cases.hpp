/// @file
/// Cases of rules on one token, each by the region that has its name.
#pragma once

#include "calls.hpp"
#include "case_parts.hpp"

#include "../support/chosen_surrogate.hpp"

#include <cppo/region/clipped.hpp>
#include <cppo/region/score.hpp>
#include <cppo/region/smooth.hpp>
#include <cppo/region/truly_ppo.hpp>
#include <cppo/surrogate/kl.hpp>

#include <algorithm>
#include <iterator>

namespace conformance {

/// A case of one of these methods.
template <class Executor, class Real>
class surrogate_cases {
 public:
  static bool knows(std::string const& method) {
    return place_of(method, without_divergence) >= 0 || method == "trgppo" || method == "dppo_quadratic" ||
           method == "kl_penalty" || place_of(method, with_threshold) >= 0;
  }

  surrogate_cases(Executor const& executor, object_reader const& c)
      : p_(c.object("params")),
        lent_(lent_case<Real>::read(c, p_.has("divergence") && p_.text("divergence") == "given",
                                    p_.text("method") != "kl_penalty")),
        calls_(executor, lent_, options(p_)) {}

  json run(std::string const& method) const {
    if (method == "trgppo") return fields(cppo::trgppo({p_.number("delta"), p_.number("eps")}));
    if (method == "dppo_quadratic") return run_quadratic();
    if (method == "kl_penalty") return run_penalty(p_.text("estimator"), p_.number("coefficient"));
    if (int const which = place_of(method, with_threshold); which >= 0) return run_threshold(which);
    return run_without_divergence(place_of(method, without_divergence));
  }

 private:
  static cppo::loss_options options(object_reader const& p) {
    cppo::loss_options o;
    if (p.has("log_ratio_clamp")) o.surrogate.log_ratio_clamp = limit_or_off(p.number_or_null("log_ratio_clamp"));
    return o;
  }
  static constexpr char const* without_divergence[] = {"ppo_clip", "ppo_rb", "sapo", "cispo",
                                                       "gpg_loss", "dro", "drpo"};
  static constexpr char const* with_threshold[] = {"tr_ppo", "tr_ppo_rb", "truly_ppo"};
  static constexpr char const* estimators[] = {"k1", "k2", "abs", "k3", "k3_grad_k2"};
  template <std::size_t N>
  static int place_of(std::string const& name, char const* const (&among)[N]) {
    auto const found = std::find(std::begin(among), std::end(among), name);
    return found == std::end(among) ? -1 : static_cast<int>(found - std::begin(among));
  }
  /// A parameter; what a method has none of does not matter.
  double number_of(char const* key) const { return p_.has(key) ? p_.number_or_null(key).value_or(0.0) : 1.0; }

  json run_without_divergence(int which) const {
    double const low = number_of("eps_low"), high = number_of("eps_high"), epsilon = number_of("epsilon");
    double const none = std::numeric_limits<double>::infinity();
    double const dual_clip = p_.has("dual_clip") ? p_.number_or_null("dual_clip").value_or(none) : none;
    int const last = p_.has("mu_weighted") && p_.flag("mu_weighted") ? 1 : 0;
    auto const surrogate = pick_surrogate(
        which,
        cppo::ppo_clip({.epsilon_low = low, .epsilon_high = high, .dual_clip = dual_clip}).surrogate(),
        cppo::ppo_rb({.epsilon_low = low, .epsilon_high = high, .alpha = number_of("alpha")}).surrogate(),
        cppo::sapo({number_of("tau_pos"), number_of("tau_neg")}).surrogate(),
        cppo::cispo({number_of("low"), number_of("high")}).surrogate(), cppo::gpg_loss().surrogate(),
        cppo::dro(number_of("beta")).surrogate(),
        pick_surrogate(last, cppo::spo(epsilon).surrogate(), cppo::drpo(epsilon).surrogate()));
    return fields(cppo::objective(surrogate));
  }
  json run_threshold(int which) const {
    double const delta = p_.number("delta"), alpha = number_of("alpha");
    case_divergence const d(p_.text("divergence"));
    auto const region = cppo::tr_ppo({delta}, d);
    return fields(cppo::objective(
        region, pick_surrogate(which, region.surrogate(), cppo::tr_ppo_rb({delta, alpha}, d).surrogate(),
                               cppo::truly_ppo({delta, alpha, number_of("likelihood")}).surrogate())));
  }
  json run_quadratic() const {
    cppo::dppo_quadratic_options const o{p_.number("delta_low"), p_.number("delta_high"), p_.number("kl_tau")};
    return p_.flag("symmetric") ? fields(cppo::dppo_quadratic_symmetric(o)) : fields(cppo::dppo_quadratic(o));
  }
  json run_penalty(std::string const& estimator, double beta) const {
    int const which = place_of(estimator, estimators);
    if (which < 0) throw unsupported("there is no estimator \"" + estimator + "\" here");
    return fields(cppo::objective(pick_surrogate(
        which, cppo::penalty(cppo::kl_k1(), beta), cppo::penalty(cppo::kl_k2(), beta),
        cppo::penalty(cppo::kl_abs(), beta), cppo::penalty(cppo::kl_k3(), beta),
        cppo::penalty(cppo::kl_k3_plus(), beta))));
  }

  template <class Region>
  json fields(Region const& region) const {
    outcome<Real> const o = calls_.everything(region);
    return {{"mask", to_json(o.mask)},
            {"loss_per_token", to_json(o.loss)},
            {"grad_logp", to_json(o.gradient)},
            {"scalars", calls_.scalars(region)}};
  }

  object_reader p_;
  lent_case<Real> lent_;
  caller<Executor, Real> calls_;
};

}  // namespace conformance
