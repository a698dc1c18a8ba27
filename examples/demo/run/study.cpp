#include "input/input_error.hpp"
#include "run/study.hpp"
#include "report/wording.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace demo {

namespace {

/// Precomputed is the field "divergence", or else the exact total variation, if it is recorded.
shown_divergence as_recorded(std::vector<rollout> const& rollouts, shown_divergence const& asked) {
  if (asked.source != evidence::given) return asked;
  bool const has_field =
      std::any_of(rollouts.begin(), rollouts.end(), [](rollout const& r) { return !r.divergence.empty(); });
  return has_field ? asked : full_tv;
}

/// The numbers of updates to show: those asked for, each of which must be there; else all that have what `source`
/// needs.
std::vector<int> stalenesses(std::vector<rollout> const& rollouts, question const& q, shown_divergence const& measure) {
  std::vector<int> known;
  for (int const updates : known_updates(rollouts)) {
    if (!having(rollouts, updates, measure.source).empty()) known.push_back(updates);
  }
  if (known.empty()) {
    throw input_error(fmt::format("no response has the fields that the divergence {} reads: see --help", measure.name));
  }
  if (q.staleness.empty()) return known;
  for (int const updates : q.staleness) {
    if (std::find(known.begin(), known.end(), updates) != known.end()) continue;
    if (known.front() == unknown_updates) {
      throw input_error(
          fmt::format("--staleness {}: the rollouts do not say how many updates their log_prob is after", updates));
    }
    throw input_error(fmt::format("--staleness {}: the rollouts have what {} needs after {} updates only", updates,
                                  measure.label, fmt::join(known, ", ")));
  }
  std::set<int> const ascending(q.staleness.begin(), q.staleness.end());
  return {ascending.begin(), ascending.end()};
}

/// The first of these numbers of updates after which a response lacks what `s` reads.
std::optional<int> lacking(std::vector<rollout> const& rollouts, std::vector<int> const& ages,
                           shown_divergence const& measure, setting const& s) {
  for (int const updates : ages) {
    auto const members = having(rollouts, updates, measure.source);
    auto const able = having(rollouts, updates, s.measure.source);
    if (!std::includes(able.begin(), able.end(), members.begin(), members.end())) return updates;
  }
  return std::nullopt;
}

/// The input that a rule reads and no file of rollouts has; empty if there is none.
std::string_view not_recorded(setting const& s) {
  trainer::further_inputs const read = trainer::further_inputs_of(s.region);
  return read.entropy ? "entropy" : read.reference_log_prob ? "reference_log_prob" : "";
}

/// True if a setting can be shown; else it is noted that it is trained alone. Throws if it is not trained either.
bool has_inputs(setting const& one, question const& q, study& s) {
  std::string_view const input = not_recorded(one);
  if (input.empty()) return true;
  if (!q.trained) {
    throw input_error(fmt::format("--region {}: it reads {}, which rollouts do not have; the model that is trained on "
                                  "the bundled ones has it (--steps)", one.details, input));
  }
  s.only_trained.push_back(fmt::format("{} ({})", one.label, input));
  return false;
}

/// The trust regions to show: the same after every number of updates, on the same responses. With the exact total
/// variation TRM reads the exact KL, which is a field of its own.
std::vector<setting> settings_to_show(std::vector<rollout> const& rollouts, std::vector<int> const& ages,
                                      question const& q, study& s) {
  std::vector<setting> shown;
  for (setting& one : chosen_settings(s.measure, q.regions)) {
    one.measure = as_recorded(rollouts, one.measure);
    if (!has_inputs(one, q, s)) continue;
    std::optional<int> const updates = lacking(rollouts, ages, s.measure, one);
    if (!updates) {
      shown.push_back(std::move(one));
    } else if (q.regions.empty()) {
      s.left_out.push_back(one.label);
    } else {
      throw input_error(fmt::format("--region {}: not every response that has what {} needs has what {} needs ({})",
                                    one.details, s.measure.label, one.measure.label, after(*updates)));
    }
  }
  if (shown.empty()) {
    shown.push_back(all_settings(s.measure).front());
    s.in_their_place = shown.front().label;
  }
  return shown;
}

block block_at(std::vector<rollout> const& rollouts, int updates, shown_divergence const& measure,
               std::vector<setting> const& shown) {
  block b;
  b.updates = updates;
  lent_batch const batch(rollouts, having(rollouts, updates, measure.source), updates, measure.source);
  b.responses = batch.members().size();
  b.drift = run(rollouts, batch, all_settings(measure).front()).report;
  for (setting const& s : shown) {
    if (s.measure.source == measure.source) {
      b.rows.push_back(run(rollouts, batch, s));
      continue;
    }
    lent_batch const other(rollouts, batch.members(), updates, s.measure.source);
    b.rows.push_back(run(rollouts, other, s));
  }
  return b;
}

comparison compare_at(std::vector<rollout> const& rollouts, int updates) {
  comparison c;
  c.updates = updates;
  // The responses that have Top-K lists after every number of updates, so that every row is about the same tokens.
  std::vector<std::size_t> members;
  for (std::size_t i = 0; i < rollouts.size(); ++i) {
    if (rollouts[i].lists.k > 0) members.push_back(i);
  }
  c.responses = members.size();
  if (members.empty()) return c;
  for (shown_divergence const& measure : divergences_to_compare()) {
    auto const able = having(rollouts, updates, measure.source);
    if (!std::includes(able.begin(), able.end(), members.begin(), members.end())) continue;
    lent_batch const batch(rollouts, members, updates, measure.source);
    comparison::row row{measure, {}};
    std::vector<std::string> labels;
    for (setting const& s : all_settings(measure)) {
      bool const shown = s.name == "dppo" || s.name == "cppo" || s.name == "cppo_calibrated";
      if (!shown) continue;
      row.outcomes.push_back(run(rollouts, batch, s));
      labels.push_back(s.label);
      c.tokens = row.outcomes.back().report.counts.tokens;
    }
    c.regions = labels;
    if (!row.outcomes.empty()) c.rows.push_back(std::move(row));
  }
  return c;
}

/// The trust region whose decisions are shown token by token: one with a prefix budget, a calibrated one if there is
/// one.
setting setting_to_follow(std::vector<setting> const& chosen) {
  auto const rank = [](setting const& s) {
    if (!s.has_budget()) return s.name == "unrestricted" ? 0 : 1;
    return s.ask([](auto const& r) { return r.budget().calibrated() && !r.gate().is_soft(); }) ? 3 : 2;
  };
  return *std::max_element(chosen.begin(), chosen.end(),
                           [&](setting const& a, setting const& b) { return rank(a) < rank(b); });
}

/// The rollout that the user names by its line, one of `members`.
std::size_t wanted_rollout(std::vector<rollout> const& rollouts, std::vector<std::size_t> const& members, long line,
                           shown_divergence const& measure, int updates) {
  auto const same = [&](rollout const& r) { return r.line == line; };
  auto const found = std::find_if(rollouts.begin(), rollouts.end(), same);
  if (found == rollouts.end()) {
    throw input_error(fmt::format("--response {}: no such line in the rollouts", line));
  }
  auto const which = static_cast<std::size_t>(found - rollouts.begin());
  if (!std::binary_search(members.begin(), members.end(), which)) {
    throw input_error(
        fmt::format("--response {}: that line lacks what {} needs {}", line, measure.label, after(updates)));
  }
  return which;
}

followed follow_one(std::vector<rollout> const& rollouts, int updates, shown_divergence const& measure,
                    setting const& s, question const& q) {
  followed f;
  f.updates = updates;
  f.what = s;
  auto const members = having(rollouts, updates, measure.source);
  if (q.response) {
    f.which = wanted_rollout(rollouts, members, *q.response, measure, updates);
    f.chosen_by_user = true;
    f.steps = follow(rollouts, f.which, updates, s);
    return f;
  }
  std::tuple<std::size_t, cppo::index_t, cppo::index_t> best{0, -1, -1};
  for (std::size_t const i : members) {
    trace steps = follow(rollouts, i, updates, s);
    std::size_t const kinds = std::set<std::uint8_t>(steps.decision.begin(), steps.decision.end()).size();
    std::tuple const rank{kinds, steps.report.masked_budget, steps.report.masked()};
    if (rank > best) {
      best = rank;
      f.which = i;
      f.steps = std::move(steps);
    }
  }
  return f;
}

}  // namespace

study answer(std::vector<rollout> const& rollouts, question const& q) {
  study s;
  s.measure = as_recorded(rollouts, asked_divergence(q.divergence, q.regions));
  std::vector<int> const ages = stalenesses(rollouts, q, s.measure);
  std::vector<setting> const shown = settings_to_show(rollouts, ages, q, s);
  for (int const updates : ages) s.blocks.push_back(block_at(rollouts, updates, s.measure, shown));
  if (q.divergence.empty() && q.regions.empty()) {
    for (std::size_t i = ages.size() > 2 ? ages.size() - 2 : 0; i < ages.size(); ++i) {
      comparison c = compare_at(rollouts, ages[i]);
      if (!c.rows.empty()) s.comparisons.push_back(std::move(c));
    }
  }
  s.one = follow_one(rollouts, ages.back(), s.measure, setting_to_follow(shown), q);
  return s;
}

}  // namespace demo
