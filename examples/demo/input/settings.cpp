#include "input/settings.hpp"

#include "input/region_text.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace demo {

namespace {

/// Thresholds: for total variation those of the paper's dense models, for KL those of its ablation.
struct thresholds {
  double delta, delta_b, floor;
  explicit thresholds(shown_divergence const& d)
      : delta(d.is_kl ? 0.1 : 0.15), delta_b(d.is_kl ? 0.002 : 0.015), floor(d.is_kl ? 0.002 : 0.020) {}
};

shown_divergence kl_of(shown_divergence const& measure) {
  if (measure.name == "binary_tv") return divergence_named("binary_kl");
  if (measure.name == "top_k_tv") return divergence_named("top_k_kl");
  if (measure.source == evidence::exact_tv) return full_kl;
  return measure;
}

setting make(std::string name, std::string label, std::string const& text, std::string details,
             shown_divergence const& measure) {
  read_text const read = read_region(text);
  if (!read.error.empty()) throw std::logic_error(text + ": " + read.error);
  return {std::move(name), std::move(label), std::move(details), measure, read.region};
}

std::vector<setting> without_divergence(shown_divergence const& measure) {
  auto const clipped = [&](std::string name, std::string label, double high) {
    return make(std::move(name), std::move(label),
                fmt::format("reporting(ppo(epsilon_low = 0.2, epsilon_high = {}), {})", high, measure.name),
                fmt::format("\u03b5 0.2 / {:g}", high), measure);
  };
  return {make("unrestricted", "No trust region", fmt::format("reporting(unrestricted, {})", measure.name), "",
               measure),
          clipped("ppo", "PPO", 0.2), clipped("ppo_clip_higher", "PPO, Clip-Higher", 0.28)};
}

std::vector<setting> by_divergence(shown_divergence const& measure) {
  thresholds const c(measure);
  std::string const d(measure.name);
  std::string const own = fmt::format("\u03b4 {:g}", c.delta), fixed = own + fmt::format(", \u03b4_b {:g}", c.delta_b);
  std::string const calibrated = own + fmt::format(", \u03b4_b {:g} to {:g}", c.floor, 2.0 * c.floor);
  std::string const within = fmt::format("toward_rollout | divergence_within({})", c.delta);
  std::string const both = fmt::format("toward_rollout | (divergence_within({0}) & prefix_budget({0}, {1}))", c.delta,
                                       c.delta_b);
  std::string const cppo = fmt::format("fixed_cppo({}, {}, 0.8, {})", c.delta, c.delta_b, d);
  std::string const of_response = fmt::format("calibrated_cppo({}, {}, 0.8, {})", c.delta, c.floor, d);
  auto const parts = [&](char const* weight, std::string const& mask) {
    return fmt::format("trust_region({}, {}, {})", d, weight, mask);
  };
  return {
      make("dppo", "DPPO", fmt::format("dppo(delta = {}, divergence = {})", c.delta, d), own, measure),
      make("cppo", "CPPO", cppo, fixed, measure),
      make("cppo_calibrated", "CPPO, calibrated", of_response, calibrated, measure),
      make("cppo_no_budget", "CPPO, no budget", parts("linear_weight(0.8)", within), own, measure),
      make("cppo_no_weight", "CPPO, no weight", parts("uniform_weight", both), fixed, measure),
      make("cppo_shuffled", "CPPO, shuffled", parts("permuted(linear_weight(0.8), 0)", both), fixed, measure),
      make("cppo_soft", "CPPO, soft gate", "softened(" + cppo + ", reciprocal_gate)", fixed, measure),
      make("cppo_calibrated_soft", "CPPO, calibrated, soft", "softened(" + of_response + ", reciprocal_gate)",
           calibrated, measure),
  };
}

setting whole_response(std::string name, std::string label, shown_divergence const& measure, double delta) {
  shown_divergence const kl = kl_of(measure);
  std::string const text = fmt::format("{}({}, {})", name, delta, kl.name);
  return make(std::move(name), std::move(label), text, fmt::format("{}, \u03b4 {:g}", kl.label, delta), kl);
}

cppo::named_divergence divergence_of(dispatch::region_or_rule const& region) {
  return std::visit([](auto const& r) { return r.divergence(); }, region);
}

/// A region or rule that the user has written. One without a divergence reports `measure`, if it may.
setting own(std::string const& text, std::size_t number, shown_divergence const& measure) {
  setting s = make("", fmt::format("Region {}", number), text, text, measure);
  cppo::named_divergence const divergence = divergence_of(s.region);
  if (!(divergence == cppo::named_divergence(cppo::no_divergence))) {
    if (name_of(divergence) != measure.name) s.measure = divergence_named(name_of(divergence));
  } else {
    read_text const reporting = read_region(fmt::format("reporting({}, {})", text_of(s.region), measure.name));
    if (reporting.error.empty()) s.region = reporting.region;
  }
  s.name = text_of(s.region);
  if (s.name.empty()) s.name = text;
  return s;
}

}  // namespace

bool any_own_loss(std::vector<setting> const& settings) {
  return std::any_of(settings.begin(), settings.end(), [](setting const& s) { return s.has_own_loss(); });
}

std::string_view name_of(cppo::named_divergence d) {
  return cppo::divergence_names()[static_cast<std::size_t>(d.index())];
}

std::vector<std::string_view> divergence_options() {
  auto const& own = cppo::divergence_names();
  std::vector<std::string_view> names(std::begin(own), std::end(own));
  names.insert(names.end(), {"full_tv", "full_kl"});
  return names;
}

shown_divergence divergence_named(std::string_view name) {
  if (name == "full_tv") return full_tv;
  if (name == "full_kl") return full_kl;
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

shown_divergence asked_divergence(std::string_view name, std::vector<std::string> const& regions) {
  if (!name.empty()) return divergence_named(name);
  for (std::string const& text : regions) {
    cppo::named_divergence const d = divergence_of(read_region(text).region);
    if (!(d == cppo::named_divergence(cppo::no_divergence))) return divergence_named(name_of(d));
  }
  return divergence_named("binary_tv");
}

std::vector<shown_divergence> divergences_to_compare() {
  return {divergence_named("binary_tv"), divergence_named("top_k_tv"), full_tv,
          divergence_named("binary_kl"), divergence_named("top_k_kl"), full_kl};
}

std::vector<setting> all_settings(shown_divergence const& measure) {
  std::vector<setting> all = without_divergence(measure);
  for (setting& s : by_divergence(measure)) all.push_back(std::move(s));
  all.push_back(whole_response("trm_max", "TRM-Max", measure, 0.05));
  all.push_back(whole_response("trm_mean", "TRM-Avg", measure, 0.001));
  for (setting& s : all) {
    s.usual = s.name != "cppo_calibrated_soft";
    s.trained = s.name == "unrestricted" || s.name == "ppo" || s.name == "dppo" || s.name == "cppo";
  }
  return all;
}

std::vector<setting> chosen_settings(shown_divergence const& measure, std::vector<std::string> const& regions) {
  std::vector<setting> chosen;
  for (std::string const& text : regions) chosen.push_back(own(text, chosen.size() + 1, measure));
  if (!regions.empty()) return chosen;
  chosen = all_settings(measure);
  std::erase_if(chosen, [](setting const& s) { return !s.usual; });
  return chosen;
}

}  // namespace demo
