/// @file
/// Cases of rules on one token, each by the region that has its name.
#pragma once

#include "calls.hpp"
#include "case_parts.hpp"

#include "../support/chosen_surrogate.hpp"

#include <cppo/rules/clipped.hpp>
#include <cppo/rules/score.hpp>
#include <cppo/rules/smooth.hpp>
#include <cppo/rules/truly_ppo.hpp>
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
    int const which = place_of(method, without_divergence);
    json r = fields(cppo::objective(without_divergence_of(which)));
    if (p_.has("clip_low")) r["metrics"] = metrics_of(which);
    return r;
  }

 private:
  static cppo::loss_options options(object_reader const& p) {
    cppo::loss_options o;
    if (p.has("log_ratio_clamp")) o.surrogate.log_ratio_clamp = limit_or_off(p.number_or_null("log_ratio_clamp"));
    return o;
  }
  // "vanilla" is verl's name of ppo_clip.
  static constexpr char const* without_divergence[] = {"ppo_clip", "vanilla", "ppo_rb", "sapo",
                                                       "cispo", "gpg_loss", "dro", "drpo"};
  static constexpr char const* with_threshold[] = {"tr_ppo", "tr_ppo_rb", "truly_ppo"};
  static constexpr char const* estimators[] = {"k1", "k2", "abs", "k3", "k3_grad_k2"};
  template <std::size_t N>
  static int place_of(std::string const& name, char const* const (&among)[N]) {
    auto const found = std::find(std::begin(among), std::end(among), name);
    return found == std::end(among) ? -1 : static_cast<int>(found - std::begin(among));
  }
  /// A parameter; what a method has none of does not matter.
  double number_of(char const* key) const { return p_.has(key) ? p_.number_or_null(key).value_or(0.0) : 1.0; }

  auto ppo_clip(double dual_clip) const {
    bool const offsets = p_.has("clip_low");
    double const low = number_of(offsets ? "clip_low" : "eps_low");
    double const high = number_of(offsets ? "clip_high" : "eps_high");
    return cppo::ppo_clip({.epsilon_low = low, .epsilon_high = high, .dual_clip = dual_clip}).surrogate();
  }
  /// Bounds by their distance from 1, or as they are.
  auto cispo() const {
    return pick_surrogate(
        p_.has("clip_low") ? 0 : 1,
        cppo::cispo_by_epsilon({number_of("clip_low"), number_of("clip_high")}).surrogate(),
        cppo::cispo({number_of("low"), number_of("high")}).surrogate());
  }
  double dual_clip() const {
    for (char const* key : {"dual_clip", "clip_c"}) {
      if (p_.has(key)) return p_.number_or_null(key).value_or(no_dual_clip);
    }
    return no_dual_clip;
  }
  static constexpr double no_dual_clip = std::numeric_limits<double>::infinity();

  /// The surrogate of this place in `without_divergence`; after the last, two that count what "metrics" have.
  auto without_divergence_of(int which) const {
    double const low = number_of("eps_low"), high = number_of("eps_high"), epsilon = number_of("epsilon");
    int const last = p_.has("mu_weighted") && p_.flag("mu_weighted") ? 1 : 0;
    auto const inside = cppo::between(cppo::ratio, 1.0 - number_of("clip_low"), 1.0 + number_of("clip_high"));
    return pick_surrogate(
        which, ppo_clip(dual_clip()), ppo_clip(dual_clip()),
        cppo::ppo_rb({.epsilon_low = low, .epsilon_high = high, .alpha = number_of("alpha")}).surrogate(),
        cppo::sapo({number_of("tau_pos"), number_of("tau_neg")}).surrogate(),
        cispo(), cppo::gpg_loss().surrogate(), cppo::dro(number_of("beta")).surrogate(),
        pick_surrogate(last, cppo::spo(epsilon).surrogate(), cppo::drpo(epsilon).surrogate()),
        ppo_clip(no_dual_clip), cppo::where(inside, cppo::ratio_form, cppo::nothing));
  }
  /// The shares of tokens that a clip holds, as verl names them.
  json metrics_of(int which) const {
    constexpr int after = static_cast<int>(std::size(without_divergence)), without_dual = after, by_range = after + 1;
    auto const report = [this](int k) { return calls_.report(cppo::objective(without_divergence_of(k))); };
    cppo::report const own = report(which), clip = report(without_dual);
    double const n = static_cast<double>(own.counts.tokens);
    bool const is_ppo = which <= 1, is_cispo = which == place_of("cispo", without_divergence);
    cppo::index_t const clipped = is_ppo ? clip.held : is_cispo ? report(by_range).held : 0;
    return {{"pg_clipfrac", to_json(static_cast<double>(clipped) / n)},
            {"pg_clipfrac_lower", to_json(is_ppo ? static_cast<double>(own.held - clip.held) / n : 0.0)},
            {"ppo_kl", to_json(own.kl_k1())}};
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
