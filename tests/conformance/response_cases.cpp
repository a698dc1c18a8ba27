// Rules that read a statistic of the response, and weights that correct for another policy.
#include "fold_calls.hpp"

#include <cppo/rules/correction.hpp>
#include <cppo/rules/response_rules.hpp>

#include <algorithm>
#include <iterator>

namespace conformance {
namespace {

/// `fields_of`, with one value for each response; `empty` for those without a token.
template <class Case, class At>
json fields_by_response(Case const& c, At const& at, char const* name, double empty) {
  json r = fields_of(c, at, {});
  r[name] = to_json(c.by_response(c.calls().everything(at(1)).loss, empty));
  return r;
}

/// The share of valid tokens that a clip holds, and the mean of -d, as verl names them.
json metrics_of(cppo::report const& r, double held, double held_below) {
  auto const n = static_cast<double>(r.counts.tokens);
  return {{"pg_clipfrac", to_json(held / n)},
          {"pg_clipfrac_lower", to_json(held_below / n)},
          {"ppo_kl", to_json(r.kl_k1())}};
}

json gspo_case(auto const& c) {
  object_reader const& p = c.params;
  bool const verl = p.has("clip_low");
  double const cap = verl ? cppo::gspo_options{}.exponent_cap : p.number("exponent_cap");
  auto const region = cppo::gspo({.epsilon_low = p.number(verl ? "clip_low" : "eps_low"),
                                  .epsilon_high = p.number(verl ? "clip_high" : "eps_high"),
                                  .exponent_cap = cap});
  auto const ratio = exp(min(cppo::response(cppo::mean(cppo::log_ratio)), cap));
  auto const at = [&](int which) { return with_values(which, region, ratio); };
  json r = fields_by_response(c, at, "seq_ratio", 1.0);
  cppo::report const report = c.calls().report(at(0));
  if (verl) r["metrics"] = metrics_of(report, static_cast<double>(report.held), 0.0);
  return r;
}

/// GMPO, which verl calls geo_mean. The vectors have the gradient of the sum of the losses of responses, and one loss
/// for each; verl's mean is over responses without a token too.
json gmpo_case(auto const& c) {
  object_reader const& p = c.params;
  bool const verl = p.has("clip_low");
  cppo::gmpo_options const o{p.number(verl ? "clip_low" : "log_low"), p.number(verl ? "clip_high" : "log_high")};
  auto const region = cppo::gmpo(o);
  auto const beyond = !cppo::between(cppo::log_ratio, -o.log_low, o.log_high);
  auto const each = (1 / cppo::response(cppo::count(cppo::keep_all))) * region.surrogate();
  auto const at = [&](int which) {
    auto const mean = pick_surrogate(which == 1 ? 1 : 0, region.surrogate(), each);
    return with_values(which < 2 ? 0 : which - 1, cppo::objective(region, mean), cppo::gmpo_ratio(o),
                       cppo::where(beyond & cppo::positive_advantage, 1, 0),
                       cppo::where(beyond & cppo::negative_advantage, 1, 0));
  };
  auto const calls = c.calls();
  cppo::report const mean = calls.report(at(0), cppo::seq_mean_token_mean);
  json r = {{"loss_per_row", to_json(c.by_response(calls.everything(at(0)).loss, 0.0))},
            {"grad_logp", to_json(calls.everything(at(1)).gradient)},
            {"seq_ratio", to_json(c.by_response(calls.everything(at(2)).loss, 1.0))},
            {"scalars", {{"mean-over-responses", to_json(mean.loss())}}}};
  if (!verl) return r;
  double const share = static_cast<double>(mean.counts.responses) / static_cast<double>(c.lent.shape.responses);
  r["scalars"]["mean-over-rows"] = to_json(share * mean.loss());
  r["metrics"] = metrics_of(mean, calls.report(at(3)).loss(), calls.report(at(4)).loss());
  return r;
}

json vespo_case(auto const& c) {
  object_reader const& p = c.params;
  cppo::vespo_options const o{p.number("k_pos"), p.number("lambda_pos"), p.number("k_neg"), p.number("lambda_neg")};
  auto const at = [&](int which) { return with_values(which, cppo::vespo(o), cppo::vespo_weight(o)); };
  return fields_by_response(c, at, "seq_stat", 1.0);
}

json opsm_case(auto const& c) {
  auto const region = cppo::opsm(c.params.number("delta"), c.clip());
  auto const statistic = cppo::response(cppo::mean(cppo::rollout_log_prob - cppo::log_prob));
  return fields_by_response(c, [&](int which) { return with_values(which, region, statistic); }, "seq_stat", 0.0);
}

/// A weight by the level, the bounds and the normalisation of a case.
auto correction_of(object_reader const& p) {
  std::string const level = p.text("level");
  std::optional<double> const low = p.number_or_null("low");
  bool const by_token = level == "token";
  auto const r = pick_quantity(by_token ? 0 : level == "sequence" ? 1 : 2, cppo::token_ratio(), cppo::sequence_ratio(),
                               cppo::geometric_ratio());
  double const high = p.number("high");
  auto const w = pick_quantity(low ? 1 : 0, min(r, high), cppo::only_within(r, low.value_or(0.0), high));
  return cppo::correction(pick_quantity(!p.flag("normalize") ? 0 : by_token ? 1 : 2, w, cppo::normalized_over_tokens(w),
                                        cppo::normalized_over_responses(w)));
}
json correction_case(auto const& c) {
  return {{"weight", to_json(c.calls().everything(correction_of(c.params)).loss)}};
}

/// Two calls: the weights of pi_prox / mu, and PPO on pi / pi_prox with them.
template <class Executor, class Real>
json decoupled_case(fold_case<Executor, Real> const& c, object_reader const& inputs) {
  object_reader const& p = c.params;
  auto const proximal = inputs.numbers<Real>("logp_prox", c.lent.shape.elements());
  auto engine = c.lent, trainer = c.lent;
  engine.log_prob = trainer.rollout_log_prob = proximal;
  double const low = p.number_or_null("low").value_or(0.0), high = p.number("high");
  using cppo::beyond_bounds;
  auto const masked = cppo::decoupled_weights<beyond_bounds::masks>(low, high).surrogate();
  auto const clamped = cppo::decoupled_weights<beyond_bounds::clamps>(low, high).surrogate();
  auto const weights = cppo::objective(pick_surrogate(p.text("action") == "mask" ? 0 : 1, masked, clamped));
  trainer.token_weight = c.calls_on(engine).everything(weights).loss;
  auto const region = cppo::ppo_clip(c.clip());
  auto const calls = c.calls_on(trainer);
  auto const o = calls.everything(region);
  return {{"loss_per_token", to_json(o.loss)},
          {"grad_logp", to_json(o.gradient)},
          {"scalars", calls.scalars(region)},
          {"weight", to_json(*trainer.token_weight)}};
}

/// 1 where the mask keeps the token, else 0.
template <class M>
auto kept(M mask) {
  return cppo::where(mask, 1, 0);
}
/// The region of one rule, by its name without "rs_".
auto rejection_rule_of(object_reader const& rule) {
  static constexpr char const* names[] = {"token_k1", "seq_mean_k1", "seq_sum_k1", "seq_max_k1",
                                          "token_k2", "seq_mean_k2", "seq_sum_k2", "seq_max_k2",
                                          "token_k3", "seq_mean_k3", "seq_sum_k3", "seq_max_k3"};
  auto const found = std::find(std::begin(names), std::end(names), rule.text("rule"));
  if (found == std::end(names)) throw unsupported("there is no rule \"" + rule.text("rule") + "\" here");
  double const high = rule.number("high"), low = rule.has("low") ? rule.number("low") : 1.0;
  auto const passed = pick_quantity(
      static_cast<int>(found - std::begin(names)),
      kept(cppo::rs_token_k1(low, high)), kept(cppo::rs_seq_mean_k1(low, high)),
      kept(cppo::rs_seq_sum_k1(low, high)), kept(cppo::rs_seq_max_k1(low, high)),
      kept(cppo::rs_token_k2(high)), kept(cppo::rs_seq_mean_k2(high)),
      kept(cppo::rs_seq_sum_k2(high)), kept(cppo::rs_seq_max_k2(high)),
      kept(cppo::rs_token_k3(high)), kept(cppo::rs_seq_mean_k3(high)),
      kept(cppo::rs_seq_sum_k3(high)), kept(cppo::rs_seq_max_k3(high)));
  return cppo::trust_region(cppo::no_divergence, cppo::uniform_weight, cppo::at_least(passed, 1));
}
/// A token stays if every rule keeps it.
json rejection_case(auto const& c) {
  std::vector<std::uint8_t> all;
  for (object_reader const& rule : c.params.objects("rules")) {
    auto const mask = c.calls().everything(rejection_rule_of(rule)).mask;
    if (all.empty()) all = mask;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(all[i] & mask[i]);
  }
  return {{"mask", to_json(all)}};
}

}  // namespace

json run_response_case(fold_executor where, object_reader const& c, std::string const& method) {
  if (method == "gspo") return run_fold_case(where, c, [](auto const& x) { return gspo_case(x); });
  if (method == "gmpo" || method == "geo_mean")
    return run_fold_case(where, c, [](auto const& x) { return gmpo_case(x); });
  if (method == "vespo") return run_fold_case(where, c, [](auto const& x) { return vespo_case(x); });
  if (method == "opsm") return run_fold_case(where, c, [](auto const& x) { return opsm_case(x); });
  if (method == "correction_weight") return run_fold_case(where, c, [](auto const& x) { return correction_case(x); });
  if (method == "rejection") return run_fold_case(where, c, [](auto const& x) { return rejection_case(x); });
  if (method == "decoupled_ppo")
    return run_fold_case(where, c, [&](auto const& x) { return decoupled_case(x, c.object("inputs")); });
  return {};
}

}  // namespace conformance
