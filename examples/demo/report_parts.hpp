// The parts of the report, each a piece of HTML.
#pragma once

#include "study.hpp"
#include "vocabulary.hpp"

#include <string>

namespace demo {

/// The style sheet.
extern char const* const style_sheet;

/// How a decision is shown: its class in the style sheet, and its name.
struct appearance {
  char const* style;
  char const* name;
};
appearance appearance_of(cppo::decision d);

/// Masked percent of every policy at every staleness, as a table with bars.
std::string overview(study const& s);
/// Masked percent by relative position, one small chart a policy, at the last staleness.
std::string positions(study const& s);
/// Drift and budget along one response, and each token's own test.
std::string drift_charts(followed const& one);
/// The same response as text, each token coloured by what decided it.
std::string coloured_text(followed const& one, rollout const& r, vocabulary const& words);
/// Every number.
std::string full_tables(study const& s);
/// The comparison of divergences; empty where there is none.
std::string divergence_tables(study const& s);

}  // namespace demo
