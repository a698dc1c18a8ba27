// The trust regions and rules that the demo compares, each as data with a label.
#pragma once

#include "../trainer/experience.hpp"

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

/// One trust region or rule to run.
struct setting {
  std::string name;          ///< as files name it; of a region of the user's own, its text
  std::string label;         ///< as shown
  std::string details;       ///< its parameters
  shown_divergence measure;  ///< its divergence
  dispatch::region_or_rule region;
  bool usual = true;     ///< shown where no region is asked for
  bool trained = false;  ///< trained where no region is asked for

  /// What f says of the region or rule.
  template <class F>
  auto ask(F const& f) const {
    return std::visit(f, region);
  }
  bool has_budget() const {
    return ask([](auto const& r) { return r.mask().has_budget(); });
  }
  /// True if an update toward the rollout policy is always kept.
  bool is_one_sided() const {
    return ask([](auto const& r) { return r.mask().has(cppo::clause::toward); });
  }
  /// True if its loss is another than -A rho M.
  bool has_own_loss() const {
    auto const* const rule = std::get_if<cppo::described_rule>(&region);
    return rule != nullptr && rule->owns_surrogate();
  }
};

/// True if one has a loss of its own.
bool any_own_loss(std::vector<setting> const& settings);

/// Total variation and KL(mu || pi) over the whole vocabulary, lent as precomputed.
/// @{
inline constexpr shown_divergence full_tv{"Full TV", "precomputed", evidence::exact_tv, false};
inline constexpr shown_divergence full_kl{"Full KL", "precomputed", evidence::exact_kl, true};
/// @}
/// The names that `--divergence` takes: those of the library, and "full_tv" and "full_kl".
std::vector<std::string_view> divergence_options();
/// The divergence of one of these names.
shown_divergence divergence_named(std::string_view name);
/// The divergence asked for: the named one; without a name that of the first region that has one, or Binary-TV.
shown_divergence asked_divergence(std::string_view name, std::vector<std::string> const& regions);
/// The name of a divergence there.
std::string_view name_of(cppo::named_divergence d);
/// The divergences that the last part of the table compares.
std::vector<shown_divergence> divergences_to_compare();
/// Every setting under a divergence. TRM is defined for KL, so it takes the KL from the same evidence.
std::vector<setting> all_settings(shown_divergence const& measure);
/// The settings of `regions`, each the text of a region or rule; the usual ones if that is empty. One without a
/// divergence reports `measure`.
std::vector<setting> chosen_settings(shown_divergence const& measure, std::vector<std::string> const& regions);

}  // namespace demo
