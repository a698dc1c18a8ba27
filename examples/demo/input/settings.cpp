#include "input/settings.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace demo {

namespace {

/// The thresholds of each region: for total variation those of the paper's dense models, for KL those of its ablation.
cppo::region_config thresholds(shown_divergence const& measure) {
  cppo::region_config c;
  c.divergence = measure.name;
  c.delta = measure.is_kl ? 0.1 : 0.15;
  c.delta_b = measure.is_kl ? 0.002 : 0.015;
  c.w_min = 0.8;
  return c;
}

shown_divergence kl_of(shown_divergence const& measure) {
  if (measure.name == "binary_tv") return divergence_named("binary_kl");
  if (measure.name == "top_k_tv") return divergence_named("top_k_kl");
  if (measure.source == evidence::exact_tv) return {"Full KL", "precomputed", evidence::exact_kl, true};
  return measure;
}

setting make(std::string label, std::string_view region, shown_divergence const& measure) {
  setting s;
  s.label = std::move(label);
  s.measure = measure;
  s.config = thresholds(measure);
  s.config.region = region;
  s.has_budget = region.substr(0, 4) == "cppo" && region != "cppo_no_budget";
  return s;
}

setting clipped(std::string label, shown_divergence const& measure, double low, double high) {
  setting s = make(std::move(label), "ppo", measure);
  s.config.epsilon_low = low;
  s.config.epsilon_high = high;
  s.details = fmt::format("\u03b5 {:g} / {:g}", low, high);
  return s;
}

setting by_divergence(std::string label, std::string_view region, shown_divergence const& measure) {
  setting s = make(std::move(label), region, measure);
  s.details = fmt::format("\u03b4 {:g}", *s.config.delta);
  if (region == "cppo_calibrated" || region == "cppo_calibrated_soft") {
    if (!measure.is_kl) s.config.delta_b = 0.020;
    s.details += fmt::format(", \u03b4_b {:g} to {:g}", *s.config.delta_b,
                             *s.config.delta_b * s.config.calibrate.ceiling_factor);
  } else if (s.has_budget) {
    s.details += fmt::format(", \u03b4_b {:g}", *s.config.delta_b);
  }
  return s;
}

setting whole_response(std::string label, std::string_view region, shown_divergence const& measure, double delta) {
  setting s = make(std::move(label), region, kl_of(measure));
  s.config.delta = delta;
  s.details = fmt::format("{}, \u03b4 {:g}", s.measure.label, delta);
  return s;
}

}  // namespace

shown_divergence divergence_named(std::string_view name) {
  static constexpr shown_divergence known[] = {
      {"Binary-TV", "binary_tv", evidence::log_probs, false},
      {"Binary-KL", "binary_kl", evidence::log_probs, true},
      {"Binary-KL reversed", "binary_kl_reverse", evidence::log_probs, true},
      {"Top-K TV", "top_k_tv", evidence::top_k, false},
      {"Top-K KL", "top_k_kl", evidence::top_k, true},
      {"Top-K TV (last replaced)", "top_k_tv_replace_last", evidence::top_k, false},
      {"Top-K KL (last replaced)", "top_k_kl_replace_last", evidence::top_k, true},
      {"Top-K TV (list only)", "top_k_tv_list", evidence::top_k, false},
      {"Top-K KL (list only)", "top_k_kl_list", evidence::top_k, true},
      {"k1", "k1", evidence::log_probs, true},
      {"k2", "k2", evidence::log_probs, true},
      {"k3", "k3", evidence::log_probs, true},
      {"Given", "precomputed", evidence::given, false},
  };
  auto const found = std::find_if(std::begin(known), std::end(known),
                                  [&](shown_divergence const& d) { return d.name == name; });
  if (found != std::end(known)) return *found;
  for (std::string_view const own : cppo::divergence_names()) {
    if (own == name) return {own, own, evidence::log_probs, false};
  }
  return {name, name, evidence::log_probs, false};
}

std::vector<shown_divergence> divergences_to_compare() {
  return {divergence_named("binary_tv"), divergence_named("top_k_tv"), full_tv,
          divergence_named("binary_kl"), divergence_named("top_k_kl"),
          {"Full KL", "precomputed", evidence::exact_kl, true}};
}

std::vector<setting> all_settings(shown_divergence const& measure) {
  std::vector<setting> all;
  all.push_back(make("No trust region", "none", measure));
  all.push_back(clipped("PPO", measure, 0.2, 0.2));
  all.push_back(clipped("PPO, Clip-Higher", measure, 0.2, 0.28));
  all.push_back(by_divergence("DPPO", "dppo", measure));
  all.push_back(by_divergence("CPPO", "cppo", measure));
  all.push_back(by_divergence("CPPO, calibrated", "cppo_calibrated", measure));
  all.push_back(by_divergence("CPPO, no budget", "cppo_no_budget", measure));
  all.push_back(by_divergence("CPPO, no weight", "cppo_no_weight", measure));
  all.push_back(by_divergence("CPPO, shuffled", "cppo_shuffled", measure));
  all.push_back(by_divergence("CPPO, soft gate", "cppo_soft", measure));
  all.push_back(by_divergence("CPPO, calibrated, soft", "cppo_calibrated_soft", measure));
  all.back().usual = false;
  all.push_back(whole_response("TRM-Max", "trm_max", measure, 0.05));
  all.push_back(whole_response("TRM-Avg", "trm_mean", measure, 0.001));
  for (std::string_view const region : {"none", "ppo", "dppo", "cppo"}) {
    std::find_if(all.begin(), all.end(), [&](setting const& s) { return s.config.region == region; })->trained = true;
  }
  return all;
}

std::vector<setting> chosen_settings(shown_divergence const& measure, std::vector<std::string> const& regions) {
  std::vector<setting> chosen;
  for (setting const& s : all_settings(measure)) {
    bool const named = std::find(regions.begin(), regions.end(), s.config.region) != regions.end();
    if (regions.empty() ? s.usual : named) chosen.push_back(s);
  }
  return chosen;
}

}  // namespace demo
