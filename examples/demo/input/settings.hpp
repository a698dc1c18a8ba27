// The trust regions that the demo compares, each a `cppo::region_config` with a label.
#pragma once

#include "../trainer/experience.hpp"

#include <cppo/cppo.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace demo {

using trainer::evidence;  // `given`: the field "divergence" of the rollout file

/// A divergence as the demo shows it.
struct shown_divergence {
  std::string_view label;  ///< as shown
  std::string_view name;   ///< one of `cppo::divergence_names()`
  evidence source = evidence::log_probs;
  bool is_kl = false;  ///< true: in nats, with thresholds for KL
};

/// One trust region to run.
struct setting {
  std::string label;    ///< as shown
  std::string details;  ///< its parameters
  shown_divergence measure;        ///< its divergence
  cppo::region_config config;
  bool has_budget = false;
  bool usual = true;     ///< shown where no region is asked for by name
  bool trained = false;  ///< trained where no region is asked for by name
};

/// Total variation over the whole vocabulary, lent as precomputed.
inline constexpr shown_divergence full_tv{"Full TV", "precomputed", evidence::exact_tv, false};
/// The divergence of that name in `cppo::divergence_names()`.
shown_divergence divergence_named(std::string_view name);
/// The divergences that the last part of the table compares.
std::vector<shown_divergence> divergences_to_compare();
/// Every setting under a divergence. TRM is defined for KL, so it takes the KL from the same evidence.
std::vector<setting> all_settings(shown_divergence const& measure);
/// The settings whose library name is in `regions`; the usual ones if that is empty.
std::vector<setting> chosen_settings(shown_divergence const& measure, std::vector<std::string> const& regions);

}  // namespace demo
